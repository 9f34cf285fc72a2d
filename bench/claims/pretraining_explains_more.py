"""Pretraining explains more than architecture.

Amos et al. (2024), "Never train from scratch": much of what separates families is gone when both
are pretrained on the task's own text. To tell, each family is needed with and without, on one task;
a pretrained transformer beside a recurrent network from scratch mixes the two up. Families that a
study has pretrained here, on the same text for as many tokens, come before checkpoints.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.claims.rules import said
from bench.claims.rules.lengths import FEW_SEEDS, Decided
from bench.claims.rules.trainings import HERE, PRETRAINED, RANDOM, Trained, trainings
from bench.page import judgement
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.registry import family
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
#: Of the two kinds of pretrained weights, which are never set beside one another, those that were
#: made here come first: of a checkpoint's, nobody says how much text a family has seen.
_PRETRAINED = (HERE, PRETRAINED)


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each task on which both families were trained with and without."""
    found = []
    for scope, arms in trainings(evidence["learning"], SCOPE, lambda arm, _: bool(family(arm))):
        kept = [arm for arm in arms if arm.seeds]
        for kind in _PRETRAINED:
            best = _best(kept, kind)
            if best:
                found.append(_judge(scope, best, kind))
                break
    return found


def _best(arms: Sequence[Trained], kind: str) -> dict[tuple[str, str], Trained]:
    """Of each family the best from random weights, and from pretrained ones of a kind.

    Nothing where one of the four is missing. What was pretrained here stands beside bodies of its
    own size.
    """
    alike = {(arm.arm, arm.body) for arm in arms if arm.weights == kind}
    cells: dict[tuple[str, str], list[Trained]] = {}
    for arm in arms:
        same = kind != HERE or (arm.arm, arm.body) in alike
        if arm.weights == kind or (arm.weights == RANDOM and same):
            cells.setdefault((family(arm.arm), arm.weights), []).append(arm)
    if len(cells) < len(_FAMILIES) * 2:
        return {}
    return {cell: max(rivals, key=lambda arm: arm.median) for cell, rivals in cells.items()}


def _judge(
    scope: Mapping[str, Any], best: Mapping[tuple[str, str], Trained], kind: str
) -> Judgement:
    seeds = sorted(set.intersection(*(set(arm.scores) for arm in best.values())))
    scores = {cell: np.array([arm.scores[seed] for seed in seeds]) for cell, arm in best.items()}
    gains = {name: scores[name, kind] - scores[name, RANDOM] for name in _FAMILIES}
    gain = sum(gains.values()) / 2
    gap = sum(scores["transformer", w] - scores["recurrent", w] for w in (RANDOM, kind)) / 2
    gap = gap * (-1 if np.median(gap) < 0 else 1)  # whichever family leads
    more, explained, apart = (_median(values) for values in (gain - gap, gain, gap))
    each = {name: _median(values) for name, values in gains.items()}
    decided = _decided(more, len(seeds))
    undecided = decided.state == judgement.UNDECIDED
    keys = [key for arm in best.values() for key in arm.records]
    window = f"T={scope['length']:,}"
    metric = str(next(iter(best["recurrent", RANDOM].seeds.values()))["metric"])
    quantities = {
        "gain of pretraining less gap between families": more,
        "gain of pretraining": explained,
        "gap between families": apart,
        **{f"gain of pretraining, {name}": number for name, number in each.items()},
    }
    here = " here" if kind == HERE else ""
    return Judgement(
        scope=scope,
        state=decided.state,
        sentence=(
            f"{said.place(scope, window)}: pretraining{here} changes {metric} by "
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
