"""The tables of trainings, from real records."""

import numpy as np
import pandas as pd
import pytest

from bench.page.evidence import Evidence
from bench.probes.learning import tables

from .trainings import ADDING, BEYOND, LANGUAGE, PARITY, as_before, cut_short, retold


def test_the_evidence_has_every_table_and_nothing_measured_is_empty():
    evidence = Evidence([])
    assert set(tables.TABLES) <= set(evidence)
    assert all(evidence[name].empty for name in tables.TABLES)


def test_a_divergence_is_counted_not_dropped(trained):
    trained[0] = cut_short(trained[0])
    frame = tables.learning(Evidence(trained))
    assert len(frame) == len(trained)
    assert 3 in list(frame["diverged_at_step"])


def test_out_of_distribution_has_a_row_for_every_length_and_seed(trained):
    made = retold(trained, PARITY, {"lstm": [1, 1], "transformer": [0.6, 0.7]}, BEYOND, 8)
    frame = tables.out_of_distribution(Evidence(made))
    assert len(frame) == 4 * 4
    inside = frame[frame["in_distribution"]]
    assert sorted(set(inside["test_length"])) == [8, 16]
    lost = frame[frame["test_metric"].isna()]
    assert set(zip(lost["arm"], lost["test_length"], strict=True)) == {("transformer", 64)}
    assert not lost["solved"].any()


def test_a_floor_that_is_a_formula_is_that_of_each_length(trained, halving):
    says = {"metric": "nats", "higher_is_better": False, "floor": 1 / 16, "solved_at": None}
    beyond = {arm: {32: 0.02, 64: 0.01} for arm in ("lstm", "transformer")}
    made = retold(trained, says, {"lstm": [0.05, 0.05], "transformer": [0.05, 0.06]}, beyond)
    for record in made:
        record["cell"]["task"] = halving
    assert set(tables.out_of_distribution(Evidence(made))["floor"]) == {1 / 16, 1 / 32, 1 / 64}


@pytest.mark.parametrize(
    ("says", "scores", "solved"),
    [
        (PARITY, {"lstm": [1.0, 0.96], "transformer": [0.95, 0.5]}, [1, 0.5]),
        (ADDING, {"lstm": [5e-5, 0.16], "transformer": [0.2, 0.3]}, [0.5, 0]),
        (LANGUAGE, {"lstm": [2.1, 2.2], "transformer": [1.8, 1.9]}, [None, None]),
    ],
)
def test_a_tasks_row_sums_up_its_seeds(trained, says, scores, solved):
    frame = tables.tasks(Evidence(retold(trained, says, scores))).set_index("arm")
    for (arm, seeds), rate in zip(scores.items(), solved, strict=True):
        row = frame.loc[arm]
        assert row["median"] == pytest.approx(np.mean(seeds))
        assert (row["least"], row["most"]) == (min(seeds), max(seeds))
        assert (row["seeds"], row["diverged"], row["metric"]) == (2, 0, says["metric"])
        assert row["floor"] == says["floor"]
        assert pd.isna(row["solve_rate"]) if rate is None else row["solve_rate"] == rate
    assert set(frame["head"]) == {"AutoModelForSequenceClassification"}
    assert frame["expected"].str.startswith("either").all()


def test_a_divergence_has_not_solved_the_task(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 1.0], "transformer": [0.5, 0.6]})
    broken = next(r for r in made if r["cell"]["arm"] == "lstm")
    broken |= {"status": "diverged", "metrics": {"step": 3}}
    frame = tables.tasks(Evidence(made)).set_index("arm")
    assert (frame.loc["lstm", "solve_rate"], frame.loc["lstm", "diverged"]) == (0.5, 1)
    assert frame.loc["lstm", "median"] == 1.0


def test_records_of_before_metrics_had_names_are_read(trained):
    old = [as_before(record) for record in trained]
    before, now = (tables.learning(Evidence(records)) for records in (old, trained))
    for column in ("data", "metric", "test_metric", "validation_metric", "floor", "shortest"):
        assert list(before[column]) == list(now[column]), column
    assert set(before["metric"]) == {"accuracy"}


def test_further_metrics_of_a_head_have_columns(trained):
    for record in trained:
        record["metrics"]["test_macro_f1"] = 0.25
    assert list(tables.learning(Evidence(trained))["test_macro_f1"]) == [0.25] * 4


def test_published_figures_stand_beside_ours(trained):
    known = {
        "task": "package", "arm": "lstm", "length": 16, "tested": None, "comparison": None,
        "score": 0.9, "source": "a paper",
    }  # fmt: skip
    made = retold(trained, PARITY, {"lstm": [0.2, 0.4], "transformer": [0.5, 0.6]})
    (row,) = tables.beside_published(Evidence(made, published=[known])).to_dict("records")
    assert (row["published"], row["source"], row["tested"]) == (0.9, "a paper", "T=16")
    assert row["ours_median"] == pytest.approx(0.3)
    assert (row["ours_best"], row["seeds"], row["comparison"]) == (0.4, 2, "scratch")
