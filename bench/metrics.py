"""The metrics of the tasks, by name, each from the library that the field uses.

Nothing heavy is imported before a metric is computed, so that reports can name metrics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Metric:
    """How a task is scored.

    Args:
        name, slug: for people, and as part of a column's name.
        higher_is_better: its direction.
        compute: (truth, guess) -> score; None where it is the loss in other units.
    """

    name: str
    slug: str
    higher_is_better: bool = True
    compute: Callable[[Any, Any], float] | None = None

    def __call__(self, truth: Any, guess: Any) -> float:
        """The score of a guess.

        Raises:
            ValueError: the metric is a loss in other units, and is computed from that.
        """
        if self.compute is None:
            raise ValueError(f"{self.name} is computed from the loss, not from a guess.")
        return self.compute(truth, guess)


def _accuracy(truth: Any, guess: Any) -> float:
    return float(np.mean(np.asarray(truth) == np.asarray(guess)))


def _macro_f1(truth: Any, guess: Any) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, guess, average="macro", zero_division=0.0))


def _squared(truth: Any, guess: Any) -> float:
    return float(np.mean((np.asarray(truth, float) - np.asarray(guess, float)) ** 2))


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", True, _accuracy),
        Metric("macro-F1", "macro_f1", True, _macro_f1),
        Metric("mean squared error", "mse", False, _squared),
        Metric("nats", "nats", False),
        Metric("bits per byte", "bits_per_byte", False),
        Metric("zero-shot accuracy", "zero_shot_accuracy", True, _accuracy),
    )
}
