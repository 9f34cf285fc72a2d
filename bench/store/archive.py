"""Records as a file of lines: what a report leaves beside its pages, and what is published.

The first line says what the records are of, and the digest of every line after it; these are one
record each. Packed, the same bytes come from the same records. Files of before had no first line:
what they are of is told from the records then, and nothing proves them.
"""

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from bench.outcome import STATUSES
from bench.store.database import FILE, Store, StoreError
from bench.store.records import Record

PLAIN = "records.jsonl"
PACKED = "records.jsonl.gz"
_SCHEMA = 1
_LONGEST_LINE = 16 << 20
_DEEPEST = 20
#: What a report says of a study beside its records.
_META = (
    "study", "source", "options", "title", "question", "summary", "comparisons", "published", "data",
    "plan", "ceilings", "corpus", "begun", "elapsed_s", "estimate_s",
)  # fmt: skip
_NEEDED = {
    "key": str, "status": str, "cell": dict, "model": dict, "environment": dict,
    "provenance": dict, "metrics": dict, "samples": dict,
}  # fmt: skip


class Source(Protocol):
    """Where a report's records come from: a store, or an archive."""

    def records(self) -> list[Record]:
        """Records of the planned cells, in the order of the plan."""

    def meta(self, name: str, default: Any = None) -> Any:
        """A value stored beside the records."""


class Archive:
    """Records of a file, read whole and proven.

    Args:
        path: of the file, ``.jsonl`` or ``.jsonl.gz``.

    Raises:
        StoreError: it is not there, not readable, or a line is not what it should be; the line is
            named.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: list[Record] = []
        self._meta: dict[str, Any] | None = None
        digests: list[str] = []
        for number, text in enumerate(_lines(path), 1):
            value = _parsed(path, number, text)
            if number == 1 and "schema" in value:
                self._meta, digests = _header(path, value)
                continue
            if self._meta is not None:
                _prove(path, number, text, digests, len(self._records))
            _refuse(path, number, value)
            self._records.append(value)
        if self._meta is not None and len(self._records) < len(digests):
            raise StoreError(
                f"{path}: expected {len(digests)} records. It ends behind line "
                f"{len(self._records) + 1}: take a whole copy."
            )
        if not self._records and self._meta is None:
            raise StoreError(f"{path}: expected records, one JSON object a line. Got none.")
        #: Whether each line is as its first line says; files of before have none.
        self.proven = self._meta is not None
        if self._meta is None:
            self._meta = _told(path, self._records)
        twice = [key for key, n in Counter(r["key"] for r in self._records).items() if n > 1]
        if twice:
            raise StoreError(f"{path}: expected each cell once. Got {twice[0]} several times.")

    def records(self) -> list[Record]:
        """The records, in the order of the plan."""
        return list(self._records)

    def meta(self, name: str, default: Any = None) -> Any:
        """What the first line says."""
        assert self._meta is not None
        if name == "cells":
            return self._meta["cells"] | {r["key"]: r["cell"] for r in self._records}
        return self._meta.get(name, default)


def write(source: Source, path: Path) -> str:
    """Write the records of a source; returns the digest of all of them.

    Raises:
        OSError: the file cannot be written.
    """
    records = source.records()
    lines = [_dumps(record) for record in records]
    digests = [_digest(line) for line in lines]
    cells, known = source.meta("cells") or {}, {record["key"] for record in records}
    header = {
        "schema": _SCHEMA,
        "digests": digests,
        "of": {name: source.meta(name) for name in _META}
        | {"cells": {key: cell for key, cell in cells.items() if key not in known}},
    }
    text = "".join(f"{line}\n" for line in (_dumps(header), *lines)).encode()
    path.write_bytes(gzip.compress(text, 9, mtime=0) if path.suffix == ".gz" else text)
    return _of_all(digests)


def digest(records: list[Record]) -> str:
    """One digest for all records: the same ones in the same order have it, wherever they lie."""
    return _of_all(_digest(_dumps(record)) for record in records)


def find(place: Path) -> Path:
    """The file that holds the records of a place: a store, an archive, or a folder with either.

    Raises:
        StoreError: there is none.
    """
    if place.is_file():
        return place
    for name in (FILE, PACKED, PLAIN):
        if (place / name).is_file():
            return place / name
    raise StoreError(f"no records in {place}: expected the file {FILE}, {PACKED} or {PLAIN}")


def opened(path: Path) -> Store | Archive:
    """A store or an archive, by the file's name.

    Raises:
        StoreError: it cannot be read as what its name says.
    """
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return Archive(path)
    if path.name != FILE:
        raise StoreError(f"{path}: expected {FILE}, or a file of records, .jsonl or .jsonl.gz")
    return Store(path.parent)


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, each whole and not too long."""
    number = 0
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            while line := file.readline(_LONGEST_LINE + 1):
                number += 1
                if len(line) > _LONGEST_LINE:
                    raise StoreError(
                        f"{path}: line {number}: expected at most {_LONGEST_LINE >> 20} MiB"
                    )
                yield line.removesuffix(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StoreError(
            f"{path}: damaged behind line {number} ({error}). Take a whole copy."
        ) from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None


def _parsed(path: Path, number: int, text: bytes) -> dict[str, Any]:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
        if not isinstance(value, dict):
            raise TypeError(f"expected an object, got {type(value).__name__}")
        if _depth(value) > _DEEPEST:
            raise ValueError(f"nested deeper than {_DEEPEST}")
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"{path}: line {number} is no record: {error}"[:300]) from None
    return value


