"""Intervals against what is known."""

import math

import numpy as np
import pytest

from bench.statistics import intervals


def test_median_of_constant_samples_has_no_width():
    estimate = intervals.median([2.0] * 12, per_round=2)
    assert (estimate.value, estimate.low, estimate.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("rounds", range(1, intervals.LEAST_ROUNDS))
def test_too_few_rounds_have_no_interval(rounds):
    estimate = intervals.median([1.0, 2.0] * rounds, per_round=2)
    assert estimate.value == 1.5
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.map(math.exp).high)
    assert "too few rounds" in estimate.interval()


def test_least_rounds_is_the_least_that_can_have_one():
    """All of n medians lie on one side of the truth in 2 of 2^n cases."""
    assert 2 / 2**intervals.LEAST_ROUNDS <= 0.05 < 2 / 2 ** (intervals.LEAST_ROUNDS - 1)


def test_ratio_is_paired_by_round():
    """A drift that both arms share leaves the ratio exact, though the samples overlap."""
    drift = np.exp(np.linspace(0, 1, 40))
    estimate = intervals.paired_ratio(list(1.5 * drift), list(drift), per_round=2)
    assert estimate.value == pytest.approx(1.5)
    assert estimate.high - estimate.low < 1e-9


@pytest.mark.parametrize("rounds", [6, 8, 10, 20])
def test_intervals_hold_the_truth_in_95_of_100(rounds):
    """Simulated rounds with a known ratio, drift shared by both arms: 93 to 97%."""
    rng = np.random.default_rng(rounds)
    count, held = 2000, 0
    for _ in range(count):
        shared = rng.normal(0, 0.3, size=(rounds, 1))
        a, b = (np.exp(shared + rng.normal(0, 0.05, size=(rounds, 2))) for _ in range(2))
        estimate = intervals.paired_ratio(list(1.05 * a.ravel()), list(b.ravel()), per_round=2)
        held += estimate.low <= 1.05 <= estimate.high
    assert 0.93 <= held / count <= 0.97


def test_unequal_rounds_are_refused():
    with pytest.raises(ValueError, match=r"equally many samples. Got 4, 2"):
        intervals.paired_ratio([1.0] * 4, [1.0] * 2, per_round=2)


def test_map_keeps_the_ends_in_order():
    estimate = intervals.Estimate(2.0, 1.0, 4.0).map(lambda value: 1 / value)
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.25, 1.0)


def test_ten_rounds_interpolate_between_order_statistics():
    """97.85% lies between the 2nd and 9th, 89.06% between the 3rd and 8th (binomial, n = 10)."""
    inwards = (0.978516 - 0.95) / (0.978516 - 0.890625)
    share = 8 * inwards / (2 + 6 * inwards)  # Hettmansperger and Sheather 1986
    estimate = intervals.median([7, 1, 4, 10, 2, 8, 3, 6, 5, 9])
    assert estimate.value == 5.5
    # Times differ by factors, so it interpolates between their logs.
    assert estimate.low == pytest.approx(2 * (3 / 2) ** share, abs=1e-4)
    assert estimate.high == pytest.approx(9 * (8 / 9) ** share, abs=1e-4)


def test_launches_that_differ_widen_the_interval():
    rounds = np.random.default_rng(0).normal(1, 0.01, 40)
    launches = [0] * 20 + [1] * 20
    same = intervals.median(list(rounds), launches=launches)
    apart = intervals.median(list(rounds + 0.1 * np.array(launches)), launches=launches)
    assert same.high - same.low < 0.02
    assert apart.low < 1.01
    assert apart.high > 1.09


def test_order_and_names_of_launches_do_not_matter_to_the_value():
    samples = list(np.random.default_rng(0).normal(1, 0.1, 20))
    split = intervals.median(samples, launches=[7, 3] * 10)
    assert split.value == intervals.median(samples).value
    assert split == intervals.median(samples, launches=["7", "3"] * 10)
    assert split.low < split.value < split.high


def test_flagged_rounds_are_left_out_on_request_only():
    slow, fast = [2.0] * 24, [1.0] * 24
    slow[4:8] = [50.0] * 4
    flags = [index in (2, 3) for index in range(12)]
    launches = [0] * 6 + [1] * 6
    kept = intervals.paired_ratio(slow, fast, 2, launches, without=flags)
    assert kept == intervals.paired_ratio(slow[:4] + slow[8:], fast[4:], 2, [0] * 4 + [1] * 6)
    assert intervals.median(slow, 2, without=flags).high == 2.0
    assert intervals.median(slow, 2).value == 2.0
    assert math.isnan(intervals.median(slow, 2, without=[True] * 12).value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: intervals.median([1.0, math.inf]), r"finite samples. Got inf"),
        (lambda: intervals.paired_ratio([1.0, 0.0], [1.0, 1.0]), r"above 0. Got 0.0"),
        (lambda: intervals.median([1.0] * 4, 2, launches=[0] * 4), r"each of 2 rounds. Got 4"),
        (lambda: intervals.median([1.0] * 4, 2, without=[True]), r"each of 2 rounds. Got 1"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_within_is_relative_and_needs_an_interval():
    assert intervals.Estimate(2.0, 1.95, 2.05).within(0.025)
    assert not intervals.Estimate(2.0, 1.94, 2.0).within(0.025)
    assert not intervals.Estimate(1.0, math.nan, math.nan).within(0.025)


def test_the_interval_of_a_time_is_above_zero_and_holds_it():
    """Two launches, one three times as slow as the other: no time is negative."""
    seconds = [0.01] * 10 + [0.03] * 10
    estimate = intervals.median(seconds, 2, launches=[0] * 5 + [1] * 5)
    assert 0 < estimate.low <= estimate.value <= estimate.high


def test_a_share_has_wilsons_interval():
    """0 of 10: z² / (n + z²), with z the normal's 97.5th percentile."""
    none = intervals.share(0, 10)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1.959964**2 / (10 + 1.959964**2))
    assert math.isnan(intervals.share(0, 0).value)
