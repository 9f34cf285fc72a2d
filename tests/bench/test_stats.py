"""Intervals against what is known."""

import math

import numpy as np
import pytest

from bench import stats


def test_median_of_constant_samples_has_no_width():
    estimate = stats.median([2.0] * 12, per_round=2)
    assert (estimate.value, estimate.low, estimate.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("rounds", range(1, stats.LEAST_ROUNDS))
def test_too_few_rounds_have_no_interval(rounds):
    estimate = stats.median([1.0, 2.0] * rounds, per_round=2)
    assert estimate.value == 1.5
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.map(math.exp).high)
    assert "fewer than 6 rounds" in estimate.interval()


def test_least_rounds_is_the_least_that_can_have_one():
    """All of n medians lie on one side of the truth in 2 of 2^n cases."""
    assert 2 / 2**stats.LEAST_ROUNDS <= 0.05 < 2 / 2 ** (stats.LEAST_ROUNDS - 1)


def test_ratio_is_paired_by_round():
    """A drift that both arms share leaves the ratio exact, though the samples overlap."""
    drift = np.exp(np.linspace(0, 1, 40))
    estimate = stats.paired_ratio(list(1.5 * drift), list(drift), per_round=2)
    assert estimate.value == pytest.approx(1.5)
    assert estimate.high - estimate.low < 1e-9


@pytest.mark.parametrize("rounds", [6, 8, 10, 20])
def test_intervals_hold_the_truth_in_95_of_100(rounds):
    """Simulated rounds with a known ratio, drift shared by both arms: never below 95%."""
    rng = np.random.default_rng(rounds)
    count, held = 2000, 0
    for _ in range(count):
        shared = rng.normal(0, 0.3, size=(rounds, 1))
        a, b = (np.exp(shared + rng.normal(0, 0.05, size=(rounds, 2))) for _ in range(2))
        estimate = stats.paired_ratio(list(1.05 * a.ravel()), list(b.ravel()), per_round=2)
        held += estimate.low <= 1.05 <= estimate.high
    standard_error = math.sqrt(0.95 * 0.05 / count)
    assert held / count >= 0.95 - 2 * standard_error
    assert held / count <= 0.995


def test_unequal_rounds_are_refused():
    with pytest.raises(ValueError, match=r"equally many samples. Got 4, 2"):
        stats.paired_ratio([1.0] * 4, [1.0] * 2, per_round=2)


def test_map_keeps_the_ends_in_order():
    estimate = stats.Estimate(2.0, 1.0, 4.0).map(lambda value: 1 / value)
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.25, 1.0)
