"""Intervals against what is known."""

import math

import numpy as np
import pytest

from bench import stats


def test_median_of_constant_samples_has_no_width():
    estimate = stats.median([2.0] * 10, per_round=2)
    assert (estimate.value, estimate.low, estimate.high) == (2.0, 2.0, 2.0)


def test_one_round_has_no_interval():
    estimate = stats.median([1.0, 2.0], per_round=2)
    assert estimate.value == 1.5
    assert math.isnan(estimate.low)


def test_same_samples_same_interval():
    samples = list(np.random.default_rng(0).lognormal(size=40))
    assert stats.median(samples, per_round=2) == stats.median(samples, per_round=2)


def test_ratio_is_paired_by_round():
    """A drift that both arms share leaves the ratio exact, though the samples overlap."""
    drift = np.exp(np.linspace(0, 1, 40))
    estimate = stats.paired_ratio(list(1.5 * drift), list(drift), per_round=2)
    assert estimate.value == pytest.approx(1.5)
    assert estimate.high - estimate.low < 1e-9


def test_coverage_of_the_paired_ratio():
    """Simulated rounds with a known ratio: the interval holds it about 95 times in 100."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        shared = rng.normal(0, 0.3, size=(20, 1))
        a, b = (np.exp(shared + rng.normal(0, 0.05, size=(20, 2))) for _ in range(2))
        estimate = stats.paired_ratio(list(1.05 * a.ravel()), list(b.ravel()), per_round=2)
        held += estimate.low <= 1.05 <= estimate.high
    assert 176 <= held <= 200


def test_unequal_rounds_are_refused():
    with pytest.raises(ValueError, match=r"equally many samples. Got 4, 2"):
        stats.paired_ratio([1.0] * 4, [1.0] * 2, per_round=2)


def test_map_keeps_the_ends_in_order():
    estimate = stats.Estimate(2.0, 1.0, 4.0).map(lambda value: 1 / value)
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.25, 1.0)
