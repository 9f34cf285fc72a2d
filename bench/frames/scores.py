"""What a training scored, whatever its task's metric, and whichever version of the suite wrote it.

Records say their metric, its direction, the floor and the threshold themselves. Those written
before tasks had metrics of their own say ``test_accuracy``; a training that diverged says only
where. Both are completed from the task here, and nowhere else.
"""

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from bench import registry, tasks
from bench.data.hub.catalogue import CATALOGUE
from bench.data.metrics import METRICS, Metric
from bench.outcome import DIVERGED, LOST
from bench.store.records import Record
from bench.tasks import OFFLINE


class Scores:
    """What the record of one training says of how well it went."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.cell: dict[str, Any] = record["cell"]
        self._metrics: dict[str, Any] = record["metrics"]

    @cached_property
    def literals(self) -> dict[str, Any]:
        """What the task says of itself; nothing where it is not, or no longer, here."""
        if self._offline:
            entry = registry.tasks().get(self.cell["task"])
            return entry.literals if entry else {}
        known = CATALOGUE.get(self.cell["data"].partition("@")[0])
        return {name.upper(): value for name, value in vars(known).items()} if known else {}

    @property
    def _offline(self) -> bool:
        return bool(self.cell.get("data", OFFLINE) == OFFLINE)

    @cached_property
    def metric(self) -> Metric:
        """The task's metric, in the direction that the record gives it."""
        before = "accuracy" if "test_accuracy" in self._metrics else None
        name = self._metrics.get("metric") or before or self.literals.get("METRIC", "accuracy")
        higher = self._metrics.get("higher_is_better", True)
        return METRICS.get(name) or Metric(name, name, higher, scale="linear")

    @property
    def test(self) -> float | None:
        """The score on the test rows at the cell's length."""
        found = self._metrics.get("test_metric", self._metrics.get("test_accuracy"))
        return None if found is None else float(found)

    @property
    def initial(self) -> float | None:
        """The score of the model before any training: of a pretrained one, frozen."""
        return self._metrics.get("initial_metric")

    @property
    def validation(self) -> float | None:
        """The score on the validation rows of the weights that were tested."""
        return self._metrics.get("validation_metric", self._metrics.get("validation_accuracy"))

    @property
    def others(self) -> dict[str, float]:
        """The further metrics of the task's head, by column."""
        names = (f"test_{metric.slug}" for metric in METRICS.values() if metric != self.metric)
        if "metric" not in self._metrics:
            return {}
        return {name: self._metrics[name] for name in names if name in self._metrics}

    @property
    def floor(self) -> float | None:
        """What the best guess without looking scores at the cell's length."""
        given = self._metrics.get("floor")
        return self.floor_at(self.cell["length"]) if given is None else float(given)

    def floor_at(self, length: int) -> float | None:
        """The floor at another length; where none is a formula of it, the record's own."""
        given = self.literals.get("FLOOR")
        if isinstance(given, str) and self._offline:
            return tasks.floor(tasks.load(self.cell["task"]), length)
        found = self._metrics.get("floor", given)
        return None if isinstance(found, str) else found

    @property
    def solved_at(self) -> float | None:
        """The score from which the task counts as solved, None where nobody solves it."""
        if "metric" in self._metrics:
            return self._metrics.get("solved_at")
        return self.literals.get("SOLVED")

    def solves(self, score: float | None) -> bool | None:
        """Whether a score reaches the threshold; None without one."""
        if self.solved_at is None:
            return None
        return score is not None and self.metric.reaches(score, self.solved_at)

    @property
    def diverged(self) -> bool:
        """Whether its loss stopped being a number."""
        return bool(self.record["status"] == DIVERGED)

    @property
    def missing(self) -> str | None:
        """What the seed was lost to, a status; None where it was trained."""
        status = str(self.record["status"])
        return status if status in LOST else None

    @property
    def worth(self) -> float | None:
        """The test score with more being better, to compare seeds by; None without one.

        A training that diverged scores what guessing does, so that leaving it out helps nobody.
        """
        score = self.floor if self.diverged else self.test
        if score is None or not math.isfinite(score):
            return None
        return score if self.metric.higher_is_better else -score

    @property
    def curve(self) -> list[list[float]]:
        """Step, loss and score of each validation; a score that is not a number is NaN."""
        points = self.record["samples"].get("validation") or []
        return [[math.nan if value is None else value for value in point] for point in points]

    @property
    def shortest(self) -> int:
        """The shortest window trained on."""
        return int(self.cell["protocol"].get("shortest") or self.cell["length"])

    @property
    def by_length(self) -> list[tuple[int, float | None, float | None]]:
        """Length, score and loss of every test, the cell's own length included, in order.

        Without a score the window is longer than the arm can read.
        """
        points = self.record["samples"].get("out_of_distribution") or []
        if not points:
            return []
        found = {int(length): (score, loss) for length, score, loss, *_ in points}
        found.setdefault(self.cell["length"], (self.test, self._metrics.get("test_loss")))
        return [(length, *found[length]) for length in sorted(found)]


def of(trainings: Iterable[Record]) -> list[Scores]:
    """What each of these trainings scored."""
    return [Scores(record) for record in trainings]
