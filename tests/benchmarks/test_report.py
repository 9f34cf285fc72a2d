"""What the tables and sentences of a large study cost. Run with ``tox -e benchmarks``."""

import time
from pathlib import Path

import pytest

from bench import claims, registry
from bench.page.evidence import Evidence
from bench.report import recompute
from bench.store import Store, archive

RECORDS, GOAL_SECONDS = 10_000, 10
MANY, GOAL_OF_MANY = 100_000, 60
#: Of 10,000 records: reading and proving them, and every metric again, beside all that is drawn.
GOAL_READ, GOAL_AGAIN, GOAL_BYTES = 5, 2, 1 << 30


def multiplied(records, count):
    """Copies of real records, a group's copies together, as if measured with other seeds."""
    copies = []
    for number in range(count):
        record, seed = records[number % len(records)], number // len(records)
        again = record | {"cell": record["cell"] | {"seed": seed}}
        for name in ("key", "alike", "together"):
            again[name] = f"{record[name]}-{seed}"
        copies.append(again)
    return copies


class Multiplied:
    """A study of so many records."""

    def __init__(self, store, count):
        records = [record for record in store.records() if record["samples"]]
        self._records, self._store = multiplied(records, count), store

    def records(self):
        return self._records

    def meta(self, name, default=None):
        cells = {record["key"]: record["cell"] for record in self._records}
        return {"plan": list(cells), "cells": cells}.get(name, self._store.meta(name, default))


@pytest.fixture
def store(tiny):
    with Store(tiny.folder) as opened:
        yield opened


@pytest.mark.parametrize(("count", "goal"), [(RECORDS, GOAL_SECONDS), (MANY, GOAL_OF_MANY)])
def test_tables_of_many_records_take_seconds(store, count, goal):
    """Every table, every sentence and every judgement; seconds of one core, whatever else runs."""
    evidence = Evidence(Multiplied(store, count).records())
    start = time.process_time()
    dict(evidence)
    made = time.process_time() - start
    for probe in registry.probes():
        for question in registry.part(probe, "section").QUESTIONS:
            question.answer(evidence)
    for name in registry.claims():
        claims.judge(name, evidence)
    total = time.process_time() - start
    print(f"\n{count:,} records: {total:.1f} s, {made:.1f} s of them for the tables")
    assert total < goal


def test_records_are_read_and_their_metrics_recomputed_in_seconds(store, tmp_path):
    path = tmp_path / archive.PACKED
    archive.write(Multiplied(store, RECORDS), path)
    before, start = resident(), time.process_time()
    records = archive.Archive(path).records()
    read, held = time.process_time() - start, resident() - before
    start = time.process_time()
    found = recompute.check(records)
    again = time.process_time() - start
    print(f"\n{RECORDS:,} records: read in {read:.1f} s, {held >> 20} MiB, again {again:.1f} s")
    assert found.agreeing == found.of > RECORDS
    assert read < GOAL_READ
    assert again < GOAL_AGAIN
    assert held < GOAL_BYTES


def resident():
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
