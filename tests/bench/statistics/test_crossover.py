"""Crossings of ratios whose course is known."""

import math

import numpy as np
import pytest

from bench.statistics.crossover import crossover


def test_crossover_of_exact_ratios():
    """Halfway in log length between 128 and 512."""
    found = crossover({64: [0.3] * 6, 128: [0.1] * 6, 512: [-0.1] * 6, 1024: [-0.2] * 6})
    assert (found.state, found.between) == ("crosses", ((128, 512),))
    assert found.length.value == pytest.approx(256)
    assert (found.length.low, found.length.high) == pytest.approx((256, 256))


@pytest.mark.parametrize(
    ("medians", "state", "between"),
    [
        ((0.1, 0.2, 0.3), "above", ()),
        ((-0.1, -0.2, -0.3), "below", ()),
        ((0.1, 0.0, 0.2), "undecided", ()),
        ((0.1, 0.1, 0.0), "undecided", ()),
        ((-0.1, 0.0, 0.2), "crosses", ((64, 256),)),
        ((-0.1, 0.2, -0.1), "crosses", ((64, 128), (128, 256))),
    ],
)
def test_states_of_a_crossover(medians, state, between):
    noise = np.tile([-0.02, 0.02], 5)
    ratios = {2**exponent: middle + noise for exponent, middle in enumerate(medians, 6)}
    found = crossover(ratios)
    assert (found.state, found.between) == (state, between)
    assert (found.length is None) == (not between)


def test_rounds_too_few_to_decide_are_undecided():
    assert crossover({64: [0.1] * 5, 128: [-0.1] * 5}).state == "undecided"


def test_a_lead_within_the_noise_decides_no_crossing():
    rng = np.random.default_rng(0)
    logs = {
        length: math.log(ratio) + rng.normal(0, 0.001, 20)
        for length, ratio in {64: 1.01, 128: 0.8, 256: 1.3}.items()
    }
    assert crossover(logs).between == ((64, 128), (128, 256))
    noisy = crossover(logs, sides={64: 0, 128: -1, 256: 1})
    assert noisy.between == ((128, 256),)
    assert 128 < noisy.length.value < 256


def test_one_length_is_refused():
    with pytest.raises(ValueError, match=r"two lengths or more.*\[64\]"):
        crossover({64: [0.0] * 6})
