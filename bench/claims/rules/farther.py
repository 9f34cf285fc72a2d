"""Whether one setting's gradient reaches farther than another's, seed by seed, length by length.

Each scope is decided by its own 95% interval, with no correction for how many there are: of twenty
without a difference one may be claimed by chance.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.claims.rules import lengths, said
from bench.claims.rules.flows import SETTING, Flow
from bench.claims.rules.lengths import Decided
from bench.page import judgement, words
from bench.page.judgement import Effect, Judgement
from bench.statistics import intervals
from bench.statistics.intervals import Estimate


@dataclass(frozen=True)
class Pair:
    """The same seeds in two settings, of which the first is said to reach farther."""

    far: Flow
    near: Flow

    @cached_property
    def seeds(self) -> list[int]:
        """Those that both have."""
        return sorted(self.far.reaches.keys() & self.near.reaches.keys())

    @cached_property
    def ratio(self) -> Estimate:
        """Of the reaches, the median over seeds; reaching no token counts as reaching one."""
        far, near = self.far.reaches, self.near.reaches
        both = self.seeds
        return intervals.paired_ratio(
            [max(far[seed], 1.0) for seed in both], [max(near[seed], 1.0) for seed in both]
        )

    @property
    def records(self) -> list[str]:
        """Keys, of one record once."""
        return list(
            dict.fromkeys(
                flow.seeds[seed]["record"] for flow in (self.near, self.far) for seed in self.seeds
            )
        )

    def decided(self, delta: float) -> Decided:
        """Farther by more than delta, not farther, or undecided."""
        if math.isnan(self.ratio.low):
            return Decided(judgement.UNDECIDED, lengths.FEW_SEEDS)
        if self.far.whole and self.near.whole:
            return Decided(judgement.UNDECIDED, "both reach the whole window")
        if self.ratio.low > 1 + delta:
            return Decided(judgement.SUPPORTED)
        if self.ratio.high < 1 + delta:
            return Decided(judgement.REFUTED)
        return Decided(judgement.UNDECIDED, f"the interval straddles {1 + delta:g}")

    def effect(self, quantity: str) -> Effect:
        """As it is cited."""
        return Effect(
            quantity, "times", self.ratio.value, *said.ends(self.ratio), len(self.seeds),
            self.records, {"length": self.far.length},
        )  # fmt: skip


def pairs(
    far: Iterable[Flow],
    near: Iterable[Flow],
    but: Collection[str],
    names: Sequence[str],
    fits: Callable[[Pair], bool] = lambda pair: True,
) -> list[dict[int, Pair]]:
    """The pairs of each scope, by growing length; of several, that of most seeds, and the first.

    Args:
        far, near: the flows that are to reach farther, and those that they are beside.
        but: in what the two of a pair may differ; they agree in all else.
        names: in what those that reach farther agree within a scope.
        fits: whether two flows are a pair, beyond that.
    """
    alike = [name for name in SETTING if name not in but]
    beside: dict[tuple[Any, ...], list[Flow]] = {}
    for flow in near:
        beside.setdefault(flow.at(alike), []).append(flow)
    scopes: dict[tuple[Any, ...], dict[int, Pair]] = {}
    for flow in far:
        for pair in filter(fits, (Pair(flow, other) for other in beside.get(flow.at(alike), ()))):
            lengths = scopes.setdefault(flow.at(names), {})
            known = lengths.get(flow.length)
            if len(pair.seeds) > (0 if known is None else len(known.seeds)):
                lengths[flow.length] = pair
    return [dict(sorted(lengths.items())) for lengths in scopes.values() if lengths]


def judge(
    beside: Mapping[int, Pair],
    names: Sequence[str],
    delta: float,
    *,
    more: Callable[[Pair], str],
    than: Callable[[Pair], str],
    figure: str,
) -> Judgement:
    """One judgement over lengths, each with a pair; one of them is quoted.

    Args:
        beside: by growing length, in tokens, from ``pairs``.
        names: of the coordinates that it is about.
        delta: the claim's.
        more: what else to say of the setting that is to reach farther, of the pair quoted.
        than: what it is to reach farther than: ``as far as THAN``.
        figure: name of the picture that shows it.
    """
    at = {length: pair.decided(delta) for length, pair in beside.items()}
    found = lengths.together(at)
    scope = {name: next(iter(beside.values())).far.where[name] for name in names}
    seeds = {length: len(pair.seeds) for length, pair in beside.items()}
    pair = beside[lengths.quoted(at, found, seeds)]
    least = "at least " if pair.far.whole else ""  # the window ends there
    place = pair.far.where | {"comparison": scope.get("comparison")}
    return Judgement(
        scope=scope | {"lengths": lengths.used(at)},
        state=found.state,
        sentence=said.whole(
            f"{said.begins(scope['arm'])} ({said.place(place, more(pair))}): the gradient reaches",
            f" {said.reach(pair.far)} tokens,",
            f" {least}{said.times(pair.ratio)} times as far as {than(pair)}; "
            f"{_VERDICT[found.state]}{found.why}.",
        ),
        records=list(dict.fromkeys(key for pair in beside.values() for key in pair.records)),
        figure=figure,
        why=found.why if found.state == judgement.UNDECIDED else "",
        effects=[pair.effect("reach ratio") for pair in beside.values()],
    )


def headline(judgements: Sequence[Judgement], so: Callable[[Judgement], str]) -> str:
    """The first scope where it is so, how many there are, and where it is not.

    Args:
        judgements: from ``judge``, one of which is decided.
        so: behind ``times as far``.
    """
    held = next((each for each in judgements if each.state == judgement.SUPPORTED), None)
    if held is None:
        return said.commonest(judgements)
    effect = said.longest(held, held.effects)
    arm, ratio = words.an(held.scope["arm"]), said.times(said.estimate(effect))
    return said.fitting(
        f"{arm[0].upper()}{arm[1:]}'s gradient reaches {ratio} times as far {so(held)}",
        f"; {said.counted(judgements)}",
        said.exceptions(judgements),
    )


_VERDICT = {
    judgement.SUPPORTED: "farther",
    judgement.REFUTED: "no farther",
    judgement.DEPENDS: "farther ",
    judgement.UNDECIDED: "undecided, ",
}
