"""How claims about growth are decided: by how much two exponents of the window's length differ."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.claims.rules.said import ends
from bench.claims.rules.timing import fitting
from bench.page import judgement
from bench.page.judgement import Effect, Judgement
from bench.page.numbers import ranged
from bench.statistics.intervals import Estimate

LEAST_LENGTHS = 3  # a power through two lengths fits anything
FEWER = "fewer than three lengths"
BENT = "no one power fits these lengths"
NOISE = "no difference beyond noise"
LOST = "not certain among so many comparisons"


@dataclass(frozen=True)
class Grown:
    """What grows with two arms, attention's and a recurrence's.

    Args:
        what: grows: ``the time of a training step``.
        arms: attention's and the recurrence's, as sentences call them.
        lengths: at which both were measured, ascending.
        place: where, in brackets; ``brief`` is the same in as few words as will do.
        scope: where, by name.
        records: that it rests on.
        figure: name of the picture that shows it.
        powers: each arm's exponent, where it is known.
        n: rounds, or numbers, that the difference is made from.
        launches: of new processes, where rounds were timed.
        body: by how much the exponents of the layers' time alone differ, and the level of that
            interval, where it was timed apart.
        body_powers: each arm's exponent of it, where it is known.
    """

    what: str
    arms: tuple[str, str]
    lengths: Sequence[int]
    place: str
    brief: str
    scope: dict[str, Any]
    records: Sequence[str]
    figure: str
    powers: tuple[Estimate, Estimate] | None = None
    n: int = 0
    launches: int | None = None
    body: tuple[Estimate, float] | None = None
    body_powers: tuple[Estimate, Estimate] | None = None


def judge(
    grown: Grown, apart: Estimate | None, level: float, *, delta: float, stands: bool, why: str = ""
) -> Judgement:
    """Whether attention's exponent is the larger: its interval decides.

    Args:
        grown: what grows.
        apart: attention's exponent less the recurrence's; None where it cannot be told.
        level: of its interval.
        delta: exponents that differ by less are the same.
        stands: whether it does among all cells of the claim.
        why: why it cannot be told, or not be claimed.
    """
    if apart is None or why:
        state, why = judgement.UNDECIDED, why or FEWER
    elif _same(apart, delta):
        state = judgement.REFUTED
    elif stands and (apart.low > 0 or apart.high < 0):
        state = judgement.SUPPORTED if apart.low > 0 else judgement.REFUTED
    else:
        within = apart.low <= 0 <= apart.high
        state, why = judgement.UNDECIDED, NOISE if within else LOST
    return Judgement(
        scope=grown.scope | {"lengths": list(grown.lengths)},
        state=state,
        sentence=_sentence(grown, apart, why, delta),
        records=grown.records,
        figure=grown.figure,
        why=why,
        effects=_effects(grown, apart, level),
    )


def headline(judgements: Sequence[Judgement]) -> str:
    """The clearest judgement of the commonest state among those decided, and their counts.

    Args:
        judgements: of one claim, some decided.
    """
    decided = [j for j in judgements if j.state != judgement.UNDECIDED]
    faster = sum(j.state == judgement.SUPPORTED for j in decided)
    wanted = judgement.SUPPORTED if 2 * faster >= len(decided) else judgement.REFUTED
    told = max((j for j in decided if j.state == wanted), key=_clear)
    if len(judgements) == 1:
        return told.sentence
    text = f"{told.sentence[:-1]}; faster in {faster} of {len(judgements)}"
    lost = len(judgements) - len(decided)
    undecided = f", {lost} undecided" if lost else ""
    return fitting(f"{text} comparisons{undecided}.", f"{text}{undecided}.", told.sentence)


def _clear(found: Judgement) -> float:
    """How far the interval of the difference lies from none, in widths of it."""
    effect = found.effects[0]
    if effect.low is None or effect.high is None:
        return 0.0
    return abs(effect.value) / max(effect.high - effect.low, 1e-9)


def _same(apart: Estimate, delta: float) -> bool:
    """Whether the two differ by less than what counts, whether or not they differ."""
    return -delta < apart.low and apart.high < delta


def _sentence(grown: Grown, apart: Estimate | None, why: str, delta: float) -> str:
    span = f"From T={grown.lengths[0]} to {grown.lengths[-1]}"
    attention, recurrence = grown.arms
    undecided = f": undecided, {why}" if why else ""
    if apart is None:
        text = f"{span} {grown.what} was measured with {attention} and {recurrence}"
        places = (f" {grown.place}", f" {grown.brief}", "")
        return fitting(*(f"{text}{place}{undecided}." for place in places))
    turned = apart.high < 0 and not why and not _same(apart, delta)
    told = apart.map(operator.neg) if turned else apart
    number = f"exponents {ranged('exponent', told.value, told.low, told.high)} apart"
    if why:
        how = f"grows with {attention} and {recurrence}, {number}"
    elif not _same(apart, delta):
        how = f"grows {'faster' if apart.low > 0 else 'more slowly'} with {attention} than with "
        how += f"{recurrence}, {number}"
    else:
        how = f"grows the same with {attention} and {recurrence}, {number}"
    body = powers = ""
    if grown.body is not None:
        alone = grown.body[0].map(operator.neg) if turned else grown.body[0]
        body = f"; the body {ranged('exponent', alone.value, alone.low, alone.high)}"
    if grown.powers is not None:
        each = (f"T^{ranged('exponent', p.value, p.low, p.high)}" for p in grown.powers)
        powers = f" ({', '.join(each)})"
    text = f"{span} {grown.what} {how}"
    return fitting(
        f"{text}{body}{powers} {grown.place}{undecided}.",
        f"{text}{body} {grown.place}{undecided}.",
        f"{text} {grown.place}{undecided}.",
        f"{text} {grown.brief}{undecided}.",
        f"{text}{undecided}.",
    )


def _effects(grown: Grown, apart: Estimate | None, level: float) -> list[Effect]:
    where: dict[str, Any] = {"shortest": grown.lengths[0], "longest": grown.lengths[-1]}
    found = [] if apart is None else [("difference of exponents", apart, level, where)]
    if grown.body is not None:
        found.append(("difference of exponents of the body", *grown.body, where))
    found += [
        (quantity, power, 0.95, where | {"of": arm})
        for quantity, powers in (
            ("exponent", grown.powers),
            ("exponent of the body", grown.body_powers),
        )
        for arm, power in zip(grown.arms, powers or (), strict=False)
    ]
    return [
        Effect(
            quantity,
            "powers of T",
            number.value,
            *ends(number),
            n=grown.n,
            records=grown.records,
            where=coordinates,
            level=of,
            launches=grown.launches,
        )
        for quantity, number, of, coordinates in found
    ]
