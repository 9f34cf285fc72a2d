"""Which metrics of a gradient's record follow from what else it says.

What is told of its curves is no metric: the tables compute it from them whenever they are made.
"""

from typing import Any

from bench.data.metrics import solved
from bench.statistics.summaries import clipped_share
from bench.store.records import Record


def metrics(record: Record) -> dict[str, Any]:
    """Of a training that was measured along the way."""
    found: dict[str, Any] = {}
    said, norms = record["metrics"], record["samples"].get("gradient_norm")
    if norms:
        found["clipped_share"] = clipped_share(norms, record["cell"]["protocol"]["clip_norm"])
    if said.get("solved_at") is not None:
        found["solved"] = solved(said["metric"], said["test_metric"], said["solved_at"])
    return found
