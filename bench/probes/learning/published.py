"""What others have published of a task beside what the records say: agrees, disagrees, or neither.

Two results agree where both lie on the same side of the task's threshold. An arm that fails here
says little by itself, as it may only have been trained too briefly. So a failure counts where the
budget is known to be enough: the same arm does the task on windows of the trained lengths, or
another arm of the same comparison solves what this one does not.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import registry
from bench.data import metrics
from bench.outcome import DIVERGED, DONE
from bench.store.records import Record

AGREES, DISAGREES, OPEN = "agrees", "disagrees", "cannot tell"


@dataclass(frozen=True)
class Row:
    """One published figure and ours.

    Args:
        task, arm, comparison: whose.
        tested: the windows that it was tested on, in words.
        published: their figure, None where they give none.
        solves, source: whether it solves the task, and where that stands.
        ours: the same of every seed that did not diverge, and how many did.
        solved: how many of ours reach the task's threshold.
        verdict, because: how the two compare, and on what evidence.
    """

    task: str
    arm: str
    comparison: str
    metric: str
    tested: str
    published: float | None
    solves: bool
    source: str
    ours: tuple[float, ...]
    diverged: int
    solved: int
    verdict: str
    because: str

    @property
    def best(self) -> float | None:
        """Ours by the best seed, as published figures mostly are."""
        if not self.ours:
            return None
        return (max if metrics.METRICS[self.metric].higher_is_better else min)(self.ours)

    @property
    def median(self) -> float | None:
        """Ours, None where nothing was measured."""
        return statistics.median(self.ours) if self.ours else None


def compare(published: Sequence[dict[str, Any]], records: Sequence[Record]) -> list[Row]:
    """Every published figure beside the records of its task, arm and length.

    Args:
        published: of a study: ``task``, ``arm``, ``length`` trained on, ``tested`` (least and
            largest length, where these were others), ``score`` or ``solves``, and ``source``.
        records: of its store.
    """
    trained = [r for r in records if r["cell"]["probe"] == "learning"]
    return [_compare(known, trained) for known in published]


def _compare(known: dict[str, Any], records: list[Record]) -> Row:
    here = [
        r for r in records
        if r["cell"]["task"] == known["task"] and r["cell"]["length"] == known["length"]
        and known.get("comparison") in (None, r["cell"]["comparison"])
    ]  # fmt: skip
    own = [r for r in here if r["cell"]["arm"] == known["arm"]]
    done = [r for r in own if r["status"] == DONE]
    diverged = sum(r["status"] == DIVERGED for r in own)
    span = known.get("tested")
    scores = [score for r in done if (score := _score(r, span)) is not None]
    literals = registry.tasks()[known["task"]].literals
    metric, threshold = metrics.METRICS[literals["METRIC"]], literals["SOLVED"]
    solved = [_beyond(score, threshold, metric) for score in scores] + [False] * diverged
    theirs = known.get("solves")
    if theirs is None:
        theirs = _beyond(known["score"], threshold, metric)
    verdict, because = OPEN, "nothing was measured"
    if solved:
        others = [r for r in here if r["cell"]["arm"] != known["arm"] and r["status"] == DONE]
        verdict, because = _verdict(
            theirs,
            solved,
            [bool(r["metrics"]["solved"]) for r in done] if span else [],
            sorted({
                registry.label(r["cell"]["arm"]) for r in others
                if (score := _score(r, span)) is not None and _beyond(score, threshold, metric)
            }),
        )  # fmt: skip
        because += f"; {diverged} diverged" if diverged else ""
    return Row(
        known["task"],
        known["arm"],
        own[0]["cell"]["comparison"] if own else known.get("comparison") or "",
        metric.name,
        f"T={known['length']}" if span is None else f"T={span[0]} to {span[1]}",
        known.get("score"),
        theirs,
        known["source"],
        tuple(scores),
        diverged,
        sum(solved),
        verdict,
        because,
    )


def _score(record: Record, span: list[int] | None) -> float | None:
    """The test score, or its mean over the tested lengths within a span."""
    if span is None:
        score: float | None = record["metrics"].get("test_metric")
        return score
    least, most = span
    found = [
        metric
        for length, metric, _ in record["samples"].get("out_of_distribution", [])
        if least <= length <= most and metric is not None
    ]
    return statistics.fmean(found) if found else None


def _beyond(score: float, threshold: float | None, metric: metrics.Metric) -> bool:
    return threshold is not None and metric.reaches(score, threshold)


def _verdict(
    theirs: bool, ours: list[bool], trained: list[bool], others: list[str]
) -> tuple[str, str]:
    """Which of the three, and why.

    Args:
        theirs: whether the published figure solves the task.
        ours: whether each seed does.
        trained: whether each does on the trained lengths, where it was tested on others.
        others: arms that solve it here.
    """
    count = f"{sum(ours)} of {len(ours)} seeds solve it"
    if any(ours):  # published figures are the best of several seeds
        return (AGREES if theirs else DISAGREES), count
    if any(trained):
        why = f"{count}; {sum(trained)} of {len(trained)} do at the trained lengths"
        return (DISAGREES if theirs else AGREES), why
    if theirs:
        return OPEN, f"{count}, which more training may change"
    if others:
        solve = "solves" if len(others) == 1 else "solve"
        return AGREES, f"{count}; with the same training {' and '.join(others)} {solve} it"
    return OPEN, f"{count}, and no arm shows that the training was enough"
