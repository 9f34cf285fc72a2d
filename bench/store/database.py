"""The SQLite file of a study's records: each is committed as its cell ends."""

import contextlib
import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.outcome import FORMERLY
from bench.store.records import Record, as_now

FILE = "records.sqlite"
_SCHEMA = 1
_NOT_DAMAGE = ("readonly", "disk", "unable", "locked", "busy")  # what SQLite says of its place
_SIZE = ("page_count", "page_size")
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY, status TEXT NOT NULL, record TEXT NOT NULL
);
"""


class StoreError(RuntimeError):
    """A store that is locked, damaged, or not to be written."""


class Store:
    """Records of one study, in ``folder / records.sqlite``.

    Args:
        folder: the study's report folder; made where it is missing and the store is to be written.
        write: open for a sweep. Only one sweep at a time may.

    Raises:
        StoreError: no such store, another sweep has it, it is damaged, or it cannot be written.
    """

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        self.folder = folder
        self.path = folder / FILE
        self._lock: int | None = None
        if write:
            self._prepare_folder()
            self._lock = self._acquire()
        elif not self.path.is_file():
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
        """A value stored beside the records."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set_meta(self, **values: Any) -> None:
        """Store values beside the records."""
        with self._writing():
            self._db.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [(name, encoded(value)) for name, value in values.items()],
            )

    # -- records ---------------------------------------------------------------------------

    def put(self, record: Record) -> None:
        """Commit one record; a later one of the same cell takes its place."""
        with self._writing():
            self._db.execute(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
                (record["key"], record["status"], encoded(record)),
            )

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
        if begun is None:
            return None
        self._db.close()
        stamp = begun.replace(":", "").replace("-", "")
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
        mode = "rwc" if write else "ro"
        try:
            db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode={mode}", uri=True)
        except sqlite3.OperationalError as error:
            raise StoreError(f"cannot open {self.path}: {error}") from None
        try:
            healthy = self._whole(db) and db.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            if healthy and write:
                db.executescript(_TABLES)
                db.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (str(_SCHEMA),))
                db.commit()
            schema = db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
            healthy = healthy and schema is not None
            db.execute("SELECT count(record) FROM records").fetchone()
        except sqlite3.OperationalError as error:
            db.close()
            if any(word in str(error) for word in _NOT_DAMAGE):
                raise StoreError(f"cannot use {self.path}: {error}") from None
            healthy = False
        except sqlite3.DatabaseError:
            healthy = False
        if not healthy:
            db.close()
            raise StoreError(self._quarantine(write))
        if int(schema[0]) != _SCHEMA:
            db.close()
            raise StoreError(f"{self.path} has schema {schema[0]}; this version reads {_SCHEMA}")
        return db

    def _whole(self, db: sqlite3.Connection) -> bool:
        """Whether the file is as long as its header says: a quick check reads past a lost end."""
        pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in _SIZE)
        return self.path.stat().st_size >= int(pages * size)

    def _quarantine(self, write: bool) -> str:
        """Move a damaged file aside, where it may be moved, and say so."""
        if not write:
            return f"{self.path} is damaged. Run the study again: it is put aside and replaced."
        target = self.path.with_name(f"damaged-{time.time_ns()}.sqlite")
        self.path.rename(target)
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
