"""What memory's metrics are, given the bytes of each repeat."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.store.records import Record


def metrics(record: Record) -> dict[str, Any]:
    """Peaks of the repeats, and how far tensors rise above what is held."""
    said = record["metrics"]
    found: dict[str, Any] = of_repeats(record["samples"])
    peak, held = said.get("peak_tensor_bytes_step"), said.get("held_tensor_bytes")
    if peak is not None and held is not None:
        found["tensor_growth_bytes_step"] = peak - held
    return found


def of_repeats(samples: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """The median of each that has any, one that was measured."""
    return {name: statistics.median_low(values) for name, values in samples.items() if values}