def _depth(value: Any) -> int:
    """How deep lists and objects lie in one another."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        inside = [v for v in level if isinstance(v, dict | list) and v]
        level = [
            one
            for v in inside
            for one in (v.values() if isinstance(v, dict) else v if _nested(v) else ())
        ]
    return depth


def _nested(values: list[Any]) -> bool:
    """Whether a list holds lists or objects; traces, which are long, hold numbers only."""
    return isinstance(values[0], dict | list) or any(isinstance(v, dict | list) for v in values)


def _header(path: Path, value: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    if value["schema"] != _SCHEMA:
        raise StoreError(
            f"{path}: expected records of schema {_SCHEMA}, which this version reads. Got "
            f"{value['schema']!r}."
        )
    meta, digests = value.get("of"), value.get("digests")
    if not isinstance(meta, dict) or not isinstance(digests, list):
        raise StoreError(f"{path}: line 1 does not say what the records are of")
    return {"cells": {}} | meta, digests


def _prove(path: Path, number: int, text: bytes, digests: list[str], index: int) -> None:
    if index >= len(digests):
        raise StoreError(f"{path}: line {number}: expected {len(digests)} records. Got more.")
    if _digest(text.decode("utf-8", "surrogateescape")) != digests[index]:
        raise StoreError(f"{path}: line {number} is not what was written: its digest differs")


def _refuse(path: Path, number: int, record: Mapping[str, Any]) -> None:
    """Refuse what a report could not read as a record."""
    for name, kind in _NEEDED.items():
        if not isinstance(record.get(name), kind):
            raise StoreError(
                f"{path}: line {number} is no record of this schema: expected {name!r}, "
                f"{'a text' if kind is str else 'an object'}"
            )
    if record["status"] not in STATUSES:
        raise StoreError(
            f"{path}: line {number}: status must be one of {', '.join(STATUSES)}. Got "
            f"{record['status'][:40]!r}."
        )


def _told(path: Path, records: list[Record]) -> dict[str, Any]:
    """What the records themselves say of their study."""
    name = path.resolve().parent.name
    return {
        "study": name,
        "source": name,
        "title": name.capitalize(),
        "summary": "",
        "comparisons": {r["cell"]["comparison"]: r["cell"]["model"] for r in records},
        "plan": [r["key"] for r in records],
        "cells": {},
    }


def _dumps(value: Any) -> str:
    return json.dumps(value, allow_nan=False, sort_keys=True)


def _of_all(digests: Iterable[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode("utf-8", "surrogateescape")).hexdigest()[:16]
