"""What a training's metrics are, given its samples; those of its tests need the model."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.data.metrics import solved
from bench.statistics.summaries import clipped_share
from bench.store.records import Record


def metrics(record: Record) -> dict[str, Any]:
    """The metrics of a record that follow from what else it says."""
    found: dict[str, Any] = {}
    said = record["metrics"]
    if record["samples"].get("loss"):
        found |= of_samples(record["samples"], record["cell"]["protocol"], said["tokens"])
    if said.get("solved_at") is not None:
        found["solved"] = solved(said["metric"], said["test_metric"], said["solved_at"])
    return found


def of_samples(
    samples: Mapping[str, Sequence[Any]], protocol: Mapping[str, Any], tokens: int
) -> dict[str, float]:
    """The metrics that follow from a training's steps, validations and trials.

    Args:
        samples: as the record keeps them.
        protocol: of its cell.
        tokens: of all steps, without padding.
    """
    seconds, trials = samples["seconds"], samples["trials"]
    steady = sorted(seconds[1:] or seconds)  # the first step builds what the others use
    step_s = steady[len(steady) // 2]
    return {
        "validation_metric": samples["validation"][-1][2],
        "step_s": step_s,
        "tokens_per_s": tokens / len(samples["loss"]) / step_s,
        "train_s": sum(seconds),
        "learning_rate": best_rate(trials) if trials else protocol["learning_rates"][0],
        "learning_rate_trials": len(trials),
        "clipped_share": clipped_share(samples["gradient_norm"], protocol["clip_norm"]),
    }


def best_rate(trials: Sequence[Sequence[float | None]]) -> float:
    """The rate whose trial has the lowest validation loss; one that diverged has none.

    Args:
        trials: learning rate and validation loss of each, the first of equals wins.
    """
    losses = [math.inf if loss is None else loss for _, loss in trials]
    rate = trials[losses.index(min(losses))][0]
    assert rate is not None
    return rate
