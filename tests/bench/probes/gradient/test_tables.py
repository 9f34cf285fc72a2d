"""What tables make of curves whose numbers are known."""

import math

import pandas as pd
import pytest

from bench.page.evidence import Evidence

from .curves import Known, falling, flushed, record, told


def test_a_curve_is_summed_up_by_its_decay_half_life_and_reach():
    (row,) = Evidence([record(falling(0.9))])["gradient"].to_dict("records")
    assert row["when"] == "init"
    assert row["decay_per_token"] == pytest.approx(0.9)
    assert row["decay_per_token_low"] == pytest.approx(0.9)
    assert row["half_life_tokens"] == pytest.approx(math.log(2) / -math.log(0.9))
    # From the nearest token on, 0.9 ** 43 is the last power above 1%.
    assert row["reach_tokens"] == 44
    assert row["fate"] == "vanishes"
    assert not row["whole_window"]
    assert row["norm_at_loss"] == 3.0
    assert row["state_subnormal_share"] == 0.5


@pytest.mark.parametrize(
    ("curve", "fate", "reached"),
    [
        (falling(1.0), "lasts", 100),
        (falling(1.2), "explodes", 100),
        ([[1.0] + [0.0] * 100], "zero", None),
        ([[1.0, None, *[0.5] * 99]], "not finite", 100),
        ([[1.0]], "alone", None),
    ],
)
def test_every_fate_has_its_word_and_none_is_left_out(curve, fate, reached):
    records = [record(curve)]
    (row,) = Evidence(records)["gradient"].to_dict("records")
    assert row["fate"] == fate
    assert row["reach_tokens"] == reached or (reached is None and pd.isna(row["reach_tokens"]))
    (row,) = Evidence(records)["reach"].to_dict("records")
    assert row["fate"] == fate
    assert "LSTM" in told(records)


def test_norms_after_clipping_are_those_before_scaled():
    one = record([falling(0.9), falling(0.9)])
    one["samples"] |= {
        "gradient_norm": [0.5, 5.0, 2.0, None],
        "group_norms": [["embeddings", [0.3, 3.0, 1.2, None]], ["head", [0.4, 4.0, 1.6, None]]],
    }
    frame = Evidence([one])["norms"].set_index("group")
    assert frame.loc["all", "clipped_share"] == 0.5
    assert frame.loc["all", "norm_median"] == 2.0
    assert frame.loc["all", "clipped_norm_median"] == pytest.approx(1.0, rel=1e-5)
    assert frame.loc["head", "clipped_norm_median"] == pytest.approx(0.8, rel=1e-5)
    shares = frame.loc[["embeddings", "head"], "square_share"]
    assert shares.sum() == pytest.approx(1.0)
    assert "clipped above 1: LSTM 50% of the steps" in told([one])


def test_a_training_that_is_never_clipped_has_its_norms_and_no_share():
    """Of a probe that knows neither clipping nor a number of steps."""
    one = record([falling(0.9), falling(0.9)], probe="other")
    one["cell"]["protocol"] = {"batch_size": 4}
    one["samples"] |= {"gradient_norm": [3.0, 2.0], "group_norms": [["all of it", [3.0, 2.0]]]}
    frame = Evidence([one])["norms"]
    assert frame["norm_median"].tolist() == frame["clipped_norm_median"].tolist() == [2.5, 2.5]
    assert frame["training_steps"].tolist() == [2, 2]
    assert "clipped above" not in told([one])


def test_a_training_without_a_number_has_norms_without_one():
    one = record([falling(0.9), falling(0.9)], status="diverged")
    one["samples"] |= {"gradient_norm": [None], "group_norms": [["head", [None]]]}
    frame = Evidence([one])["norms"]
    assert frame[["norm_median", "norm_most", "square_share"]].isna().all(axis=None)


def test_records_of_before_there_were_stages_are_passed_over():
    old = record(falling(0.5))
    old["samples"] = {"distance_init": [0, 1], "norm_init": [1.0, 0.5]}
    assert Evidence([old])["gradient"].empty
    assert Evidence([old])["reach"].empty


