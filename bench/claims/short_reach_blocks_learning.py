"""A short reach keeps a recurrent network from learning a task.

Of some tasks it is known how far back the answer lies. If a gradient that does not come that far
teaches nothing, who has a shorter reach does not solve them. A setting counts once, whatever its
seeds, as these are no independent trials; it has solved its task where most of its seeds have.
After training a reach may be long because the task was learned: that side says nothing of a cause.
"""

from collections.abc import Sequence
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
LOOKS = "once, when all seeds are in"
NEEDS = (
    "probe gradient along trainings of tasks whose needed distance is known, in and out of reach"
)
PLACE = 120
SCOPE = ("device", "dtype", "when")
TABLES = ("reach_and_learning",)
DELTA = 0.1  # a share of settings outside their reach that is no more than chance or luck
SUPPORTED = "outside at most 10% solve the task, fewer than inside by Fisher's exact test at 5%"
REFUTED = "the 95% interval of the share that solves a task outside its reach lies above 10%"

_LEVEL = 0.05
_STAGES = {"init": START, "end": END}
_SETTING = (
    "comparison", "task", "data", "length", "arm", "layers", "initialization", "training_steps",
    "clip_norm", "needed_distance",
)  # fmt: skip


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for the reach at initialisation, one for that after training, on a device."""
    frame = evidence["reach_and_learning"]
    if frame.empty:
        return []
    frame = frame[frame["arm"].isin(registry.of_family("recurrent"))]
    found = []
    for (device, dtype), rows in frame.groupby(["device", "dtype"], sort=False):
        for name, when in _STAGES.items():
            if f"inside_{name}" in rows and rows[f"inside_{name}"].notna().any():
                scope = {"device": device, "dtype": dtype, "when": when}
                found.append(_judge(scope, *_sides(rows, f"inside_{name}")))
    return found


def headline(judgements: Sequence[Judgement]) -> str:
    """What each stage says."""
    told = []
    for each in judgements:
        if each.state != judgement.UNDECIDED:
            outside, when = each.effects[0], said.STAGES[each.scope["when"]]
            told.append(
                f"{when} {each.state}: {round(outside.value * outside.n)} of {outside.n} settings "
                "out of reach solve their task"
            )
    return said.fitting(told[0][0].upper() + told[0][1:], *(f"; {text}" for text in told[1:]))


@dataclass(frozen=True)
class _Side:
    """Settings whose needed distance lies outside their reach, or inside."""

    solved: int
    total: int
    records: list[str]

    @property
    def share(self) -> Estimate:
        return intervals.share(self.solved, self.total)

    def effect(self, where: str) -> Effect:
        return Effect(
            f"settings {where} reach that solve their task", "share", self.share.value,
            self.share.low, self.share.high, self.total, self.records, {"needed": where},
        )  # fmt: skip


def _sides(rows: pd.DataFrame, inside: str) -> tuple[_Side, _Side]:
    """Settings outside and inside, where most of their seeds are."""
    known = rows[rows[inside].notna()]
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


def _judge(scope: dict[str, Any], outside: _Side, inside: _Side) -> Judgement:
    decided = _decided(outside, inside)
    undecided = decided.state == judgement.UNDECIDED
    when = said.STAGES[scope["when"]]
    return Judgement(
        scope=scope,
        state=decided.state,
        sentence=(
            f"{when[0].upper()}{when[1:]} ({scope['device']}), tasks that need more than the reach "
            f"are solved in {_counted(outside)} settings, those that need less in "
            f"{_counted(inside)}; {'undecided, ' if undecided else ''}{decided.why}."
        ),
        records=[*outside.records, *inside.records],
        figure="reach_and_learning",
        why=decided.why if undecided else "",
        effects=[
            side.effect(where)
            for side, where in ((outside, "outside"), (inside, "inside"))
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
    if outside.share.value <= DELTA and p < _LEVEL:
        return Decided(judgement.SUPPORTED, f"exact p {p:.2g}")
    return Decided(judgement.UNDECIDED, "too few settings")


def _counted(side: _Side) -> str:
    share = side.share
    if not side.total:
        return "0 of 0"
    return f"{side.solved} of {side.total} [{share.low:.0%}, {share.high:.0%}]"
