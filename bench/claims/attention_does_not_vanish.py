"""Attention's gradient does not vanish with distance.

Every token is one step from the loss in every layer (Vaswani et al., 2017). What comes to each of
them is spread over the window: thin, which is the second number of the headline, and still level.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from bench import registry
from bench.claims.rules import lengths, said
from bench.claims.rules.flows import Flow, flows, most_seeds
from bench.claims.rules.lengths import Decided
from bench.page import judgement
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.statistics import intervals
from bench.statistics.intervals import Estimate

SENTENCE = "Attention's gradient does not vanish with distance"
QUANTITY = "mean norm at the farthest tenth of the window over that at the nearest"
DIRECTION = "not below a hundredth"
LOOKS = "once, when all seeds are in; each scope by itself, no correction for their number"
NEEDS = "probe gradient of a transformer, with six seeds"
PLACE = 300
SCOPE = ("comparison", "task", "data", "arm", "device", "dtype", "when")
TABLES = ("gradient",)
DELTA = 0.01  # of the nearest: what has less left has vanished
SUPPORTED = "the interval of the ratio lies above 0.01 at every length that is decided"
REFUTED = "the interval of the ratio lies below 0.01"

_THIN = "gradient of the nearest token over that of the loss's own"
_LEVEL = "gradient of the farthest tenth over that of the nearest"


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each transformer, setting and stage, over the lengths measured."""
    gradient, arms = evidence["gradient"], registry.of_family("transformer")
    return [
        _judge(found)
        for when in said.STAGES
        for found in most_seeds(flows(gradient, when, arms), SCOPE)
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """How level it is in the longest window where it is so, and where it is not."""
    held = [each for each in judgements if each.state == judgement.SUPPORTED]
    if not held:
        return said.commonest(judgements)
    levels = [
        said.longest(judged, [each for each in judged.effects if each.quantity == _LEVEL])
        for judged in held
    ]
    judged, longest = max(zip(held, levels, strict=True), key=lambda pair: _length(pair[1]))
    thin = [e.value for e in judged.effects if e.quantity == _THIN and e.where == longest.where]
    share = (
        f", a token there 1/{float(f'{1 / thin[0]:.2g}'):,.0f} of the loss's own"
        if thin and thin[0]
        else ""
    )
    return said.fitting(
        f"Of {_length(longest):,} tokens the farthest tenth gets "
        f"{said.times(said.estimate(longest))} times the gradient of the nearest{share}",
        f"; {said.counted(judgements)}",
        said.exceptions(judgements),
    )


def _length(effect: Effect) -> int:
    return int(effect.where["length"])


def _judge(found: Mapping[int, Flow]) -> Judgement:
    at = {length: _decided(_level(flow)) for length, flow in found.items()}
    decided = lengths.together(at)
    last = found[
        lengths.quoted(at, decided, {length: len(_levels(found[length])) for length in at})
    ]
    return Judgement(
        scope={name: last.where[name] for name in SCOPE} | {"lengths": lengths.used(at)},
        state=decided.state,
        sentence=(
            f"{said.begins(last.where['arm'])} "
            f"({said.place(last.where, said.STAGES[last.where['when']])}): the farthest tenth of "
            f"{last.farthest:,} tokens gets {said.times(_level(last))} times the gradient "
            f"of the nearest; {_VERDICT[decided.state]}{decided.why}."
        ),
        records=[key for flow in found.values() for key in flow.records],
        figure=said.picture(found, one="gradient_flow", several="reach_by_length"),
        why=decided.why if decided.state == judgement.UNDECIDED else "",
        effects=[effect for flow in found.values() for effect in _effects(flow)],
    )


_VERDICT = {
    judgement.SUPPORTED: "it does not vanish",
    judgement.REFUTED: "it vanishes",
    judgement.DEPENDS: "it does not vanish ",
    judgement.UNDECIDED: "undecided, ",
}


def _decided(level: Estimate) -> Decided:
    if math.isnan(level.low):
        return Decided(judgement.UNDECIDED, lengths.FEW_SEEDS)
    if level.low > DELTA:
        return Decided(judgement.SUPPORTED)
    if level.high < DELTA:
        return Decided(judgement.REFUTED)
    return Decided(judgement.UNDECIDED, f"the interval straddles {DELTA:g}")


def _level(flow: Flow) -> Estimate:
    """The farthest tenth over the nearest."""
    return intervals.median(list(_levels(flow).values()))


def _levels(flow: Flow) -> dict[str, float]:
    """By record; nothing over nothing is no number, and left out."""
    found = {row["record"]: row["far_over_near"] for row in flow.seeds.values()}
    return {key: value for key, value in found.items() if not pd.isna(value)}


def _thin(flow: Flow) -> dict[str, float]:
    """The nearest token over the loss's own position, by record."""
    rows = [row for row in flow.seeds.values() if row["norm_at_loss"] and row["norm_at_nearest"]]
    found = {row["record"]: row["norm_at_nearest"] / row["norm_at_loss"] for row in rows}
    return {key: value for key, value in found.items() if not pd.isna(value)}


def _effects(flow: Flow) -> Iterator[Effect]:
    """How thin it is, and how level, each of the seeds that have a number."""
    for quantity, found in ((_THIN, _thin(flow)), (_LEVEL, _levels(flow))):
        if found:
            number = intervals.median(list(found.values()))
            yield Effect(
                quantity, "times", number.value, *said.ends(number), len(found), list(found),
                {"length": flow.length},
            )  # fmt: skip
