"""Who solves a task that another family cannot: solve rates, and paired scores with an exact test.

An arm solves a task where the 95% interval of the share of its seeds that do lies above one half,
and cannot where it lies below. The scores of a task are then tested seed by seed, by all flips of
their signs, beside every arm of the other family; the largest p counts, times the arms that could
have been chosen, corrected for all the tasks of the claim (Holm 1979).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench import registry
from bench.claims.rules import said
from bench.claims.rules.lengths import FEW_SEEDS, Decided
from bench.claims.rules.trainings import Trained, from_scratch, trainings
from bench.data.metrics import METRICS, Metric
from bench.page import judgement, words
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.page.numbers import percent
from bench.statistics.exact import holm, sign_flip
from bench.statistics.intervals import Estimate
from bench.statistics.seeds import better, paired_difference

_LEVEL = 0.05


@dataclass(frozen=True)
class Contest:
    """Two families at one task.

    Args:
        scope: where.
        ours: arms of the family that is said to learn it.
        theirs: arms of the family that is said not to.
        lost: trainings of further arms of theirs, none of which was trained.
    """

    scope: Mapping[str, Any]
    ours: Sequence[Trained]
    theirs: Sequence[Trained]
    lost: int = 0

    @cached_property
    def best(self) -> Trained:
        """The arm of ours that solves most."""
        return _best(self.ours)

    @cached_property
    def rival(self) -> Trained:
        """The arm of theirs that does."""
        return _best(self.theirs)

    @property
    def seeds(self) -> int:
        """Of the arm that has fewest."""
        return min(len(arm.seeds) for arm in (*self.ours, *self.theirs))

    @cached_property
    def p(self) -> float:
        """Of the best arm's scores beside every other's."""
        found = [_paired(self.best, other) for other in self.theirs]
        if not all(map(len, found)):
            return 1.0
        return min(1.0, len(self.ours) * max(map(sign_flip, found)))

    def decided(self, p: float) -> Decided:
        """Theirs cannot and ours can, theirs can, or undecided."""
        if self.seeds < EXPLORATORY:
            return Decided(judgement.UNDECIDED, FEW_SEEDS)
        if any(arm.solves for arm in self.theirs):
            return Decided(judgement.REFUTED, f"{_family(self.theirs)} can")
        if not self.best.solves or not all(arm.solves is False for arm in self.theirs):
            none = not self.best.solved and not self.rival.solved
            why = "nobody solves it" if none else "a solve rate straddles a half"
            open_ = [arm for arm in (self.best, *self.theirs) if arm.solves is None]
            if lost := sum(arm.missing for arm in open_):
                why = f"{lost} training{'s are' if lost > 1 else ' is'} missing"
            if cut := sum(arm.cut_off for arm in open_):
                why = f"{cut} training{'s' * (cut > 1)} stopped while still learning"
            return Decided(judgement.UNDECIDED, why)
        if self.lost:
            return Decided(judgement.UNDECIDED, f"{self.lost} trainings are missing")
        if p >= _LEVEL:
            return Decided(judgement.UNDECIDED, "exact p of 5% or more")
        return Decided(judgement.SUPPORTED, f"exact p {p:.2g}")


def judge(evidence: Evidence, names: Sequence[str], ours: str, theirs: str) -> list[Judgement]:
    """One judgement for each task on which both families were trained from random weights.

    Args:
        evidence: with the table ``learning``.
        names: of the coordinates that a judgement is about.
        ours: the family that is said to learn what the other cannot.
        theirs: the other.
    """
    contests = []
    for scope, arms in trainings(evidence["learning"], names, from_scratch):
        sides = [
            [arm for arm in arms if arm.seeds and registry.family(arm.arm) == family]
            for family in (ours, theirs)
        ]
        gone = [arm for arm in arms if not arm.seeds and registry.family(arm.arm) == theirs]
        threshold = all(not pd.isna(row["solved"]) for arm in arms for row in arm.seeds.values())
        if all(sides) and threshold:
            lost = sum(arm.missing for arm in gone)
            contests.append(Contest(scope, sides[0], sides[1], lost))
    tested = [contest for contest in contests if contest.seeds >= EXPLORATORY]
    ps = dict(zip(map(id, tested), holm([contest.p for contest in tested]), strict=True))
    return [_judge(contest, ps.get(id(contest), 1.0)) for contest in contests]


def headline(judgements: Sequence[Judgement]) -> str:
    """The first task where it is so, and how many there are; else the commonest."""
    held = [each for each in judgements if each.state == judgement.SUPPORTED]
    if not held:
        return said.commonest(judgements)
    (rate, rival, *_), counts = held[0].effects, said.counted(judgements)
    return said.fitting(
        f"On {held[0].scope['task']} {words.an(rate.where['arm'])} solves {rate.value:.0%} of "
        f"{rate.n} seeds, {words.an(rival.where['arm'])} {rival.value:.0%} of {rival.n}",
        f"; {counts}",
    )


def _judge(contest: Contest, p: float) -> Judgement:
    best, rival, decided = contest.best, contest.rival, contest.decided(p)
    undecided = decided.state == judgement.UNDECIDED
    place = f"{contest.scope['comparison']}, T={contest.scope['length']:,}"
    task = registry.named(contest.scope["task"], contest.scope["data"])
    more = _more(best, rival) if best.solves == rival.solves else ""
    end = f"; {'undecided, ' if undecided else ''}{decided.why}."

    def told(*, intervals: bool) -> str:
        first, second = _counted(best, intervals, " seeds"), _counted(rival, intervals)
        return (
            f"{task} ({place}, {contest.scope['device']}): {words.an(best.arm)} solves {first} "
            f"({_metric(best).name} {_score(best)}), {words.an(rival.arm)} {second} "
            f"({_score(rival)})"
        )

    # The intervals of rates that do not tell are the first to go where a sentence has no room.
    full = f"{told(intervals=True)}{more}{end}"
    fits = len(full.split()) <= judgement.MOST_WORDS
    return Judgement(
        scope=contest.scope,
        state=decided.state,
        sentence=full if fits else said.whole(told(intervals=False), more, end),
        records=[key for arm in (*contest.ours, *contest.theirs) for key in arm.records],
        figure="learning_curves",
        why=decided.why if undecided else "",
        effects=[_rate(best), _rate(rival), *_apart(best, rival), *_better(best, rival)],
    )


def _best(arms: Sequence[Trained]) -> Trained:
    return max(arms, key=lambda arm: (arm.rate.value, arm.median))


def _family(arms: Sequence[Trained]) -> str:
    return {"recurrent": "recurrent networks"}.get(registry.family(arms[0].arm), "transformers")


def _paired(ours: Trained, theirs: Trained) -> list[float]:
    """What ours scores more, seed by seed."""
    both = sorted(ours.scores.keys() & theirs.scores.keys())
    return [ours.scores[seed] - theirs.scores[seed] for seed in both]


def _counted(arm: Trained, interval: bool, noun: str = "") -> str:
    """``6 of 6 [61%, 100%]``; of seven of which one is missing ``6 of 7, 1 missing``.

    Few seeds, and such of which some are missing, have no interval.
    """
    text = f"{arm.solved} of {len(arm.seeds) + arm.missing}{noun}"
    if arm.missing:
        return f"{text}, {arm.missing} missing"
    if not interval or len(arm.seeds) < EXPLORATORY:
        return text
    return f"{text} [{percent(arm.rate.low)}, {percent(arm.rate.high)}]"


def _more(ours: Trained, theirs: Trained) -> str:
    """In how many pairs of seeds ours is better; of few seeds nothing."""
    if min(len(ours.scores), len(theirs.scores)) < EXPLORATORY:
        return ""
    return f"; the former is better in {said.ranged(_pairs(ours, theirs), percent)} of pairs"


def _pairs(ours: Trained, theirs: Trained) -> Estimate:
    return better([*ours.scores.values()], [*theirs.scores.values()])


def _metric(arm: Trained) -> Metric:
    name = next(iter(arm.seeds.values()))["metric"]
    return METRICS.get(name) or Metric(name, name)


def _score(arm: Trained) -> str:
    """The median over seeds."""
    return _metric(arm).text(abs(arm.median)) if arm.scores else "diverged"


def _rate(arm: Trained) -> Effect:
    rate = arm.rate
    return Effect(
        "solve rate", "share of seeds", rate.value, rate.low, rate.high, len(arm.seeds),
        arm.records, {"arm": arm.arm},
    )  # fmt: skip


def _apart(ours: Trained, theirs: Trained) -> list[Effect]:
    """The paired difference of their scores; none without a seed that both have."""
    found = np.asarray(_paired(ours, theirs))
    if not len(found):
        return []
    apart = paired_difference(found)
    row = next(iter(ours.seeds.values()))
    return [
        Effect(
            "mean difference in score, more being better", str(row["metric"]), apart.value,
            *said.ends(apart), len(found), [*ours.records, *theirs.records],
        )
    ]  # fmt: skip


def _better(ours: Trained, theirs: Trained) -> list[Effect]:
    """Of all pairs of seeds the share in which ours is better."""
    if not ours.scores or not theirs.scores:
        return []
    found, seeds = _pairs(ours, theirs), min(len(ours.scores), len(theirs.scores))
    return [
        Effect(
            "pairs of seeds in which it is better", "share", found.value, *said.ends(found),
            seeds, [*ours.records, *theirs.records], {"arm": ours.arm, "reference": theirs.arm},
        )
    ]  # fmt: skip
