"""Columns that tables have in common, and series of records that differ in length only."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.statistics.intervals import Estimate
from bench.store.records import Record, coordinates, held, kernel, tokenizer

#: The value of an estimate, and the ends of its interval.
ENDS = ("", "_low", "_high")


def where(record: Record) -> dict[str, Any]:
    """Where a row stands, and the record that it is made from."""
    cell = record["cell"]
    return coordinates(cell) | {
        "kernel": kernel(record),
        "seed": cell["seed"],
        "phase": cell["axes"].get("phase", cell["probe"]),
        "batch_size": held(cell["protocol"]),
        **tokenizer(record),
        "record": record["key"],
    }


def with_columns(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The frame with these columns, empty where nothing fills them."""
    for name in columns:
        if name not in frame.columns:
            frame[name] = np.nan
    return frame


def interval(name: str, estimate: Estimate) -> dict[str, float]:
    """A value and the ends of its interval, a column each."""
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def estimate(row: Mapping[str, Any], name: str) -> Estimate:
    """What `interval` put into a row."""
    return Estimate(*(row[name + end] for end in ENDS))


def by_length(records: Sequence[Record]) -> list[tuple[dict[str, Any], dict[int, Record]]]:
    """Records that differ in length only, by it."""
    series: dict[str, dict[int, Record]] = {}
    for record in sorted(records, key=lambda r: int(r["cell"]["length"])):
        text = json.dumps(without_length(record))
        series.setdefault(text, {})[record["cell"]["length"]] = record
    return [(json.loads(text), found) for text, found in series.items()]


def without_length(record: Record) -> dict[str, Any]:
    """Where a record stands, but for its length."""
    found = where(record)
    return {name: found[name] for name in found if name not in ("length", "record")}


def span(lengths: Collection[int]) -> dict[str, Any]:
    """Which lengths something is said of."""
    return {
        "lengths": len(lengths),
        "shortest": min(lengths, default=None),
        "longest": max(lengths, default=None),
    }
