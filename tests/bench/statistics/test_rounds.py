"""Percentiles, which many a bootstrap takes, are numpy's own to the last bit."""

import numpy as np
import pytest

from bench.statistics.rounds import percentiles


@pytest.mark.parametrize("n", [1, 2, 3, 7, 80, 1000])
def test_percentiles_are_numpys_to_the_last_bit(n):
    values = np.random.default_rng(n).lognormal(size=n)
    percents = [0, 2.5, 1.7731, 25, 50, 75, 97.5, 100]
    assert percentiles(values, percents) == list(np.percentile(values, percents))
