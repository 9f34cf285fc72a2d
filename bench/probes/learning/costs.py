"""What a training had taken by each of its steps, and by the one that reached the task's threshold.

Tokens are those seen, without padding; seconds are of training steps on the machine that ran them,
without the trials of the learning rate, validations and building. A record says tokens of all steps
together, so a step has its share of them: where windows differ in length, to within chance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.frames.scores import Scores


@dataclass(frozen=True)
class Target:
    """What it took until a validation first reached the threshold; infinite where none did."""

    steps: float
    tokens: float
    seconds: float


MISSED = Target(math.inf, math.inf, math.inf)


def to_target(trained: Scores) -> Target | None:
    """What one training took; None where the task has no threshold."""
    if trained.solved_at is None:
        return None
    first = next((step for step, _, score in trained.curve if trained.solves(score)), None)
    if first is None:
        return MISSED
    return Target(first, float(tokens(trained, [first])[0]), float(seconds(trained, [first])[0]))


def tokens(trained: Scores, steps: Sequence[float]) -> Any:
    """Tokens seen by each of these steps, (steps,), also by such as it was not trained for."""
    return np.asarray(steps, dtype=float) * _tokens_a_step(trained)


def seconds(trained: Scores, steps: Sequence[float]) -> Any:
    """Seconds by each of these steps, (steps,); beyond its own at what one took on average."""
    each = np.asarray(trained.record["samples"].get("seconds") or [math.nan], dtype=float)
    by_step = np.concatenate([[0.0], np.cumsum(each)])
    wanted = np.asarray(steps, dtype=float)
    own = np.minimum(wanted, len(each)).astype(int)
    return by_step[own] + (wanted - own) * each.mean()


def _tokens_a_step(trained: Scores) -> float:
    """Of one that diverged, which does not say, as many as its windows hold on average."""
    total = trained.record["metrics"].get("tokens")
    done = len(trained.record["samples"].get("loss") or ())
    if total is not None and done:
        return float(total) / done
    window = (trained.shortest + trained.cell["length"]) / 2
    return float(trained.cell["protocol"]["batch_size"] * window)