def test_two_rates_are_two_trainings_and_not_two_seeds():
    one, other = (
        record([falling(0.5), falling(0.9)], learning_rate=rate) | {"key": str(rate)}
        for rate in (1e-3, 1e-2)
    )
    assert Evidence([one, other])["reach"]["seeds"].tolist() == [1, 1, 1, 1]


def test_the_cost_of_subnormals_stands_beside_their_share():
    records = [record(falling(0.5), seed=seed) for seed in range(3)]
    (row,) = Known(records, flushed())["subnormals"].to_dict("records")
    assert (row["speedup"], row["speedup_low"], row["speedup_high"]) == (3.0, 2.5, 3.5)
    assert (row["subnormal_share"], row["state_subnormal_share"]) == (0.25, 0.5)
    text = told(records, flushed())
    assert "3.00× [2.50, 3.50] as fast at T=101, where 25.0% of the gradient" in text
    assert "(faster)" in text
    assert "(faster)" in told(records, flushed(status="undecided")), "width is no veto"
    (row,) = Known(records, flushed(length=7))["subnormals"].to_dict("records")
    assert math.isnan(row["subnormal_share"]), "what was not measured is unknown, not left out"
    assert "where an unknown share of the gradient" in told(records, flushed(length=7))


def test_a_processor_that_is_slow_on_subnormals_is_said_to_be():
    ratios = {"product": 40.0, "elementwise": 100.0, "sigmoid": 1.0}
    ceilings = {"cpu": {"1": {"subnormal_ratios": ratios}}}
    records = [record(falling(0.5))]
    frame = Known(records, flushed(), ceilings)["subnormals"]
    assert frame["product_ratio"].tolist() == [40.0]
    assert "takes 40 times as long for a matrix product" in told(records, flushed(), ceilings)
    assert "itself takes" not in told(records, flushed())


def test_a_seed_that_reaches_nothing_counts_as_nothing():
    """Not left out: two of six reach no token, and the median says so."""
    nothing = [[1.0] + [0.0] * 100]
    records = [record(nothing if seed < 4 else falling(0.5), seed=seed) for seed in range(6)]
    (row,) = Evidence(records)["reach"].to_dict("records")
    assert (row["seeds"], row["reach_tokens"], row["reach_most"]) == (6, 0.0, 7.0)
    assert row["fate"] == "zero in 4, vanishes in 2"


def asked(arm, initialization="default", chrono_length=None, forget_bias=None, **changes):
    """Where a record stands whose study asks two layers, and these options, of its arms."""
    found = record(falling(0.5), arm=arm) | changes
    found["cell"]["model"]["recurrent"] = {
        "initialization": initialization, "chrono_length": chrono_length,
        "forget_bias": forget_bias,
    }  # fmt: skip
    (row,) = Evidence([found])["reach"].to_dict("records")
    return row["layers"], row["initialization"]


def test_a_setting_is_that_of_the_model_and_not_what_was_asked_of_others():
    assert asked("pretrained", model={"layers": 6}) == (6, "pretrained")
    assert asked("transformer", "orthogonal") == (2, "default")
    assert asked("lstm", "orthogonal") == (2, "orthogonal")
    assert asked("lstm", "chrono", 256) == (2, "chrono, to 256")
    assert asked("lstm", forget_bias=1.0) == (2, "default, forget bias 1")
    assert asked("gru", forget_bias=1.0) == (2, "default"), "a GRU has none"
    assert asked("lstm", model={"layers": 1}) == (1, "default"), "as one layer was built"


def test_an_older_record_names_its_layers_by_its_states():
    states = [f"residual, layer {number}" for number in range(1, 7)]
    older = record(falling(0.5), arm="pretrained")
    older["samples"]["states"] = states
    (row,) = Evidence([older])["reach"].to_dict("records")
    assert row["layers"] == 6
    assert asked("pretrained") == (0, "pretrained"), "nobody knows"
