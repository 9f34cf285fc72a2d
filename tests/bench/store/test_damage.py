"""What is damaged in a store is named, kept aside and left out; nothing changes without a sign."""

import errno
import fcntl
import json
import os
import random
import sqlite3
from pathlib import Path

import pytest

from bench.store import FILE, Store, StoreError, archive

PUBLISHED = Path(__file__).parents[3] / "reports/published/accelerator" / archive.PACKED
NAMES = ("title", "plan", "cells", "provenance", "ceilings")


@pytest.fixture(scope="module")
def published():
    source = archive.Archive(PUBLISHED)
    return sorted(source.records(), key=lambda r: len(str(r)))[:8], source


@pytest.fixture(scope="module")
def content(published, tmp_path_factory):
    """Bytes of a store of real records."""
    folder = tmp_path_factory.mktemp("whole")
    records, source = published
    with Store(folder, write=True) as store:
        told = {n: source.meta(n) for n in archive._META if n not in ("plan", "lacks")}
        store.set_meta(**told, plan=[r["key"] for r in records],
                       cells={r["key"]: r["cell"] for r in records},
                       provenance=records[0]["provenance"])  # fmt: skip
        for record in records:
            store.put(record)
    return (folder / FILE).read_bytes()


@pytest.fixture
def path(content, tmp_path):
    (tmp_path / FILE).write_bytes(content)
    return tmp_path / FILE


def edited(path, sql, *values):
    db = sqlite3.connect(path)
    with db:
        db.execute(sql, values)
    db.close()


def before(path):
    """The same store as an earlier version wrote it, without digests."""
    db = sqlite3.connect(path)
    rows = [db.execute(f"SELECT * FROM {name}").fetchall() for name in ("meta", "records")]
    db.close()
    path.unlink()
    db = sqlite3.connect(path)
    with db:
        db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        db.execute("CREATE TABLE records (\n    key TEXT PRIMARY KEY, status TEXT NOT NULL, "
                   "record TEXT NOT NULL\n)")  # fmt: skip
        db.executemany("INSERT INTO meta VALUES (?, ?)", [row[:2] for row in rows[0]])
        db.execute("UPDATE meta SET value = '1' WHERE name = 'schema'")
        db.executemany("INSERT INTO records VALUES (?, ?, ?)", [row[:3] for row in rows[1]])
    db.close()


def damaged(folder):
    return sorted(folder.glob("damaged-*"))


def looked_at(folder, whole, write):
    """What a store is after damage: refused, named in part, or whole; never otherwise."""
    by_key, meta = whole
    try:
        store = Store(folder, write=write)
    except StoreError as error:
        assert "damaged" in str(error)
        return "refused"
    with store:
        for record in store.records() if not write or store.meta("plan") else ():
            assert record == by_key[record["key"]]
        recorded = store.statuses()
        if not store.found:
            assert recorded.keys() == by_key.keys()
            assert {name: store.meta(name) for name in NAMES} == meta
            return "whole"
        assert f"{folder / FILE} is damaged in " in store.found
        for key in by_key.keys() - recorded.keys():
            assert key in store.found or "and" in store.found
        return "named"


@pytest.mark.parametrize("write", [False, True])
def test_a_flipped_bit_changes_no_record_without_a_sign(content, published, tmp_path, write):
    """50 of 50, most of them in what is written, without a traceback."""
    records, source = published
    keys = [r["key"] for r in records]
    meta = {"title": source.meta("title"), "plan": keys, "ceilings": source.meta("ceilings"),
            "cells": {r["key"]: r["cell"] for r in records},
            "provenance": records[0]["provenance"]}  # fmt: skip
    whole = {r["key"]: r for r in records}, meta
    choose, path, seen = random.Random(0), tmp_path / FILE, []
    written = [at for at, byte in enumerate(content) if byte]
    for at in [choose.choice(written) for _ in range(30)] + [
        choose.randrange(len(content)) for _ in range(20)
    ]:
        flipped = bytearray(content)
        flipped[at] ^= 1 << choose.randrange(8)
        path.write_bytes(flipped)
        try:
            seen.append(looked_at(tmp_path, whole, write))
        except StoreError as error:  # a value that is asked for
            assert "cannot be read" in str(error)
            seen.append("refused")
        kept = damaged(tmp_path)
        assert len(kept) == (write and seen[-1] != "whole")
        assert all(aside.read_bytes() == flipped for aside in kept)
        for aside in kept:
            aside.unlink()
        if not write:
            assert path.read_bytes() == flipped, "who reads changes nothing"
    assert len(seen) == 50
    assert seen.count("named") > 10


