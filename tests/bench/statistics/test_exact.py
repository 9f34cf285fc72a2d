"""Exact tests, against scipy's and by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.statistics.exact import holm, sign_flip


@pytest.mark.parametrize("n", [2, 3, 5, 6, 9])
def test_sign_flips_are_those_of_scipy(n):
    differences = np.random.default_rng(n).normal(0.4, 1, n)
    found = stats.permutation_test(
        (differences, np.zeros(n)), lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples", n_resamples=np.inf, vectorized=True,
    )  # fmt: skip
    assert sign_flip(differences) == pytest.approx(found.pvalue)


def test_five_pairs_never_reach_five_percent_and_six_do():
    assert sign_flip([1.0] * 5) == pytest.approx(2 / 32)
    assert sign_flip([1.0] * 6) == pytest.approx(2 / 64)
    assert sign_flip([-0.1] * 6) == pytest.approx(2 / 64)


def test_equal_pairs_say_nothing():
    assert sign_flip([0.0] * 6) == 1
    assert sign_flip([1.0, -1.0]) == 1


def test_forty_pairs_are_counted_and_not_listed():
    assert sign_flip([1.0] * 40) == pytest.approx(2 / 2**40)


def test_more_are_as_good_as_normal():
    """Of 40 pairs it is counted, of 41, one of which is none, it is not."""
    pairs = np.random.default_rng(0).normal(0.3, 1, 40)
    assert sign_flip([*pairs, 0.0]) == pytest.approx(sign_flip(pairs), rel=0.1)


@pytest.mark.parametrize("wrong", [[], [1.0, np.nan]])
def test_what_has_no_test_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        sign_flip(wrong)


def test_holm_by_hand():
    """The smallest times three, the next times two; none below one that is smaller."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.5, math.nan, 0.9])[0] == 1.0
    assert math.isnan(holm([math.nan])[0])
