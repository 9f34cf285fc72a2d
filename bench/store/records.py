"""Records as a report reads them: which there are, and where each stands."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.data.contract import CHECKPOINT, OFFLINE
from bench.outcome import DONE, FORMERLY

COORDINATES = [
    "comparison", "task", "data", "length", "arm", "kernel", "device", "dtype", "denormals",
    "threads",
]  # fmt: skip

Record = dict[str, Any]
#: Half types whose name meant, before records said what weights are of, that everything was.
_WAS_PURE = ("bfloat16", "float16")


def as_now(record: Record) -> Record:
    """A record of before as it would be said now.

    Its ``bfloat16`` was ``pure_bfloat16``, and some statuses had other names.
    """
    status, cell = record.get("status"), record.get("cell", {})
    if status in FORMERLY:
        record = record | {"status": FORMERLY[status]}
    if cell.get("dtype") in _WAS_PURE and "weights" not in record["model"]:
        record = record | {"cell": cell | {"dtype": f"pure_{cell['dtype']}"}}
    return record


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


def kernel(record: Record) -> str:
    """A cell's kernel; with the operators that ran, where its name is others' in float32."""
    name, metrics = str(record["cell"]["kernel"]), record["metrics"]
    ran, usual = metrics.get("kernel_ran"), metrics.get("kernel_ran_in_float32")
    if usual is None or ran == usual:  # records of before do not say
        return name
    return f"{name} ({operators(ran)})"


def operators(ran: Sequence[str]) -> str:
    """``rvt::lstm_scan``: what ran, in a few words; PyTorch's own without its namespace."""
    return ", ".join(name.removeprefix("aten::") for name in ran) or "written out"


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
