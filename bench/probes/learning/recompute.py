"""What a training's metrics are, given its samples; those of its tests need the model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.data.metrics import solved
from bench.outcome import CEILING, CONVERGED, SOLVED
from bench.statistics.summaries import best_rate, clipped_share
from bench.store.records import Record

_SOLVED = 2  # validations in a row, as one may be luck
_GAIN = 1e-3  # of the loss: what a validation has to bring


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
    kept = _kept(samples["validation"], protocol)
    steady = sorted(seconds[1:] or seconds)  # the first step builds what the others use
    step_s = steady[len(steady) // 2]
    return {
        "validation_loss": kept[1],
        "validation_metric": kept[2],
        "step_s": step_s,
        "tokens_per_s": tokens / len(samples["loss"]) / step_s,
        "train_s": sum(seconds),
        "learning_rate": best_rate(trials) if trials else protocol["learning_rates"][0],
        "learning_rate_trials": len(trials),
        "clipped_share": clipped_share(samples["gradient_norm"], protocol["clip_norm"]),
    }


def of_end(
    curve: Sequence[Sequence[Any]],
    protocol: Mapping[str, Any],
    reached: Callable[[float], bool],
) -> dict[str, Any]:
    """How a training ended, and which of its validations counts; nothing where it had its steps.

    Args:
        curve: step, loss and metric of every validation so far.
        protocol: of its cell.
        reached: whether a metric solves the task.

    Returns:
        ``ended``: ``solved``, the last two validations do; ``converged``, in the last ``patience``
        of them the loss has not fallen by a thousandth, those at a learning rate that was still
        rising not counted, nor any at one that falls, which brings little of itself; ``ceiling``,
        neither was so when the steps were over; None while it goes on. ``best_step``: the
        validation of the lowest loss.
    """
    patience = protocol.get("patience", 0)
    if not patience:
        return {}
    constant = protocol.get("schedule", "constant") == "constant"
    counted = 0  # the last one whose loss has fallen far enough, or which is not counted
    for index, (step, loss, _) in enumerate(curve):
        rising = step <= protocol.get("warmup_steps", 0)
        if rising or loss < curve[counted][1] * (1 - _GAIN):
            counted = index
    ended = None
    if len(curve) > _SOLVED and all(reached(metric) for *_, metric in curve[-_SOLVED:]):
        ended = SOLVED
    elif constant and len(curve) - 1 - counted >= patience:
        ended = CONVERGED
    elif curve[-1][0] >= protocol["steps"]:
        ended = CEILING
    return {"ended": ended, "best_step": _kept(curve, protocol)[0]}


def _kept(curve: Sequence[Sequence[Any]], protocol: Mapping[str, Any]) -> Sequence[Any]:
    """The validation whose weights are tested: of the lowest loss, or the last without patience."""
    return min(curve, key=lambda point: point[1]) if protocol.get("patience", 0) else curve[-1]


def _reached(said: Mapping[str, Any]) -> Callable[[float], bool]:
    """Whether a metric of a record solves its task; never where nobody does."""
    return lambda score: bool(solved(said["metric"], score, said.get("solved_at")))