def test_a_damaged_record_is_named_kept_aside_and_missing(path, published):
    records, _ = published
    key = records[3]["key"]
    edited(path, "UPDATE records SET record = replace(record, '1', '2') WHERE key = ?", key)
    harmed = path.read_bytes()
    with Store(path.parent) as reader:
        assert [r["key"] for r in reader.records()] == [
            r["key"] for r in records if r["key"] != key
        ]
        assert key in reader.found
        assert key in reader.meta("lacks")
    assert (path.read_bytes(), damaged(path.parent)) == (harmed, [])
    with Store(path.parent, write=True) as store:
        (aside,) = damaged(path.parent)
        assert aside.name in store.found
        assert key not in store.statuses()
    assert aside.read_bytes() == harmed
    with Store(path.parent, write=True) as store:
        assert not store.found, "said once"
        assert "1 record was damaged and is left out: " in store.meta("lacks")
        store.put(records[3])
        assert store.meta("lacks") is None
        assert store.records() == records


EDITS = {
    "NaN": lambda r: r["metrics"].update(value=float("nan")),
    "no model": lambda r: r.pop("model"),
    "no arm": lambda r: r["cell"].pop("arm"),
    "metrics a list": lambda r: r.update(metrics=[]),
    "a length in words": lambda r: r["cell"].update(length="64"),
    "axes of nothing": lambda r: r["cell"].update(axes=None),
    "a seed that is true": lambda r: r["cell"].update(seed=True),
    "a strange status": lambda r: r.update(status="fine"),
    "another key": lambda r: r.update(key="k"),
    "too deep": lambda r: r.update(samples={"a": json.loads("[" * 30 + "]" * 30)}),
}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("edit", [*EDITS, "junk", "half", "a list", "not UTF-8", "beyond a float"])
def test_an_edited_record_is_named(path, published, edit, old):
    records, _ = published
    record = json.loads(json.dumps(records[3]))
    if edit in EDITS:
        EDITS[edit](record)
    text = json.dumps(record)
    text = {"junk": "junk", "half": text[: len(text) // 2], "a list": "[1]",
            "not UTF-8": b"\xff" + text.encode(),
            "beyond a float": text.replace('"metrics": {', '"metrics": {"a": 1e999, ', 1),
            }.get(edit, text)  # fmt: skip
    if old:
        before(path)
    edited(path, "UPDATE records SET record = ? WHERE key = ?", text, records[3]["key"])
    with Store(path.parent, write=True) as store:
        assert records[3]["key"] in store.found
        assert len(store.records()) == len(records) - 1


def test_a_store_of_before_is_read_as_it_is_and_proven_from_now_on(path, published):
    records, _ = published
    before(path)
    old = path.read_bytes()
    with Store(path.parent) as reader:
        assert reader.records() == records
        assert (reader.found, reader.meta("lacks")) == ("", None)
        proof = archive.digest(reader)
    assert path.read_bytes() == old
    with Store(path.parent, write=True) as store:
        assert store.records() == records
        assert archive.digest(store) == proof
    assert not damaged(path.parent)
    edited(path, "UPDATE records SET record = replace(record, 'float32', 'float16')")
    with Store(path.parent) as store:
        assert store.found


@pytest.mark.parametrize("size", [0, 1, 15, 100, 511])
def test_what_is_left_of_a_store_is_no_new_one(path, size):
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(StoreError, match=r"is damaged\..* Run the study again"):
        Store(path.parent)
    with pytest.raises(StoreError, match="was damaged, and put aside as damaged-"):
        Store(path.parent, write=True)
    (aside,) = damaged(path.parent)
    assert aside.stat().st_size == size
    Store(path.parent, write=True).close()


def test_a_table_that_is_gone_is_no_new_one(path):
    for name in ("records", "meta"):
        content = path.read_bytes()
        edited(path, f"ALTER TABLE {name} RENAME TO other")
        with pytest.raises(StoreError, match="was damaged"):
            Store(path.parent, write=True)
        path.write_bytes(content)


def test_a_journal_goes_aside_with_its_file(path):
    path.write_bytes(b"")
    journal = path.with_name(f"{FILE}-journal")
    journal.write_bytes(b"of a commit that was stopped")
    with pytest.raises(StoreError, match="put aside"):
        Store(path.parent, write=True)
    assert not journal.exists()
    assert len(damaged(path.parent)) == 2


def test_an_index_that_lacks_a_row_hides_no_record(path, published):
    records, _ = published
    content, key = path.read_bytes(), records[5]["key"].encode()
    places = [at for at in range(len(content)) if content.startswith(key, at)]
    harmed = 0
    for at in places:  # in the table, its record, the plan, the index
        path.write_bytes(content[:at] + b"!" + content[at + 1 :])
        with Store(path.parent, write=True) as store:
            harmed += bool(store.found)
            assert len(store.statuses()) >= len(records) - 1
        path.write_bytes(content)
    assert harmed < len(places), "one is the index's: no record is lost"


def test_what_others_keep_beside_the_records_does_no_harm(path, published):
    edited(path, "ANALYZE")
    edited(path, "CREATE TABLE notes (text TEXT)")
    with Store(path.parent, write=True) as store:
        assert len(store.records()) == len(published[0])
        assert not store.found


def test_a_value_of_before_that_is_no_json_is_lost_and_not_proven(path):
    before(path)
    edited(path, "UPDATE meta SET value = '\"x' WHERE name = 'title'")
    with Store(path.parent, write=True) as store:
        assert "title" in store.found
        assert store.meta("title") is None
    assert len(list(path.parent.glob("damaged-*.sqlite"))) == 1


def test_a_newer_store_is_left_alone(path):
    edited(path, "UPDATE meta SET value = '9', digest = ? WHERE name = 'schema'",
           archive._digest(b"schema\n9"))  # fmt: skip
    content = path.read_bytes()
    with pytest.raises(StoreError, match="has schema 9; this version reads 2"):
        Store(path.parent, write=True)
    assert path.read_bytes() == content


def test_a_lost_value_is_named_and_provenance_is_told_by_the_records(path, published):
    records, _ = published
    for name in ("provenance", "plan"):
        edited(path, "UPDATE meta SET value = '[]' WHERE name = ?", name)
    with Store(path.parent) as store, pytest.raises(StoreError, match="'plan' cannot be read"):
        store.records()
    with Store(path.parent, write=True) as store:
        assert "what it says of provenance, plan" in store.found or "plan, prov" in store.found
        assert store.meta("provenance").items() >= records[-1]["provenance"].items()
        assert store.statuses().keys() == {r["key"] for r in records}


def test_a_folder_without_a_store_can_be_read_as_one_without_records(tmp_path):
    with Store(tmp_path / "nowhere", absent=True) as store:
        assert (store.statuses(), store.meta("plan")) == ({}, None)
        with pytest.raises(StoreError, match="opened to be read"):
            store.set_meta(plan=[])
    assert not (tmp_path / "nowhere").exists()


def test_truncated_at_every_page_and_1000_offsets(content, tmp_path):
    """Each is named, and put aside by who may; nothing of it is taken for a whole store."""
    path, choose = tmp_path / FILE, random.Random(1)
    for offset in range(0, len(content), 4096):
        path.write_bytes(content[:offset])
        with pytest.raises(StoreError, match="was damaged, and put aside as damaged-"):
            Store(tmp_path, write=True)
        (aside,) = damaged(tmp_path)
        aside.unlink()
    assert not path.exists()
    path.write_bytes(content)
    for offset in sorted((choose.randrange(len(content)) for _ in range(1000)), reverse=True):
        os.truncate(path, offset)
        with pytest.raises(StoreError, match=r"is damaged\. Run the study again"):
            Store(tmp_path)


def test_foreign_records_of_1000_mutations_are_read_or_named(published, tmp_path):
    """Of a file that nothing proves: each is refused in one sentence, or is of the same kinds."""
    records, _ = published
    text, choose = json.dumps(records[0]).encode(), random.Random(2)
    path, refused = tmp_path / archive.PLAIN, 0
    junk = [b"NaN", b"1e999", b"{}", b"[]", b'"', b"null", b"\xff", b"\n", b"9" * 400, b"[" * 100]
    for _ in range(1000):
        at = choose.randrange(len(text))
        path.write_bytes(text[:at] + choose.choice(junk) + text[at + choose.randrange(3) :])
        try:
            read = archive.Archive(path)
            assert "Unverified" in read.meta("lacks")
            assert json.dumps(read.records(), allow_nan=False)
        except StoreError as error:
            refused += 1
            assert f"{path}: line " in str(error)
    assert 500 < refused < 1000


def test_a_file_system_without_locks_is_one_sentence(tmp_path, monkeypatch):
    for number in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):

        def flock(*_, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)
        with pytest.raises(StoreError, match=r"cannot lock .* use a folder on another file system"):
            Store(tmp_path, write=True)
