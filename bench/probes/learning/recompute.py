"""What a training's metrics are, given its samples; those of its tests need the model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.data.metrics import solved
from bench.statistics.summaries import best_rate, clipped_share
from bench.statistics.trainings import kept, of_end
from bench.store.records import Record


def metrics(record: Record) -> dict[str, Any]:
    """The metrics of a record that follow from what else it says."""
    found: dict[str, Any] = {}
    said = record["metrics"]
    if record["samples"].get("loss"):
        found |= of_samples(record["samples"], record["cell"]["protocol"], said["tokens"])
    if record["samples"].get("validation"):
        found |= of_end(record["samples"]["validation"], record["cell"]["protocol"], _reached(said))
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
    counted = kept(samples["validation"], protocol)
    steady = sorted(seconds[1:] or seconds)  # the first step builds what the others use
    step_s = steady[len(steady) // 2]
    return {
        "validation_loss": counted[1],
        "validation_metric": counted[2],
        "step_s": step_s,
        "tokens_per_s": tokens / len(samples["loss"]) / step_s,
        "train_s": sum(seconds),
        "learning_rate": best_rate(trials) if trials else protocol["learning_rates"][0],
        "learning_rate_trials": len(trials),
        "clipped_share": clipped_share(samples["gradient_norm"], protocol["clip_norm"]),
    }


def _reached(said: Mapping[str, Any]) -> Callable[[float], bool]:
    """Whether a metric of a record solves its task; never where nobody does."""
    return lambda score: bool(solved(said["metric"], score, said.get("solved_at")))
