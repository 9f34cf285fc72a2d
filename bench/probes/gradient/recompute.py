"""Which metrics of a gradient's record follow from what else it says.

What is told of its curves is no metric: the tables compute it from them whenever they are made.
"""

from collections.abc import Sequence
from typing import Any

from bench.data.metrics import solved
from bench.statistics.summaries import clipped_share
from bench.statistics.trainings import of_end
from bench.store.records import Record


def metrics(record: Record) -> dict[str, Any]:
    """Of a training that was measured along the way."""
    found: dict[str, Any] = {}
    said, norms = record["metrics"], record["samples"].get("gradient_norm")
    if norms:
        found["clipped_share"] = clipped_share(norms, record["cell"]["protocol"]["clip_norm"])
    if curve := record["samples"].get("validation"):
        found |= end(curve, record["cell"]["protocol"], said["metric"], said["solved_at"])
    if said.get("solved_at") is not None:
        found["solved"] = solved(said["metric"], said["test_metric"], said["solved_at"])
    return found


def end(
    curve: Sequence[Sequence[Any]],
    protocol: dict[str, Any],
    metric: str,
    solved_at: float | None,
) -> dict[str, Any]:
    """How a training stood at its last step, see ``bench.statistics.trainings.of_end``.

    Args:
        curve: step, loss and metric of every validation.
        protocol: of its cell.
        metric, solved_at: of its task.
    """
    return of_end(curve, protocol, lambda score: bool(solved(metric, score, solved_at)))
