"""The SQLite file of a study's records: each is committed as its cell ends."""

import contextlib
import fcntl
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.outcome import FORMERLY
from bench.store import tables
from bench.store.lines import StoreError
from bench.store.records import Record, as_now

FILE = "records.sqlite"
_BESIDE = ("-journal", "-wal", "-shm")  # of a database that was stopped in the middle of a commit
#: What SQLite says of a file's place, not of the file.
_NOT_DAMAGE = (
    sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM,
)  # fmt: skip
_NAMED = 5  # damaged records in one sentence
_MEMORY = "file::memory:"


class Store:
    """Records of one study, in ``folder / records.sqlite``.

    What is not as it was written is left out and named, whoever reads; a sweep keeps the file of
    before aside and goes on with one of the rest.

    Args:
        folder: the study's report folder; made where it is missing and the store is to be written.
        write: open for a sweep. Only one sweep at a time may.
        absent: read a folder without a store as one without records.

    Attributes:
        found: what was wrong with the file, in a sentence; empty where nothing was.

    Raises:
        StoreError: no such store, another sweep has it, it is damaged, or it cannot be written.
    """

    def __init__(self, folder: Path, *, write: bool = False, absent: bool = False) -> None:
        self.folder = folder
        self.path = folder / FILE
        self.found = ""
        self._lost: Sequence[str] = ()
        self._lock: int | None = None
        if write:
            self._prepare_folder()
            self._lock = self._acquire()
        elif not absent and not self.path.is_file():
            raise StoreError(f"no records in {folder}: expected the file {FILE}")
        try:
            self._db = self._open(write)
        except BaseException:
            self._release()
            raise

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let another sweep have it."""
        self._db.close()
        self._release()

    # -- what a study is -------------------------------------------------------------------

    def meta(self, name: str, default: Any = None) -> Any:
        """A value stored beside the records.

        ``lacks`` is a sentence on planned cells whose records were damaged; None where all is well.

        Raises:
            StoreError: a value was damaged, and this may be it.
        """
        if name == "lacks":
            return self._lacks()
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None and self._lost:
            raise StoreError(f"{self.path}: {name!r} cannot be read. {self.found}")
        return default if row is None else json.loads(row[0])

    def set_meta(self, **values: Any) -> None:
        """Store values beside the records."""
        with self._writing():
            tables.put_meta(self._db, {name: encoded(value) for name, value in values.items()})

    def _lacks(self) -> str | None:
        recorded = self.statuses()
        damaged = [key for key in self.meta("damaged", []) if key not in recorded]
        named = self._named(damaged)
        if not named:
            return None
        one = len(named) == 1
        return (
            f"{len(named)} record{' was' if one else 's were'} damaged and "
            f"{'is' if one else 'are'} left out: {_some(named)}."
        )

    def _named(self, keys: Sequence[str]) -> list[str]:
        """Planned cells of these keys, as a person would name them."""
        cells = self.meta("cells", {})
        return [
            " ".join(str(cell[part]) for part in ("probe", "task", "arm") if part in cell)
            + f" T={cell.get('length')} ({key})"
            for key in self.meta("plan", [])
            if key in keys
            for cell in [cells.get(key, {})]
        ]

    # -- records ---------------------------------------------------------------------------

    def put(self, record: Record) -> None:
        """Commit one record; a later one of the same cell takes its place."""
        with self._writing():
            tables.put(self._db, record["key"], record["status"], encoded(record))

    def statuses(self) -> dict[str, str]:
        """Status of every recorded cell, by key."""
        found = self._db.execute("SELECT key, status FROM records").fetchall()
        return {key: FORMERLY.get(status, status) for key, status in found}

    def records(self) -> list[Record]:
        """Records of the planned cells, in the order of the plan."""
        return [as_now(json.loads(text)) for text in self.texts()]

    def texts(self) -> list[str]:
        """The same as JSON, as `encoded` writes it."""
        found = dict(self._db.execute("SELECT key, record FROM records"))
        return [found[key] for key in self.meta("plan", []) if key in found]

    def archive(self) -> Path | None:
        """Put the records aside under the time they were begun, and start with none."""
        begun = self.meta("begun")
        if begun is None and not self.statuses():
            return None
        self._db.close()
        stamp = (begun or now()).replace(":", "").replace("-", "")
        target = self.folder / f"records-{stamp}.sqlite"
        count = 1
        while target.exists():
            count += 1
            target = self.folder / f"records-{stamp}-{count}.sqlite"
        self.path.rename(target)
        self._db = self._open(write=True)
        return target

    # -- the file --------------------------------------------------------------------------

    def _prepare_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot write to {self.folder}: {error.strerror}") from None
        if not os.access(self.folder, os.W_OK):
            raise StoreError(f"cannot write to {self.folder}: it is read-only")

    def _open(self, write: bool) -> sqlite3.Connection:
        if not os.path.lexists(self.path):
            return self._replaced(tables.Contents()) if write else self._in_memory()
        db = None
        try:
            if not tables.headed(self.path):  # which SQLite may take for a new one
                raise tables.Damaged
            db = self._connected(write)
            contents = tables.read(db, self.path)
        except (tables.Damaged, tables.Newer, sqlite3.Error, OSError) as error:
            if db is not None:
                db.close()
            raise StoreError(self._refused(error, write)) from None
        if contents.whole:
            return db
        db.close()
        return self._mended(contents, write)

    def _refused(self, error: Exception, write: bool) -> str:
        """Why a file is not opened; one that is damaged is put aside by a sweep."""
        if isinstance(error, tables.Newer):
            return f"{self.path} has schema {error}; this version reads {tables.SCHEMA}"
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_ROLLBACK:
            return (
                f"{self.path}: a sweep was stopped while it was writing a record. Run the study "
                "again, which undoes that write and goes on; then read it."
            )
        if isinstance(error, OSError) or code in _NOT_DAMAGE:
            return f"cannot use {self.path}: {error}"
        return self._quarantine(write)

    def _connected(self, write: bool) -> sqlite3.Connection:
        mode = "rw" if write else "ro"
        return tables.connected(f"{self.path.absolute().as_uri()}?mode={mode}")

    def _in_memory(self, contents: tables.Contents | None = None) -> sqlite3.Connection:
        return tables.make(_MEMORY, contents or tables.Contents())

    def _mended(self, contents: tables.Contents, write: bool) -> sqlite3.Connection:
        """A store of what was read; to be written it takes the place of the file, kept aside."""
        before = json.loads(contents.meta.get("damaged", "[]"))
        if contents.damaged:
            contents.meta["damaged"] = encoded(sorted({*before, *contents.damaged}))
        if "provenance" not in contents.meta and contents.records:
            made_with = [json.loads(text) for _, text in contents.records.values()]
            merged = {n: v for r in made_with for n, v in r.get("provenance", {}).items()}
            contents.meta["provenance"] = encoded(merged)
        harmed = bool(contents.damaged or contents.lost)
        aside = None
        if write and harmed:
            aside = self._aside()
            self._kept(aside)
        db = self._replaced(contents) if write else self._in_memory(contents)
        if harmed:
            self._db = db  # which names the cells
            self.found = self._said(contents, aside)
            self._lost = () if write else contents.lost
        return db

    def _said(self, contents: tables.Contents, aside: Path | None) -> str:
        parts = []
        if contents.damaged:
            named = self._named(contents.damaged) or contents.damaged
            parts.append(f"{len(named)} of its records: {_some(named)}")
        if contents.lost:
            parts.append(f"what it says of {_some(contents.lost)}")
        then = (
            f"The file of before is kept as {aside.name}, and what is missing is measured again."
            if aside
            else "Run the study again: the file is kept aside, and what is missing is measured."
        )
        return f"{self.path} is damaged in {' and '.join(parts)}. {then}"

    def _replaced(self, contents: tables.Contents) -> sqlite3.Connection:
        """A new file in the place of the old, whole at every moment."""
        new = self.path.with_name(f".{FILE}.new")
        try:
            for path in _all_of(new):
                path.unlink(missing_ok=True)  # of a sweep that was killed here
            tables.make(new.absolute().as_uri(), contents).close()
            new.replace(self.path)
            return self._connected(write=True)
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreError(f"cannot write {self.path}: {error}") from None

    def _kept(self, aside: Path) -> None:
        try:
            shutil.copy2(self.path, aside)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise StoreError(
                f"cannot keep {self.path}, which is damaged, aside: {error.strerror}"
            ) from None

    def _aside(self) -> Path:
        return self.path.with_name(f"damaged-{time.time_ns()}.sqlite")

    def _quarantine(self, write: bool) -> str:
        """Move a damaged file aside, where it may be moved, and say so."""
        if not write:
            return f"{self.path} is damaged. Run the study again: it is put aside and replaced."
        target = self._aside()
        # The journal first: beside another file it would be played back into that.
        for path, to in reversed(list(zip(_all_of(self.path), _all_of(target), strict=True))):
            if path.exists():
                path.rename(to)
        return f"{self.path} was damaged, and put aside as {target.name}. Run again to replace it."

    def _acquire(self) -> int:
        """The lock of the only sweep, with its process number inside for the others to name."""
        path = self.folder / ".lock"
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"cannot write to {self.folder}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 32, 0).decode().strip()
            os.close(lock)
            raise StoreError(
                f"{self.folder} is in use by another sweep, process {owner or 'unknown'}. "
                "Wait for it, or stop it."
            ) from None
        except OSError as error:  # no locks on this file system
            os.close(lock)
            raise StoreError(
                f"cannot lock {path}: {error.strerror}. Two sweeps could write there at once: use "
                "a folder on another file system."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; what was committed before stays whatever happens."""
        if self._lock is None:
            raise StoreError(f"{self.path} was opened to be read, not to be written")
        try:
            with self._db:
                yield
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"cannot write {self.path}: {error}. All records so far are kept."
            ) from None


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def encoded(value: Any) -> str:
    """The one JSON text of a value: names in order, and no NaN."""
    return json.dumps(value, allow_nan=False, sort_keys=True)


def _all_of(path: Path) -> list[Path]:
    """A database's file, and those that may lie beside it."""
    return [path, *(path.with_name(path.name + end) for end in _BESIDE)]


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
