"""What others have published of a task beside what the records say: agrees, disagrees, or neither.

Two results agree where both lie on the same side of the task's threshold. A training that fails
here says little by itself, as it may only have been too short. So a failure counts, for and against
what was published, where the training was long enough: on longer windows where it has learned the
trained ones, and on these where it went on until it brought nothing. That another arm solves the
task with as many steps says nothing of this one.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import registry
from bench.data import metrics
from bench.outcome import CONVERGED, DIVERGED, DONE, LOST
from bench.store.records import Record

AGREES, DISAGREES, OPEN = "agrees", "disagrees", "not comparable"
_MISSED = 0.05  # how often a rate is excluded that is the true one
_MOST = 0.5  # of seeds that may solve what we say is not solved


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
    solved = sum(_beyond(score, threshold, metric) for score in scores)
    seeds = len(scores) + diverged
    theirs = known.get("solves")
    if theirs is None:
        theirs = _beyond(known["score"], threshold, metric)
    verdict, because = OPEN, "nothing was measured"
    if seeds:
        failed = sum(
            _counts(r, span) and not _beyond(score, threshold, metric)
            for r in done
            if (score := _score(r, span)) is not None
        )
        verdict, because = _verdict(theirs, solved, failed, seeds, span is not None)
        because += f"; {diverged} diverged" if diverged else ""
    if lost := sum(r["status"] in LOST for r in own):
        because += f"; {lost} missing"
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
        solved,
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


def _counts(record: Record, span: list[int] | None) -> bool:
    """Whether it would mean something if this training did not solve the task.

    On windows of other lengths than those trained on, it does where it has learned those; else
    where it went on until it brought nothing.
    """
    if span is not None:
        return bool(record["metrics"]["solved"])
    return bool(record["metrics"].get("ended") == CONVERGED)


def _verdict(theirs: bool, solved: int, failed: int, seeds: int, span: bool) -> tuple[str, str]:
    """Which of the three, and why: by one rule, whichever of the two it favours.

    Args:
        theirs: whether the published figure solves the task.
        solved: how many of our seeds do.
        failed: how many do not, of those that a failure counts of.
        seeds: of ours.
        span: whether other lengths were tested than trained on.
    """
    count = f"{solved} of {seeds} seeds solve it"
    if solved:  # published figures are the best of several seeds
        return (AGREES if theirs else DISAGREES), count
    if not failed:
        why = (
            "none has learned the trained lengths"
            if span
            else "none was trained until it converged"
        )
        return OPEN, f"{count}, and {why}"
    had = "learned the trained lengths" if span else "converged"
    # How often a seed may solve it, and so many all fail once in twenty times.
    most = 1 - _MISSED ** (1 / failed)
    why = f"{count}; {failed} {had}, which excludes at 95% that more than {most:.0%} would"
    if most > _MOST:
        return OPEN, f"{why}: too few to say that most would not"
    return (DISAGREES if theirs else AGREES), why
