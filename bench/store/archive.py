"""Records as a file of lines: what a report leaves beside its pages, and what is published.

The first line says what the records are of, and the digest of every line after it; these are one
record each. Packed, the same bytes come from the same records. Files of before had no first line:
what they are of is told from the records then, and nothing proves them.
"""

import gzip
import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from bench.store import lines
from bench.store.database import FILE, Store, encoded
from bench.store.lines import StoreError
from bench.store.records import Record, as_now, mistake

PLAIN = "records.jsonl"
PACKED = "records.jsonl.gz"
_SCHEMA = 1
#: What a report says of a study beside its records, and what it is.
_META: dict[str, tuple[type, ...]] = {
    "study": (str,), "source": (str,), "title": (str,), "summary": (str,),
    "comparisons": (dict,), "plan": (list,),
    **dict.fromkeys(("options", "published"), (list, type(None))),
    **dict.fromkeys(("data", "ceilings", "corpus"), (dict, type(None))),
    **dict.fromkeys(("question", "begun", "lacks"), (str, type(None))),
    **dict.fromkeys(("elapsed_s", "estimate_s"), (int, float, type(None))),
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

    Attributes:
        lacks: what a file of before does not say, in a sentence; None where it says all.
        digest: of what the records are of, and of each; empty where nothing proves them.

    Raises:
        StoreError: it is not there, not readable, or a line is not what it should be; the line is
            named.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lacks: str | None = None
        self._records: list[Record] = []
        header: dict[str, Any] | None = None
        proofs: list[str] = []
        at: dict[str, int] = {}  # the line of each cell
        for number, text in lines.read(path):
            value = lines.parsed(path, number, text)
            if number == 1 and "schema" in value:
                header, proofs = _header(path, value)
                continue
            if header is not None:
                _prove(path, number, text, proofs)
            if why := mistake(value):
                raise StoreError(f"{path}: line {number} is no record of this schema: {why}")
            if at.setdefault(value["key"], number) != number:
                raise StoreError(
                    f"{path}: line {number} is of the cell of line {at[value['key']]}: expected "
                    "each once."
                )
            self._records.append(as_now(value))
        if header is not None and len(self._records) < len(proofs):
            raise StoreError(
                f"{path}: expected {len(proofs)} records. It ends behind line "
                f"{len(self._records) + 1}: take a whole copy."
            )
        if header is None:
            if not self._records:
                raise StoreError(f"{path}: expected records, one JSON object a line. Got none.")
            self.lacks = (
                "Unverified: the file of records has no first line, which says the study's title, "
                "plan and ceilings, and the digest of every record. The title is the folder's "
                "name, cells that were never run are not known, and nothing proves the records."
            )
            header = _told(path, self._records) | {"lacks": self.lacks}
        self._meta = header
        self._complete(path)
        self.digest = "" if self.lacks else _of_all(header, proofs)

    def records(self) -> list[Record]:
        """The records, in the order of the plan."""
        return list(self._records)

    def meta(self, name: str, default: Any = None) -> Any:
        """What the first line says."""
        if name == "cells":
            return self._meta["cells"] | {r["key"]: r["cell"] for r in self._records}
        return self._meta.get(name, default)

    def _complete(self, path: Path) -> None:
        """Refuse a first line that does not say what its records are of.

        Raises:
            StoreError: it lacks a cell of the plan, or a comparison.
        """
        cells, told = self.meta("cells"), self._meta["comparisons"]
        unknown = [key for key in self._meta["plan"] if key not in cells]
        unknown += [c for cell in cells.values() if (c := cell.get("comparison")) not in told]
        if unknown:
            raise StoreError(f"{path}: line 1 does not say what {unknown[0]!r} is")


def write(source: Source, path: Path) -> str:
    """Write the records of a source.

    Returns:
        The digest of all: of what they are of, and of each record. It is the same wherever they
        lie, packed or not.

    Raises:
        OSError: the file cannot be written.
    """
    if isinstance(source, Archive) and source.digest and source.path.suffix == path.suffix:
        if source.path != path:
            shutil.copyfile(source.path, path)  # proven, so it is what would be written
        return source.digest
    header, texts = _contents(source)
    text = "".join(f"{line}\n" for line in (encoded(header), *texts)).encode()
    path.write_bytes(gzip.compress(text, 9, mtime=0) if path.suffix == ".gz" else text)
    return str(header["sha256"])


def digest(source: Source) -> str:
    """What ``write`` would return."""
    if isinstance(source, Archive) and source.digest:
        return source.digest
    return str(_contents(source)[0]["sha256"])


def _contents(source: Source) -> tuple[dict[str, Any], list[str]]:
    """The first line, and the others as they are written."""
    records = source.records()
    texts = source.texts() if isinstance(source, Store) else [encoded(r) for r in records]
    proofs = [_digest(text.encode()) for text in texts]
    cells, known = source.meta("cells") or {}, {record["key"] for record in records}
    of = {name: source.meta(name) for name in _META} | {
        "cells": {key: cell for key, cell in cells.items() if key not in known}
    }
    if of["lacks"] is None:  # as in files of before it was said
        del of["lacks"]
    return {"schema": _SCHEMA, "digests": proofs, "of": of, "sha256": _of_all(of, proofs)}, texts


def find(place: Path) -> Path:
    """The file that holds the records of a place: a store, an archive, or a folder with either.

    Raises:
        StoreError: there is none.
    """
    if place.is_file():
        if place.name != FILE and not place.name.endswith((".jsonl", ".jsonl.gz")):
            raise StoreError(
                f"{place} is no file of records: expected {FILE}, {PACKED} or {PLAIN}, or another "
                "file of records, .jsonl or .jsonl.gz"
            )
        return place
    for name in (FILE, PACKED, PLAIN):
        if (place / name).is_file():
            return place / name
    why = "" if place.exists() else ", which is not there"
    raise StoreError(f"no records in {place}{why}: expected the file {FILE}, {PACKED} or {PLAIN}")


def opened(path: Path) -> Store | Archive:
    """A store or an archive, by the name of a file that ``find`` has found.

    Raises:
        StoreError: it cannot be read as what its name says.
    """
    return Store(path.parent) if path.name == FILE else Archive(path)


def _header(path: Path, value: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    if value["schema"] != _SCHEMA:
        raise StoreError(
            f"{path}: expected records of schema {_SCHEMA}, which this version reads. Got "
            f"{value['schema']!r}."
        )
    of, proofs = value.get("of"), value.get("digests")
    if not isinstance(of, dict) or not isinstance(proofs, list):
        raise StoreError(f"{path}: line 1 does not say what the records are of")
    wrong = [name for name, kinds in _META.items() if not isinstance(of.get(name), kinds)]
    if wrong or not isinstance(of.get("cells"), dict):
        raise StoreError(f"{path}: line 1 does not say the study's {(*wrong, 'cells')[0]}")
    if value.get("sha256", whole := _of_all(of, map(str, proofs))) != whole:  # none of before
        raise StoreError(f"{path}: line 1 is not what was written: its digest differs")
    return of, proofs


def _prove(path: Path, number: int, text: bytes, proofs: list[str]) -> None:
    if number - 2 >= len(proofs):
        raise StoreError(f"{path}: line {number}: expected {len(proofs)} records. Got more.")
    if _digest(text) != proofs[number - 2]:
        raise StoreError(f"{path}: line {number} is not what was written: its digest differs")


def _told(path: Path, records: list[Record]) -> dict[str, Any]:
    """What the records themselves say of their study."""
    name = path.resolve().parent.name
    models = {r["cell"]["comparison"]: r["cell"]["model"] for r in records}
    return {
        "study": name,
        "source": name,
        "title": name.capitalize(),
        "summary": "",
        # In the order in which they are read back.
        "comparisons": dict(sorted(models.items())),
        "plan": [r["key"] for r in records],
        "cells": {},
    }


def _of_all(of: dict[str, Any], proofs: Iterable[str]) -> str:
    return hashlib.sha256("".join([_digest(encoded(of).encode()), *proofs]).encode()).hexdigest()


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:16]
