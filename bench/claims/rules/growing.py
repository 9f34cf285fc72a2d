"""How claims about growth are decided: by how much two exponents of the window's length differ."""

import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.claims.rules.said import ends
from bench.claims.rules.timing import fitting
from bench.page import judgement
from bench.page.judgement import Effect, Judgement
from bench.page.numbers import cell_text, listed, ranged
from bench.statistics.growth import Apart, Span
from bench.statistics.intervals import Estimate

LEAST_LENGTHS = 3  # with two there is no step that could go another way than the whole
FEWER = "fewer than three lengths"
NOISE = "no difference beyond noise"
LOST = "not certain among so many comparisons"
TURNS = "faster over some lengths, more slowly over others"


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
        powers: each arm's own exponent, where it is known: cited, and not said, as one fitted to
            all lengths is not their mean.
        n: rounds, or numbers, that the difference is made from.
        launches: of new processes, where rounds were timed.
        body: by how much the exponents of the layers' time alone differ, where it was timed apart.
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
    body: Span | None = None
    body_powers: tuple[Estimate, Estimate] | None = None


def judge(
    grown: Grown, apart: Apart | None, *, delta: float, stands: bool, why: str = ""
) -> Judgement:
    """Whether attention's exponent is the larger from the shortest length to the longest.

    The interval of the whole decides; where steps from one length to the next go the other way
    beyond chance, and by delta or more, it depends on the length.

    Args:
        grown: what grows.
        apart: attention's exponent less the recurrence's; None where it cannot be told.
        delta: exponents that differ by less are the same.
        stands: whether the whole does among all cells of the claim.
        why: why it cannot be told, or not be claimed.
    """
    against: list[Span] = []
    if apart is None or why:
        state, why = judgement.UNDECIDED, why or FEWER
    else:
        state, why, against = _decided(apart, delta, stands=stands)
    return Judgement(
        scope=grown.scope | {"lengths": list(grown.lengths)},
        state=state,
        sentence=_sentence(grown, apart, why, delta, against),
        records=grown.records,
        figure=grown.figure,
        why=why,
        effects=_effects(grown, apart),
    )


def _decided(apart: Apart, delta: float, *, stands: bool) -> tuple[str, str, list[Span]]:
    """The state, why nothing is decided, and the steps that go another way."""
    whole, ways = apart.whole, apart.ways(delta)
    ups = [step for step in ways if step.exponent.value > 0]
    downs = [step for step in ways if step.exponent.value < 0]
    low, high = whole.exponent.low, whole.exponent.high
    if whole.same(delta):
        state, against = judgement.REFUTED, ways if ups and downs else []
    elif stands and (low > 0 or high < 0):
        state = judgement.SUPPORTED if low > 0 else judgement.REFUTED
        against = downs if low > 0 else ups
    elif ups and downs:
        return judgement.UNDECIDED, TURNS, []
    else:
        return judgement.UNDECIDED, NOISE if low <= 0 <= high else LOST, []
    return judgement.DEPENDS if against else state, "", against


def headline(judgements: Sequence[Judgement]) -> str:
    """The clearest judgement of the commonest state among those decided, and their counts.

    Args:
        judgements: of one claim, some decided.
    """
    decided = [j for j in judgements if j.state != judgement.UNDECIDED]
    states = Counter(j.state for j in decided)
    wanted = max(judgement.STATES, key=lambda state: states[state])  # of as many, the first
    told = max((j for j in decided if j.state == wanted), key=_clear)
    faster, depends = states[judgement.SUPPORTED], states[judgement.DEPENDS]
    if len(judgements) == 1:
        return told.sentence
    count = f"; faster in {faster} of {len(judgements)}"
    text = f"{told.sentence[:-1]}{count}"
    lost = len(judgements) - len(decided)
    rest = f", partly in {depends}" if depends else ""
    rest += f", {lost} undecided" if lost else ""
    candidates = [f"{text} comparisons{rest}.", f"{text}{rest}."]
    if told.sentence.endswith(")."):  # the place: of it the device is worth its words most
        candidates.append(
            f"{told.sentence.rpartition(' (')[0]}, {told.scope['device']}{count}{rest}."
        )
    return fitting(*candidates, f"{text}.", told.sentence)


def _clear(found: Judgement) -> float:
    """How far the interval of the difference lies from none, in widths of it."""
    effect = found.effects[0]
    if effect.low is None or effect.high is None:
        return 0.0
    return abs(effect.value) / max(effect.high - effect.low, 1e-9)


def _sentence(
    grown: Grown, apart: Apart | None, why: str, delta: float, against: Sequence[Span]
) -> str:
    first, last = grown.lengths[0], grown.lengths[-1]
    span = f"From T={first} to {last}" if first != last else f"At T={first}"
    attention, recurrence = grown.arms
    undecided = f": undecided, {why}" if why else ""
    if apart is None:
        text = f"{span} {grown.what} was measured with {attention} and {recurrence}"
        places = (f" {grown.place}", f" {grown.brief}", "")
        return fitting(*(f"{text}{place}{undecided}." for place in places))
    same, found = apart.whole.same(delta), apart.whole.exponent
    turned = found.high < 0 and not why and not same
    number = f"exponents {_number(found.map(operator.neg) if turned else found)} apart"
    if why:
        how = f"grows with {attention} and {recurrence}, {number}"
    elif same:
        how = f"grows the same with {attention} and {recurrence}, {number}"
    else:
        how = f"grows {_way(found)} with {attention} than with {recurrence}, {number}"
    but = f", but {_ways(against)}" if against else ""
    body = ""
    if grown.body is not None:
        alone = grown.body.exponent
        body = f"; the body {_number(alone.map(operator.neg) if turned else alone)}"
    text = f"{span} {grown.what} {how}"
    return fitting(
        f"{text}{but}{body} {grown.place}{undecided}.",
        f"{text}{but} {grown.place}{undecided}.",
        f"{text}{but} {grown.brief}{undecided}.",
        f"{text}{but}{undecided}.",
        f"{text}{', but not over all lengths' if against else ''}{undecided}.",
    )


def _way(exponent: Estimate) -> str:
    return "faster" if exponent.value > 0 else "more slowly"


def _ways(steps: Sequence[Span]) -> str:
    """In which steps it grows faster, and in which more slowly."""
    ways: dict[str, list[str]] = {}
    for step in steps:
        ways.setdefault(_way(step.exponent), []).append(f"{step.shortest}–{step.longest}")
    return listed(f"{way} at T={listed(spans)}" for way, spans in ways.items())


def _number(exponent: Estimate) -> str:
    """With its interval, which what was counted has none of."""
    if exponent.low == exponent.high:
        return cell_text(exponent.value, "exponent")
    return ranged("exponent", exponent.value, exponent.low, exponent.high)


def _effects(grown: Grown, apart: Apart | None) -> list[Effect]:
    where: dict[str, Any] = {"shortest": grown.lengths[0], "longest": grown.lengths[-1]}
    spans = [] if apart is None else [("difference of exponents", apart.whole)]
    spans += [] if grown.body is None else [("difference of exponents of the body", grown.body)]
    found = [(quantity, span.exponent, span.level, where) for quantity, span in spans]
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
