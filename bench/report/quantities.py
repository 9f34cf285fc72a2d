"""The numbers of a record, told by their names: what is counted, what a clock or system says.

Names have their units at the end. What depends on a clock or on what the system has given (resident
bytes) is not of the cell alone.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bench.page.evidence import Evidence
from bench.statistics.rounds import middle as median
from bench.store.records import COORDINATES, Record

#: Parts of names of what a clock or the system said, and nobody would measure again.
_CLOCKS = ("seconds", "_per_s", "steal", "psi")
_SYSTEM = ("rss", "reserved", "device_used")
_WITHIN = " at "  # between a column of a table and its row, where a cell has several


def counted(record: Record) -> dict[str, float]:
    """Sizes that are the same whenever they are counted: parameters, FLOPs, bytes of tensors."""
    found = dict(_numbers(record["model"]))
    found |= {name: one for name, one in _numbers(record["metrics"]) if _size(name)}
    return found


def all_of(record: Record) -> dict[str, Any]:
    """Every number and trace but of clocks and of the system."""
    metrics = {name: one for name, one in record["metrics"].items() if not _clocked(name)}
    traces = {name: one for name, one in record["samples"].items() if not _clocked(name)}
    return metrics | traces


class Rows:
    """What a record's metrics and its rows in the tables say, a number a name.

    Args:
        evidence: whose tables have rows of one record: those with the columns ``record``, ``seed``.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    @cached_property
    def _rows(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Rows of each record, by table."""
        found: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for table in self._evidence:
            frame = self._evidence[table]
            if not {"record", "seed"} <= set(frame.columns):
                continue
            for given in frame.to_dict("records"):
                row = {str(name): value for name, value in given.items()}
                found.setdefault(row["record"], {}).setdefault(table, []).append(row)
        return found

    def of(self, record: Record) -> dict[str, float]:
        """The numbers of a record that seeds can be compared by."""
        found = {n: one for n, one in _numbers(record["metrics"]) if _seeded(n)}
        for rows in self._rows.get(record["key"], {}).values():
            for label, row in _labelled(rows):
                for name, one in _numbers(row):
                    if _seeded(name) and name not in record["metrics"] and not _is_end(name):
                        found.setdefault(name + label, one)
        return found


def bare(quantity: str) -> str:
    """A quantity's name without the row that it stands in."""
    return quantity.partition(_WITHIN)[0]


def middle(values: Sequence[float]) -> float:
    """The median."""
    return median(np.asarray(values, dtype=float))


def _labelled(rows: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of one record, each with what tells it from the others."""
    if len(rows) == 1:
        yield "", rows[0]
        return
    for name in rows[0]:
        values = [row[name] for row in rows]
        if not any(isinstance(v, float | bool) for v in values) and len(set(values)) == len(rows):
            yield from ((f"{_WITHIN}{name} {row[name]}", row) for row in rows)
            return


def _numbers(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, one in value.items():
        if isinstance(one, dict):
            yield from _numbers(one, f"{prefix}{name}.")
        elif isinstance(one, bool | int | float) and math.isfinite(one):
            yield prefix + name, one


def _clocked(name: str) -> bool:
    return name.endswith("_s") or any(part in name for part in (*_CLOCKS, *_SYSTEM))


def _size(name: str) -> bool:
    return "_bytes" in name and not _clocked(name)


def _seeded(name: str) -> bool:
    known = name in (*COORDINATES, "seed", "batch_size")
    return not (known or "_bytes" in name or _clocked(name))


def _is_end(name: str) -> bool:
    """Whether it is an end of an interval, which says nothing that its value does not."""
    return name.endswith(("_low", "_high"))
