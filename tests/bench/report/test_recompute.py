"""Metrics follow from samples, and one that does not is named."""

import copy
import math

import pytest

from bench import registry
from bench.report import recompute
from bench.store import Store

from ...records import probes


@pytest.fixture(scope="module")
def records(tiny):
    with Store(tiny.folder) as store:
        return store.records()


def changed(records, change):
    """Copies, of which ``change`` makes of each that has such what it should not be."""
    found = copy.deepcopy(records)
    return [record for record in found if change(record)], found


def test_every_metric_of_a_real_run_follows(records):
    found = recompute.check(records)
    assert found.mistakes == []
    assert found.agreeing == found.of > len(records)
    assert sum(of for _, of in found.probes.values()) == found.of
    assert set(found.probes) == set(probes(records))


@pytest.mark.parametrize(
    "metric",
    ["step_s", "tokens_per_s", "first_token_s", "late_over_early", "first_step_s", "train_s",
     "validation_metric", "learning_rate", "clipped_share", "peak_rss_bytes_step",
     "tensor_growth_bytes_step"],
)  # fmt: skip
def test_a_changed_metric_is_named(records, metric):
    def change(record):
        if record["metrics"].get(metric) is None:
            return False
        record["metrics"][metric] += max(abs(record["metrics"][metric]), 1) * 1e-6
        return True

    wrong, all_of_them = changed(records, change)
    found = recompute.check(all_of_them)
    assert {mistake.key for mistake in found.mistakes} == {record["key"] for record in wrong}
    assert found.agreeing == found.of - len(found.mistakes)
    for mistake in found.mistakes:
        record = all_of_them[mistake.index]
        assert (record["key"], record["metrics"][mistake.metric]) == (mistake.key, mistake.printed)
    assert metric in {mistake.metric for mistake in found.mistakes}


def test_a_task_that_is_said_to_be_solved_is_looked_at(records):
    def change(record):
        if "solved" not in record["metrics"]:
            return False
        record["metrics"]["solved"] = not record["metrics"]["solved"]
        return True

    wrong, all_of_them = changed(records, change)
    assert wrong
    assert len(recompute.check(all_of_them).mistakes) == len(wrong)


def test_changed_samples_are_found(records):
    def change(record):
        seconds = record["samples"].get("seconds")
        record["samples"]["seconds"] = [2 * value for value in seconds or ()]
        return bool(seconds)

    wrong, all_of_them = changed(records, change)
    assert {m.key for m in recompute.check(all_of_them).mistakes} == {r["key"] for r in wrong}


def test_samples_that_say_nothing_are_a_mistake(records):
    interleaved = {n for n, e in registry.probes().items() if e.literals["INTERLEAVED"]}
    record = next(r for r in records if r["cell"]["probe"] in interleaved)
    for samples in ({}, {"seconds": ["a", "b"]}, {"seconds": [math.nan, 1.0]}):
        (mistake,) = recompute.check([record | {"samples": samples}]).mistakes
        assert mistake.recomputed.startswith("nothing: ")


def test_what_nobody_here_measures_is_not_counted(records):
    strange = records[0] | {"cell": records[0]["cell"] | {"probe": "nobody's"}}
    failed = records[0] | {"status": "failed"}
    assert recompute.check([strange, failed]).of == 0
