"""Memory as data frames: peaks of a step, and what a row keeps."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.frames.columns import where
from bench.frames.exponents import of_sizes
from bench.page.evidence import Evidence
from bench.store.records import Record, coordinate, of

#: Columns that say how far a step's peak rises beyond its start, and of what.
RISE = {
    "tensor_rise_bytes": "tensors",
    "rss_rise_bytes": "resident",
    "allocated_rise_bytes": "allocated",
}
_METRICS = {
    "peak_tensor_bytes": "peak_tensor_bytes_step",
    "tensor_rise_bytes": "tensor_growth_bytes_step",
    "peak_rss_bytes": "peak_rss_bytes_step",
    "rss_rise_bytes": "rss_growth_bytes_step",
    "peak_allocated_bytes": "peak_allocated_bytes_step",
    "allocated_rise_bytes": "allocated_growth_bytes_step",
    "peak_reserved_bytes": "peak_reserved_bytes_step",
    "device_used_bytes": "device_used_bytes",
    "rss_unavailable": "rss_unavailable",
    "tensors_unavailable": "tensors_unavailable",
}


def memory(evidence: Evidence) -> pd.DataFrame:
    """Peaks of one step: resident or allocated, and tensors as counted; the rise from its start."""
    return pd.DataFrame(
        [
            where(record)
            | {"status": record["status"]}
            | {column: record["metrics"].get(name) for column, name in _METRICS.items()}
            for record in of(evidence.records, "memory")
        ]
    )


def state(evidence: Evidence) -> pd.DataFrame:
    """What one row keeps in order to read one more token, counted, and measured in decoding.

    Of what was decoded, as far as it was measured there, or whose memory was measured: elsewhere
    nobody asks.
    """
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in evidence.records:
        cell, cost = record["cell"], record["model"].get("cost") or {}
        # Bare passes have a cache of fixed size, with room for what is not yet written.
        grown = cell["axes"].get("phase", "decode") == "decode"
        measured = record["metrics"].get("state_bytes") if grown else None
        if cell["probe"] != "memory" and measured is None:
            continue
        if cost.get("state_bytes") is None:
            continue
        names = ("comparison", "task", "data", "dtype", "arm", "length")
        key = tuple(coordinate(cell, name) for name in names)
        row = rows.setdefault(
            key,
            dict(zip(names, key, strict=True))
            | {"kernel": "", "seed": 0, "record": record["key"]}
            | {"state_bytes": cost["state_bytes"], "measured_bytes": None},
        )
        if measured is not None:
            row |= {"measured_bytes": measured, "record": record["key"]}
    return pd.DataFrame(rows.values())


def exponents(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Rows of the table ``growth``: the power of the length that peaks grow with."""
    return of_sizes(of(records, "memory"), {name: _METRICS[name] for name in RISE})


TABLES = {"memory": memory, "state": state}
