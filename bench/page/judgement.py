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

    Raises:
        ValueError: a state or a sentence that is none.
    """

    scope: Mapping[str, Any]
    state: str
    sentence: str
    records: Sequence[str] = field(default_factory=list)
    figure: str | None = None
    why: str = ""

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
