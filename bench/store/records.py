"""Records as a report reads them: which there are, and where each stands."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.data.contract import OFFLINE
from bench.outcome import DONE, FORMERLY

COORDINATES = [
    "comparison", "task", "data", "length", "arm", "kernel", "device", "dtype", "denormals",
    "threads",
]  # fmt: skip

Record = dict[str, Any]


def of(records: Sequence[Record], probe: str, *statuses: str) -> list[Record]:
    """The records of a probe that ended in one of these statuses, done by default."""
    wanted = statuses or (DONE,)
    return [r for r in records if r["cell"]["probe"] == probe and r["status"] in wanted]


def current(record: Record) -> Record:
    """A record with its status by the name that it has now."""
    return record | {"status": FORMERLY.get(record["status"], record["status"])}


def coordinate(cell: dict[str, Any], name: str) -> Any:
    """Where a cell stands; one of before there were data sets is of the offline data."""
    return cell.get(name, OFFLINE) if name == "data" else cell[name]


def coordinates(cell: dict[str, Any]) -> dict[str, Any]:
    """Where a cell stands, every coordinate but its seed."""
    return {name: coordinate(cell, name) for name in COORDINATES}


def short(values: Any, digits: int = 4) -> list[Any]:
    """Numbers of an array with so many digits, for a record that is read by people and Git."""
    return [
        short(value, digits) if isinstance(value, list) else float(f"{value:.{digits}g}")
        for value in np.asarray(values, dtype=float).tolist()
    ]
