"""What the tables and sentences of a large study cost. Run with ``tox -e benchmarks``."""

import time

from bench import claims, registry
from bench.page.evidence import Evidence
from bench.store import Store

RECORDS, GOAL_SECONDS = 10_000, 10


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


def test_tables_of_ten_thousand_records_take_seconds(tiny):
    """Every table, every sentence and every judgement; seconds of one core, whatever else runs."""
    with Store(tiny.folder) as store:
        records = [record for record in store.records() if record["samples"]]
    evidence = Evidence(multiplied(records, RECORDS))
    start = time.process_time()
    dict(evidence)
    made = time.process_time() - start
    for probe in registry.probes():
        for question in registry.part(probe, "section").QUESTIONS:
            question.answer(evidence)
    for name in registry.claims():
        claims.judge(name, evidence)
    total = time.process_time() - start
    print(f"\n{RECORDS:,} records: {total:.1f} s, {made:.1f} s of them for the tables")
    assert total < GOAL_SECONDS
