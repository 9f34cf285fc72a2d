"""Records as a report reads them: which there are, and where each stands."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bench.data.contract import CHECKPOINT, OFFLINE
from bench.outcome import DONE, FORMERLY, STATUSES

COORDINATES = [
    "comparison", "task", "data", "length", "arm", "kernel", "device", "dtype", "denormals",
    "threads",
]  # fmt: skip

Record = dict[str, Any]
#: Half types whose name meant, before records said what weights are of, that everything was.
_WAS_PURE = ("bfloat16", "float16")

_TEXT, _COUNT, _OBJECT, _NONE = (str,), (int,), (dict,), type(None)
#: What a record has, and of what kind; what it has in one of these.
_KINDS: dict[str, tuple[type, ...]] = {
    "key": _TEXT, "status": _TEXT, "alike": _TEXT, "reason": (str, _NONE),
    "together": (str, _NONE),
    **dict.fromkeys(("cell", "model", "environment", "provenance", "metrics", "samples"), _OBJECT),
}  # fmt: skip
_INSIDE: dict[str, dict[str, tuple[type, ...]]] = {
    "cell": {
        **dict.fromkeys(set(COORDINATES) - {"data", "length", "threads"}, _TEXT),
        "probe": _TEXT, "length": _COUNT, "threads": (int, str), "seed": _COUNT,
        "axes": _OBJECT, "protocol": _OBJECT, "model": _OBJECT,
    },
    "model": dict.fromkeys(("parameters", "match"), (dict, _NONE)),
    "environment": {
        "cpu": _TEXT, "threads": _COUNT, "versions": _OBJECT, "commit": (str, _NONE),
        "dirty": (bool, _NONE),
    },
    "provenance": {"code": _TEXT, "corpus": _TEXT},
}  # fmt: skip
_WORDS = {
    str: "a text", int: "a whole number", dict: "an object", bool: "true or false", _NONE: "null"
}  # fmt: skip


def mistake(record: Record) -> str | None:
    """Why a report could not read an object as a record, naming what is not there; else None."""
    for place, name, kinds in _needed():
        whole = record if place is None else record[place]
        inside = "" if place is None else f" in {place!r}"
        if name not in whole:
            return f"expected {name!r}{inside}, {_kinds(kinds)}"
        if type(whole[name]) not in kinds:  # a bool is an int to isinstance
            return f"expected {name!r}{inside}, {_kinds(kinds)}. Got {whole[name]!r}"[:200]
    if record["status"] not in (*STATUSES, *FORMERLY):
        return f"status must be one of {', '.join(STATUSES)}. Got {record['status'][:40]!r}"
    return None


def _needed() -> Iterator[tuple[str | None, str, tuple[type, ...]]]:
    yield from ((None, name, kinds) for name, kinds in _KINDS.items())
    for place, inside in _INSIDE.items():
        yield from ((place, name, kinds) for name, kinds in sorted(inside.items()))


def _kinds(kinds: tuple[type, ...]) -> str:
    return " or ".join(_WORDS[kind] for kind in kinds)


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
