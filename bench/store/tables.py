"""What a store's file holds, and whether that is what was written.

Every value and every record has a digest beside it. Files of schema 1 had none: of these a record
is held for damaged where it is no record.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.store import lines
from bench.store.records import mistake

SCHEMA = 2
_TABLES = {
    "meta": "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, digest TEXT NOT NULL)",
    "records": (
        "CREATE TABLE records (key TEXT PRIMARY KEY, status TEXT NOT NULL, record TEXT NOT NULL, "
        "digest TEXT NOT NULL)"
    ),
}
_MAGIC = b"SQLite format 3\0"
_SIZE = ("page_count", "page_size")


class Damaged(Exception):
    """A file that is no store as one was written."""


class Newer(Exception):
    """A store of another version; the message is its schema."""


@dataclass
class Contents:
    """What a store's file holds.

    Args:
        meta: values beside the records, as JSON, by name.
        records: status and JSON of every record that is what was written, by key.
        lost: names of values that are not what was written.
        damaged: keys of records that are not, as far as these can be told.
        sound: the file needs nothing: no older schema, no index that lacks a row.
    """

    meta: dict[str, str] = field(default_factory=dict)
    records: dict[str, tuple[str, str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    sound: bool = True

    @property
    def whole(self) -> bool:
        """Whether the file can stay as it is."""
        return self.sound and not self.lost and not self.damaged


def digest(*parts: str) -> str:
    """Of a value with its name, or of a record with its key and status."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def connected(target: str) -> sqlite3.Connection:
    """A connection to a file by its URI; what is no UTF-8 in it is read as what it is not."""
    db = sqlite3.connect(target, uri=True)
    db.text_factory = lambda data: data.decode(errors="replace")
    return db


def make(target: str, contents: Contents) -> sqlite3.Connection:
    """A new file of these contents, or a store in memory."""
    db = connected(target)
    try:
        with db:
            for sql in _TABLES.values():
                db.execute(sql)
            put_meta(db, contents.meta | {"schema": str(SCHEMA)})
            for key, (status, text) in contents.records.items():
                put(db, key, status, text)
    except BaseException:
        db.close()
        raise
    return db


def put_meta(db: sqlite3.Connection, values: dict[str, str]) -> None:
    """Write values, inside a transaction of the caller's."""
    rows = [(name, value, digest(name, value)) for name, value in values.items()]
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", rows)


def put(db: sqlite3.Connection, key: str, status: str, text: str) -> None:
    """Write a record, inside a transaction of the caller's."""
    row = (key, status, text, digest(key, status, text))
    db.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", row)


def headed(path: Path) -> bool:
    """Whether a file begins as SQLite's do, which takes an empty one for a new database."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read(db: sqlite3.Connection, path: Path) -> Contents:
    """Everything, each part held against its digest.

    Tables are read row by row: a damaged index hides none of them.

    Raises:
        Damaged: the file as a whole is not to be read.
        Newer: it is of a schema that this version does not know.
        sqlite3.Error: likewise damaged, or its place cannot be used.
    """
    pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in _SIZE)
    # As long as its header says: a check reads past a lost end.
    if path.stat().st_size < pages * size or not _checked(db, "quick_check"):
        raise Damaged
    found = Contents(sound=_checked(db, "integrity_check"))
    schema, proven = 0, False
    for name, value, *proof in db.execute("SELECT * FROM meta NOT INDEXED"):
        proven = bool(proof)
        if not _is(proof, name, value) or not (proof or _is_json(value)):
            found.lost.append(str(name))
        elif name == "schema":
            schema = int(value) if value.isdecimal() else 0
        else:
            found.meta[name] = value
    if schema > SCHEMA:
        raise Newer(schema)
    # A table that is not the one that was made may have lost any of its rows.
    made = dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))
    if not _TABLES.keys() <= made.keys() or schema not in (1, SCHEMA):
        raise Damaged
    ours = all(made[name] == sql for name, sql in _TABLES.items())  # others do no harm
    if proven != (schema > 1) or ours != (schema > 1):
        raise Damaged
    found.sound = found.sound and schema == SCHEMA
    for key, status, text, *proof in db.execute("SELECT * FROM records NOT INDEXED"):
        if _is(proof, key, status, text) and (proven or _fits(key, status, text)):
            found.records[key] = status, text
        else:
            found.damaged += _keys(key, text)
    return found


def _checked(db: sqlite3.Connection, check: str) -> bool:
    return bool(db.execute(f"PRAGMA {check}(1)").fetchone()[0] == "ok")


def _is(proof: Sequence[object], *parts: object) -> bool:
    """Whether these are texts, and what was written where there is a digest to prove it."""
    texts = [part for part in parts if isinstance(part, str)]
    return len(texts) == len(parts) and (not proof or proof == [digest(*texts)])


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _fits(key: str, status: str, text: str) -> bool:
    """Whether a text is the record of a key and status, as far as it says so itself."""
    try:
        record = lines.decoded(text)
    except ValueError:
        return False
    return mistake(record) is None and (record["key"], record["status"]) == (key, status)


def _keys(key: object, text: object) -> Iterator[str]:
    """Keys that a damaged record may be of: its row's, and its own."""
    yield str(key)
    try:
        own = lines.decoded(text)["key"] if isinstance(text, str) else key
    except (ValueError, KeyError):
        return
    if isinstance(own, str) and own != key:
        yield own
