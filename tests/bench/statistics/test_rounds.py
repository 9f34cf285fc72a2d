"""Rounds in which several series were timed together, and percentiles of them."""

import numpy as np
import pytest

from bench.statistics.rounds import percentiles, together


@pytest.mark.parametrize("n", [1, 2, 3, 7, 80, 1000])
def test_percentiles_are_numpys_to_the_last_bit(n):
    values = np.random.default_rng(n).lognormal(size=n)
    percents = [0, 2.5, 1.7731, 25, 50, 75, 97.5, 100]
    assert percentiles(values, percents) == list(np.percentile(values, percents))


def test_only_rounds_that_all_have_are_kept_with_their_launches():
    launches = [0, 0, 1, 1]
    whole = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    some = [0.1, 0.2, None, None, 0.5, 0.6, None, None]
    others = [None, None, None, None, 0.5, 0.6, 0.7, 0.8]
    assert together(launches, 2, whole) == ([whole], launches)
    assert together(launches, 2, whole, some) == (
        [[1.0, 2.0, 5.0, 6.0], [0.1, 0.2, 0.5, 0.6]], [0, 1]
    )  # fmt: skip
    assert together(launches, 2, some, others) == ([[0.5, 0.6]] * 2, [1])
    assert together([0], 2, [None, None]) == ([[]], [])
