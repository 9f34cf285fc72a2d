"""What records say of a claim: for each scope a state, and one sentence that can be quoted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SUPPORTED = "supported"
REFUTED = "refuted"
DEPENDS = "it depends"
UNDECIDED = "undecided"
STATES = (SUPPORTED, REFUTED, DEPENDS, UNDECIDED)

MOST_WORDS = 35

#: How states are told from numbers, cited with every verdict. Its version changes with the rule.
RULE = {
    "name": "interval",
    "version": 2,
    "text": (
        "A direction is claimed where the 95% interval excludes no difference; a size where it "
        "clears what the claim takes for none (delta). Of arms timed in turn it is the interval of "
        "the look's level, corrected for all cells of a claim (Holm), and none is claimed where "
        "A/A controls differ more often than by chance. The rest is undecided."
    ),
}


@dataclass(frozen=True)
class Effect:
    """One number that a judgement rests on, as it is cited.

    Args:
        quantity: what it is, in words: ``reach``, ``speed ratio``.
        unit: ``tokens``, ``times``, ``bytes``.
        value, low, high: with the ends of its interval, None where there are too few for one.
        n: seeds or rounds that it is made from.
        records: keys of those.
        where: coordinates that tell it from the judgement's other numbers.
        level: of the interval.
        launches: sets of fresh processes, where rounds were timed.
        control: the ends of the A/A control's interval, where one ran.
    """

    quantity: str
    unit: str
    value: float
    low: float | None
    high: float | None
    n: int
    records: Sequence[str]
    where: Mapping[str, Any] = field(default_factory=dict)
    level: float = 0.95
    launches: int | None = None
    control: tuple[float, float] | None = None


@dataclass(frozen=True)
class Judgement:
    """One claim within one scope.

    Args:
        scope: the coordinates that it is about, by name.
        state: one of ``STATES``.
        sentence: with number, interval and scope, at most 35 words.
        records: keys of what it rests on.
        figure: name of the picture that shows it, as its section calls it.
        why: of what is undecided, what it lacks, in a few words that other scopes share.
        effects: the numbers that it rests on.

    Raises:
        ValueError: a state or a sentence that is none.
    """

    scope: Mapping[str, Any]
    state: str
    sentence: str
    records: Sequence[str] = field(default_factory=list)
    figure: str | None = None
    why: str = ""
    effects: Sequence[Effect] = ()

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}. Got {self.state!r}.")
        words = len(self.sentence.split())
        if not 0 < words <= MOST_WORDS:
            raise ValueError(
                f"expected a sentence of at most {MOST_WORDS} words. Got {words}: {self.sentence!r}"
            )


def overall(judgements: Sequence[Judgement]) -> str:
    """What all scopes say together: those that cannot be decided are silent where others can."""
    states = {judgement.state for judgement in judgements} - {UNDECIDED}
    if not states:
        return UNDECIDED
    return states.pop() if len(states) == 1 else DEPENDS
