"""What the tables and sentences of a large study cost. Run with ``tox -e benchmarks``."""

import copy
import itertools
import time

from bench.report import findings, tables
from bench.store import Store

RECORDS, GOAL_SECONDS = 10_000, 10


def multiplied(records, count):
    """Copies of real records, a group's copies together, as if measured with other seeds."""
    copies = []
    for seed in itertools.count():
        for record in records:
            if len(copies) == count:
                return copies
            again = copy.copy(record)
            again["cell"] = record["cell"] | {"seed": seed}
            for name in ("key", "alike", "together"):
                again[name] = f"{record[name]}-{seed}"
            copies.append(again)


def test_tables_of_ten_thousand_records_take_seconds(tiny):
    with Store(tiny.folder) as store:
        records = [record for record in store.records() if record["samples"]]
    records = multiplied(records, RECORDS)
    seconds = {}
    for name in ("gradient", "speed", "decode", "decode_positions", "crossover", "growth",
                 "settings", "memory", "state", "learning", "models"):  # fmt: skip
        start = time.perf_counter()
        getattr(tables, name)(records)
        seconds[name] = time.perf_counter() - start
    frames = tables.all_of(records)
    start = time.perf_counter()
    findings.all_of(frames)
    seconds["findings"] = time.perf_counter() - start
    total = sum(seconds.values())
    parts = ", ".join(f"{name} {spent:.2f}" for name, spent in seconds.items() if spent >= 0.01)
    print(f"\n{RECORDS:,} records: {total:.1f} s: {parts}")
    assert total < GOAL_SECONDS
