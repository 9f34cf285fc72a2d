"""A short reach keeps a recurrent network from learning a task.

Of some tasks it is known how far back the answer lies. If a gradient that does not come that far
teaches nothing, who has a shorter reach does not solve them. A setting counts once, whatever its
seeds, as these are no independent trials; it has solved its task where most of its seeds have.
The reach is that at initialisation. After training it may be long because the task was learned,
which says nothing of a cause: those numbers stand beside the others, and decide nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bench import registry
from bench.claims.rules import said
from bench.claims.rules.flows import END, START
from bench.claims.rules.lengths import Decided
from bench.page import judgement
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.statistics import intervals
from bench.statistics.intervals import Estimate

SENTENCE = "A short reach keeps a recurrent network from learning a task"
QUANTITY = (
    "share of settings that solve a task whose needed distance lies outside, or inside, reach"
)
DIRECTION = "outside the reach none, inside it more"
LOOKS = "once, when all seeds are in; each scope by itself, no correction for their number"
NEEDS = (
    "probe gradient along trainings of tasks whose needed distance is known, in 35 settings that "
    "it lies outside the reach of, and in some inside"
)
PLACE = 120
SCOPE = ("device", "dtype", "when")
TABLES = ("reach_and_learning",)
DELTA = 0.1  # a share of settings outside their reach that is no more than chance or luck
SUPPORTED = (
    "the 95% interval of the share that solves a task outside its reach at initialisation lies "
    "below 10%, and fewer do than inside by Fisher's exact test at 5%"
)
REFUTED = (
    "the 95% interval of the share that solves a task outside its reach at initialisation lies "
    "above 10%"
)

_LEVEL = 0.05
_COLUMNS = {START: "inside_init", END: "inside_end"}
_SETTING = (
    "comparison", "task", "data", "length", "arm", "layers", "initialization", "training_steps",
    "clip_norm", "needed_distance",
)  # fmt: skip


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each device."""
    frame = evidence["reach_and_learning"]
    if frame.empty:
        return []
    frame = frame[frame["arm"].isin(registry.of_family("recurrent"))]
    found = []
    for (device, dtype), rows in frame.groupby(["device", "dtype"], sort=False):
        stages = {when: _sides(rows, column) for when, column in _COLUMNS.items()}
        if any(side.total for side in stages[START]):
            found.append(_judge({"device": device, "dtype": dtype, "when": START}, stages))
    return found


def headline(judgements: Sequence[Judgement]) -> str:
    """How many solve their task with too short a reach, on the first device that is decided."""
    told = next(each for each in judgements if each.state != judgement.UNDECIDED)
    outside, all_the_same = told.effects[0], " all the same" * (told.state == judgement.REFUTED)
    share = said.ranged(said.estimate(outside), lambda number: f"{number:.0%}")
    return said.fitting(
        f"{round(outside.value * outside.n)} of {outside.n} settings whose reach at initialisation "
        f"is too short solve their task{all_the_same}, {share} ({told.scope['device']})",
        f"; {said.counted(judgements)}" if len(judgements) > 1 else "",
    )


@dataclass(frozen=True)
class _Side:
    """Settings whose needed distance lies outside their reach, or inside."""

    solved: int
    total: int
    records: list[str]

    @property
    def share(self) -> Estimate:
        return intervals.share(self.solved, self.total)

    def effect(self, where: str, when: str) -> Effect:
        return Effect(
            f"settings {where} reach that solve their task", "share", self.share.value,
            self.share.low, self.share.high, self.total, self.records,
            {"needed": where, "when": when},
        )  # fmt: skip


def _sides(rows: pd.DataFrame, inside: str) -> tuple[_Side, _Side]:
    """Settings outside and inside, where most of their seeds are."""
    known = rows[rows[inside].notna()] if inside in rows else rows.iloc[:0].assign(**{inside: None})
    settings: dict[tuple[Any, ...], list[tuple[bool, bool, str]]] = {}
    places = zip(*(known[name].tolist() for name in _SETTING), strict=True)
    for place, *seed in zip(places, known[inside], known["solved"], known["record"], strict=True):
        settings.setdefault(place, []).append((bool(seed[0]), bool(seed[1]), str(seed[2])))
    counts: dict[bool, list[Any]] = {False: [0, 0, []], True: [0, 0, []]}
    for seeds in settings.values():
        within, solved, records = zip(*seeds, strict=True)
        side = counts[2 * sum(within) > len(seeds)]
        side[0] += 2 * sum(solved) > len(seeds)
        side[1] += 1
        side[2] += records
    return _Side(*counts[False]), _Side(*counts[True])


def _judge(scope: dict[str, Any], stages: Mapping[str, tuple[_Side, _Side]]) -> Judgement:
    """By the reach at initialisation; the other stage's numbers stand beside."""
    outside, inside = stages[START]
    decided = _decided(outside, inside)
    undecided = decided.state == judgement.UNDECIDED
    return Judgement(
        scope=scope,
        state=decided.state,
        sentence=(
            f"Tasks that need more than the reach at initialisation are solved in "
            f"{_counted(outside)} settings ({scope['device']}), those that need less in "
            f"{_counted(inside)}; {'undecided, ' if undecided else ''}{decided.why}."
        ),
        records=[*outside.records, *inside.records],
        figure="reach_and_learning",
        why=decided.why if undecided else "",
        effects=[
            side.effect(where, when)
            for when, sides in stages.items()
            for side, where in zip(sides, ("outside", "inside"), strict=True)
            if side.total
        ],
    )


def _decided(outside: _Side, inside: _Side) -> Decided:
    if not outside.total:
        return Decided(judgement.UNDECIDED, "no task needs more than the reach")
    if outside.share.low > DELTA:
        return Decided(judgement.REFUTED, "short reach is no bar")
    counts = np.array([[side.solved, side.total - side.solved] for side in (outside, inside)])
    p = float(stats.fisher_exact(counts, alternative="less").pvalue)
    if outside.share.high < DELTA and p < _LEVEL:
        return Decided(judgement.SUPPORTED, f"exact p {p:.2g}")
    return Decided(judgement.UNDECIDED, "too few settings")


def _counted(side: _Side) -> str:
    share = side.share
    if not side.total:
        return "0 of 0"
    return f"{side.solved} of {side.total} [{share.low:.0%}, {share.high:.0%}]"
