"""Records as a report reads them: which there are, and where each stands."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.data.contract import CHECKPOINT, OFFLINE
from bench.outcome import DONE

COORDINATES = [
    "comparison", "task", "data", "length", "arm", "kernel", "device", "dtype", "denormals",
    "threads",
]  # fmt: skip

Record = dict[str, Any]


def of(records: Sequence[Record], probe: str, *statuses: str) -> list[Record]:
    """The records of a probe that ended in one of these statuses, done by default."""
    wanted = statuses or (DONE,)
    return [r for r in records if r["cell"]["probe"] == probe and r["status"] in wanted]


def coordinate(cell: dict[str, Any], name: str) -> Any:
    """Where a cell stands; one of before there were data sets is of the offline data."""
    return cell.get(name, OFFLINE) if name == "data" else cell[name]


def coordinates(cell: dict[str, Any]) -> dict[str, Any]:
    """Where a cell stands, every coordinate but its seed."""
    return {name: coordinate(cell, name) for name in COORDINATES}


def held(protocol: dict[str, Any]) -> int | str:
    """What a step has at every length: so many rows, or ``4096 tokens``; of before it was rows."""
    tokens = protocol.get("tokens_per_step")
    return f"{tokens} tokens" if tokens else int(protocol["batch_size"])


def tokenizer(record: Record) -> dict[str, str]:
    """Through whose token ids a record's text was read, as a coordinate.

    Nothing where a task has ids of its own, nor of a record of before there was a choice: it was
    the checkpoint's then.
    """
    known = (record.get("model") or {}).get("tokenizer")
    return {"tokenizer": record["cell"]["model"].get("tokenizer", CHECKPOINT)} if known else {}


def short(values: Any, digits: int = 4) -> list[Any]:
    """Numbers of an array with so many digits, for a record that is read by people and Git."""
    return [
        short(value, digits) if isinstance(value, list) else float(f"{value:.{digits}g}")
        for value in np.asarray(values, dtype=float).tolist()
    ]
