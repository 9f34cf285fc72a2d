"""The tables of trainings, from real records."""

import numpy as np
import pandas as pd
import pytest

from bench.page.evidence import Evidence
from bench.probes.learning import tables

from .trainings import (
    ADDING,
    BEYOND,
    LANGUAGE,
    PARITY,
    as_before,
    cut_short,
    lost,
    retold,
    seeded,
)


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


def test_lost_seeds_are_counted_beside_those_that_ended(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 1.0], "transformer": [0.5, 0.6]})
    for seed, status in ((0, "killed"), (1, "oom")):
        at = next(n for n, r in enumerate(made)
                  if (r["cell"]["arm"], r["cell"]["seed"]) == ("transformer", seed))  # fmt: skip
        made[at] = lost(made[at], status)
        row = tables.tasks(Evidence(made)).set_index("arm").loc["transformer"]
        assert (row["seeds"], row["missing"]) == (2, seed + 1)
        assert row["missing_why"] == ("killed", "1 out of memory, 1 killed")[seed]
    assert pd.isna(row["solve_rate"]), "nothing is known of either"
    frame = tables.learning(Evidence(made)).set_index("arm")
    assert list(frame.loc["transformer", "missing"]) == ["oom", "killed"]
    assert frame.loc["transformer", "solved"].isna().all()
    assert frame.loc["lstm", "missing"].isna().all()
    assert tables.differences(Evidence(made)).empty


def test_what_cannot_exist_is_not_missing(trained):
    trained[0] = lost(trained[0], "unsupported")
    assert set(tables.tasks(Evidence(trained))["missing"]) == {0}


def test_time_to_target_is_a_median_over_seeds_and_most_may_never_get_there(trained):
    says = PARITY | {"solved_at": 0.7}
    made = retold(seeded(trained, 3), says, {"lstm": [1.0, 0.8, 0.5], "transformer": [0.8, 0.5, 0]})
    for number, record in enumerate(made):
        steps = len(record["samples"]["loss"])
        record["samples"]["seconds"] = [1.0 + number] * steps
        record["metrics"]["tokens"] = 10 * steps
    frame = tables.tasks(Evidence(made)).set_index("arm")
    assert list(frame["reached"]) == [2, 1]
    at = made[0]["samples"]["validation"]
    assert [point[2] for point in at][:2] == [0.5, 0.75]
    reached = [at[1][0], at[2][0], np.inf]  # of seeds that end at 1, 0.8 and 0.5
    lstm = frame.loc["lstm"]
    assert lstm["target_steps"] == reached[1]
    assert lstm["target_tokens"] == 10 * reached[1]
    assert lstm["target_s"] == sorted([reached[0] * 1.0, reached[1] * 2.0, np.inf])[1]
    assert np.isinf(frame.loc["transformer", "target_s"])
    assert (
        tables.tasks(Evidence(retold(trained, LANGUAGE, {"lstm": [2, 2], "transformer": [2, 2]})))[
            "target_steps"
        ]
        .isna()
        .all()
    )


@pytest.mark.parametrize(("best", "edge"), [(1e-4, 2), (1e-3, 0), (1e-2, 2)])
def test_a_best_rate_at_the_edge_of_those_tried_is_counted(trained, best, edge):
    for record in trained:
        record["cell"]["protocol"]["trial_steps"] = 2
        record["samples"]["trials"] = [[1e-2, 1.0], [1e-3, 1.0], [1e-4, None]]
        record["metrics"]["learning_rate"] = best
    frame = tables.tasks(Evidence(trained))
    assert set(frame["at_edge"]) == {edge}
    assert set(frame["rates_tried"]) == {3}
    assert set(frame["trial_steps"]) == {2}
    assert set(frame["learning_rates"]) == {"0.0001, 0.001, 0.01"}


def test_six_seeds_have_intervals_and_an_exact_test_corrected_over_tasks(trained):
    lstm, transformer = [0.9, 0.8, 0.9, 0.8, 0.9, 0.8], [0.5, 0.6, 0.5, 0.6, 0.5, 0.6]
    made = retold(seeded(trained, 6), PARITY, {"lstm": lstm, "transformer": transformer})
    others = retold(seeded(trained, 6), ADDING, {"lstm": transformer, "transformer": lstm})
    for record in others:
        record["cell"]["task"], record["key"] = "adding", f"adding-{record['key']}"
    frame = tables.differences(Evidence(made + others))
    assert list(frame["reference"]) == ["transformer"] * 2
    assert list(frame["seeds"]) == [6, 6]
    assert list(frame["difference"]) == pytest.approx([0.3, 0.3]), "lower is better in the other"
    assert list(frame["p"]) == pytest.approx([2 / 64] * 2)
    assert list(frame["holm_p"]) == pytest.approx([4 / 64] * 2)
    assert list(frame["better_share"]) == [1, 1]
    assert (frame["difference_low"] < 0.3).all()
    assert (frame["difference_high"] > 0.3).all()
    row = tables.tasks(Evidence(made)).set_index("arm").loc["lstm"]
    assert row["iqm"] == pytest.approx((0.8 + 0.8 + 0.9 + 0.9) / 4)
    assert row["iqm_low"] < row["iqm"] < row["iqm_high"]
    few = tables.differences(Evidence([r for r in made if r["cell"]["seed"]]))
    assert few["exploratory"].all()
    assert few[["p", "holm_p", "difference_low", "better_share_low"]].isna().all(axis=None)


def test_a_divergence_is_compared_as_a_guess(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 1.0], "transformer": [0.5, 0.5]})
    made[0] = cut_short(made[0])
    assert made[0]["cell"]["arm"] == "lstm"
    floor = tables.learning(Evidence(made[:1]))["floor"][0]
    (row,) = tables.differences(Evidence(made)).to_dict("records")
    assert row["seeds"] == 2
    assert row["difference"] == pytest.approx((floor - 0.5 + 0.5) / 2)


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
