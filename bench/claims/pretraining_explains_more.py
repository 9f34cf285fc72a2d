"""Pretraining explains more than architecture.

Amos et al. (2024), "Never train from scratch": much of what separates families is gone when both
are pretrained on the task's own text. To tell, each family is needed with and without, on one task;
a pretrained transformer beside a recurrent network from scratch mixes the two up.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench import registry
from bench.claims.rules import said
from bench.claims.rules.lengths import FEW_SEEDS, Decided
from bench.claims.rules.trainings import Trained, trainings, weights
from bench.page import judgement
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.statistics import intervals
from bench.statistics.intervals import Estimate

SENTENCE = "Pretraining explains more than architecture"
QUANTITY = "mean gain of pretraining over families, less the mean gap between families, by seed"
DIRECTION = "above 0"
LOOKS = "once, when all seeds are in; each scope by itself, no correction for their number"
NEEDS = "pretrained and scratch weights of both families on the same task, with six seeds"
PLACE = 440
SCOPE = ("task", "data", "length", "device", "dtype")
TABLES = ("learning",)
DELTA = None
SUPPORTED = "the interval of the gain less the gap lies above 0"
REFUTED = "the interval of the gain less the gap lies below 0"

_FAMILIES = ("recurrent", "transformer")
_WEIGHTS = ("random", "pretrained")


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each task on which both families were trained with and without."""
    found = []
    for scope, arms in trainings(evidence["learning"], SCOPE, lambda arm: bool(_cell(arm))):
        cells: dict[tuple[str, str], list[Trained]] = {}
        for arm in arms:
            cells.setdefault(_cell(arm.arm), []).append(arm)
        if len(cells) == len(_FAMILIES) * len(_WEIGHTS):
            best = {cell: max(rivals, key=lambda arm: arm.median) for cell, rivals in cells.items()}
            found.append(_judge(scope, best))
    return found


def _cell(arm: str) -> tuple[str, str]:
    return registry.family(arm), weights(arm)


def _judge(scope: Mapping[str, Any], best: Mapping[tuple[str, str], Trained]) -> Judgement:
    seeds = sorted(set.intersection(*(set(arm.scores) for arm in best.values())))
    scores = {cell: np.array([arm.scores[seed] for seed in seeds]) for cell, arm in best.items()}
    gain = sum(scores[family, "pretrained"] - scores[family, "random"] for family in _FAMILIES) / 2
    gap = sum(scores["transformer", kind] - scores["recurrent", kind] for kind in _WEIGHTS) / 2
    gap = gap * (-1 if np.median(gap) < 0 else 1)  # whichever family leads
    more, explained, apart = (_median(values) for values in (gain - gap, gain, gap))
    decided = _decided(more, len(seeds))
    undecided = decided.state == judgement.UNDECIDED
    keys = [key for arm in best.values() for key in arm.records]
    window = f"T={scope['length']:,}"
    metric = str(next(iter(best["recurrent", "random"].seeds.values()))["metric"])
    quantities = {
        "gain of pretraining less gap between families": more,
        "gain of pretraining": explained,
        "gap between families": apart,
    }
    return Judgement(
        scope=scope,
        state=decided.state,
        sentence=(
            f"{said.place(scope, window)}: pretraining changes {metric} by "
            f"{_told(explained)}, architecture by {_told(apart)}, {len(seeds)} seeds; "
            f"{'undecided, ' if undecided else ''}{decided.why}."
        ),
        records=keys,
        figure="learning_curves",
        why=decided.why if undecided else "",
        effects=[
            Effect(quantity, metric, number.value, *said.ends(number), len(seeds), keys)
            for quantity, number in quantities.items()
        ],
    )  # fmt: skip


def _decided(more: Estimate, seeds: int) -> Decided:
    if seeds < EXPLORATORY:
        return Decided(judgement.UNDECIDED, FEW_SEEDS)
    if more.low > 0:
        return Decided(judgement.SUPPORTED, "pretraining explains more")
    if more.high < 0:
        return Decided(judgement.REFUTED, "architecture explains more")
    return Decided(judgement.UNDECIDED, "the interval of the difference holds 0")


def _median(values: Any) -> Estimate:
    return intervals.of_rounds(np.asarray(values, dtype=float), (0,) * len(values))


def _told(number: Estimate) -> str:
    return said.ranged(number, lambda end: f"{end:+.3g}")
