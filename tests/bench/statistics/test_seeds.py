"""What few seeds say together, by hand; and how often the intervals hold what is true."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.statistics.seeds import better, interquartile_mean, paired_difference


def test_the_interquartile_mean_leaves_a_quarter_out_at_each_end():
    assert interquartile_mean([100, 0, 1, 2, 1000, 3, 4, -50]).value == 2.5  # of 1, 2, 3, 4
    assert interquartile_mean([0, 1, 2, 3, 4, 50]).value == 2.5  # one at each end
    assert interquartile_mean([1, 2, 6]).value == 3  # none


@pytest.mark.parametrize("statistic", [interquartile_mean, paired_difference])
def test_fewer_than_six_seeds_have_no_interval_and_equal_ones_a_point(statistic):
    assert math.isnan(statistic([1.0, 2.0, 3.0, 4.0, 5.0]).low)
    found = statistic([0.5] * 6)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    assert statistic([1, 2, 3, 4, 5, 9]) == statistic([1, 2, 3, 4, 5, 9]), "the same every time"


def test_a_skewed_difference_has_a_longer_arm_on_that_side():
    """As BCa corrects for; the interval of a t test is symmetric."""
    found = paired_difference([0.1, 0.1, 0.2, 0.2, 0.3, 2.1])
    assert found.value == pytest.approx(0.5)
    assert found.high - found.value > 2 * (found.value - found.low)
    assert found.low > 0


def test_who_is_better_counts_pairs_and_half_of_ties():
    found = better([1, 2], [0, 2])  # more, less; more, tied
    assert (found.value, math.isnan(found.low)) == (2.5 / 4, True)
    assert better([0] * 6, [0] * 6).value == 0.5


def test_where_all_are_better_the_interval_is_no_point():
    """Newcombe's equation, solved by hand: (1 - p)² = z² p (1 - p) / 36 · (1 + 5 · ...)."""
    found = better(range(10, 16), range(6))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.689, abs=1e-3)
    turned = better(range(6), range(10, 16))
    assert (turned.low, turned.high) == (0, pytest.approx(1 - found.low))


@pytest.mark.parametrize("apart", [0, 2.5])
def test_its_interval_holds_what_is_true(apart):
    rng, true = np.random.default_rng(0), stats.norm.cdf(apart / math.sqrt(2))
    found = [better(rng.normal(apart, 1, 8), rng.normal(0, 1, 8)) for _ in range(600)]
    held = np.mean([each.low <= true <= each.high for each in found])
    assert 0.93 <= held <= 0.99
