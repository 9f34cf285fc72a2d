"""The store: what is committed stays, one sweep at a time, and damage is seen."""

import os
import subprocess
import sys

import pytest

from bench.store import FILE, Store, StoreError


def filled(folder, count=40):
    with Store(folder, write=True) as store:
        store.set_meta(plan=[f"k{n}" for n in range(count)], begun="2026-01-01T00:00:00Z")
        for number in range(count):
            store.put({"key": f"k{number}", "status": "done", "samples": list(range(100))})
    return folder / FILE


def test_records_come_back_in_the_order_of_the_plan(tmp_path):
    with Store(tmp_path, write=True) as store:
        for key in ("b", "a", "stray"):
            store.put({"key": key, "status": "done"})
        store.set_meta(plan=["a", "b", "c"])
        assert [record["key"] for record in store.records()] == ["a", "b"]
        assert store.statuses() == {"a": "done", "b": "done", "stray": "done"}


def test_a_later_record_of_a_cell_takes_its_place(tmp_path):
    with Store(tmp_path, write=True) as store:
        store.set_meta(plan=["a"])
        store.put({"key": "a", "status": "failed"})
        store.put({"key": "a", "status": "done"})
        assert [record["status"] for record in store.records()] == ["done"]


def test_nan_is_refused_not_written(tmp_path):
    with Store(tmp_path, write=True) as store, pytest.raises(ValueError, match="JSON"):
        store.put({"key": "a", "status": "done", "metrics": {"loss": float("nan")}})


def test_archive_puts_records_aside(tmp_path):
    filled(tmp_path)
    with Store(tmp_path, write=True) as store:
        aside = store.archive()
        assert store.statuses() == {}
    assert aside.name == "records-20260101T000000Z.sqlite"
    aside.rename(tmp_path / FILE)
    with Store(tmp_path) as store:
        assert len(store.records()) == 40


def test_second_sweep_is_refused_and_names_the_first(tmp_path):
    code = (
        "from pathlib import Path\nfrom bench.store import Store\n"
        f"Store(Path({str(tmp_path)!r}), write=True).close()"
    )
    with Store(tmp_path, write=True):
        others = [
            subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        for other in others:
            _, err = other.communicate(timeout=60)
            assert other.returncode != 0
            assert f"in use by another sweep, process {os.getpid()}" in err
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_reading_needs_no_lock(tmp_path):
    filled(tmp_path)
    with Store(tmp_path, write=True), Store(tmp_path) as reader:
        assert len(reader.records()) == 40


def test_no_store_is_said(tmp_path):
    with pytest.raises(StoreError, match="no records in"):
        Store(tmp_path)


def test_a_disk_that_is_full_loses_nothing_before(tmp_path):
    """A page limit stands for the disk: SQLite reports both as 'full'."""
    filled(tmp_path, 3)
    with Store(tmp_path, write=True) as store:
        store._db.execute("PRAGMA max_page_count = 5")
        with pytest.raises(StoreError, match="All records so far are kept"):
            store.put({"key": "big", "status": "done", "samples": ["x" * 1000] * 100})
    with Store(tmp_path) as store:
        assert len(store.records()) == 3
