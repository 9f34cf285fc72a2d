"""Rows and records brought together, for a line of a figure or a sentence."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench.drawing.palette import rank
from bench.store.records import Record


def arms(records: Sequence[Record]) -> list[str]:
    """Each record's arm."""
    return [r["cell"]["arm"] for r in records]


def by_arm(records: Sequence[Record]) -> list[list[Record]]:
    """Records of one arm, kernel and protocol together: a line each, its seeds inside."""
    series: dict[str, list[Record]] = {}
    for record in records:
        cell = record["cell"]
        alike = json.dumps([cell["arm"], cell["kernel"], cell["protocol"]], sort_keys=True)
        series.setdefault(alike, []).append(record)
    return list(series.values())


def groups(frame: pd.DataFrame, keys: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Rows that agree on the keys, in the order of the legend; faster than pandas' for many."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for given in frame.to_dict("records"):
        row = {str(name): value for name, value in given.items()}
        found.setdefault(tuple(row[name] for name in keys), []).append(row)
    return [sorted(rows, key=lambda row: rank(row["arm"])) for rows in found.values()]
