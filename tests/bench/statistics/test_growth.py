"""Exponents of times and sizes whose power is known."""

import math

import pytest

from bench.statistics.growth import apart, growth


def test_growth_of_exact_powers():
    lengths = (64, 128, 512)
    exact = growth({n: [3e-6 * n**1.5] * 12 for n in lengths}, per_round=2)
    assert (exact.value, exact.low, exact.high) == pytest.approx((1.5, 1.5, 1.5))
    few = growth({n: [3e-6 * n**1.5] * 4 for n in lengths})
    assert few.value == pytest.approx(1.5)
    assert math.isnan(few.low)


def test_what_stays_the_same_does_not_grow():
    found = growth({16: 11_800_000, 32: 11_800_000, 64: 11_800_000})
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_growth_of_memory_says_how_well_one_power_fits():
    """Logs 0, 1, 2, 4 to base 2 over 0, 1, 2, 3: slope 1.3, residual sum of squares 0.3."""
    memory = growth({1: 1, 2: 2, 4: 4, 8: 16})
    half = 4.302653 * math.sqrt(0.3 / 2 / 5)
    assert memory.value == pytest.approx(1.3)
    assert (memory.low, memory.high) == pytest.approx((1.3 - half, 1.3 + half))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ({64: 1.0, 128: 2.0}, r"three lengths or more.*\[64, 128\]"),
        ({1: [1.0], 2: [], 4: [1.0]}, r"whole round.*none at 2"),
        ({1: 1.0, 2: -1.0, 4: 1.0}, r"above 0. Got -1.0"),
    ],
)
def test_nonsense_is_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        growth(samples)


def test_sizes_that_do_not_grow_have_the_power_zero():
    none = growth({64: 3.0, 128: 3.0, 256: 3.0})
    assert (none.value, none.low, none.high) == (0, 0, 0)


def test_two_powers_are_as_far_apart_as_their_ratio_grows():
    """Weights of three lengths in doublings are -1, 0 and 1 over two times log 2."""
    exact = {n: (0.3 * math.log(n), 0.02) for n in (64, 128, 256)}
    found, p = apart(exact, freedom=8, level=0.95)
    half = 2.306004 * 0.02 * math.sqrt(2) / (2 * math.log(2))
    assert (found.value, found.low, found.high) == pytest.approx((0.3, 0.3 - half, 0.3 + half))
    assert p < 1e-4
    assert apart(dict.fromkeys((1, 2, 4), (0.0, 0.02)), 8, 0.95)[1] == 1
    with pytest.raises(ValueError, match=r"three lengths or more. Got \[1, 2\]"):
        apart({1: (0.0, 0.1), 2: (0.0, 0.1)}, 8, 0.95)
