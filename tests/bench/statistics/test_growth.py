"""Exponents of times and sizes whose power is known."""

import math

import numpy as np
import pytest

from bench.claims.rules import growing
from bench.claims.rules.growing import Grown
from bench.page.judgement import REFUTED, SUPPORTED
from bench.statistics.directions import ALPHA
from bench.statistics.growth import LogRatio, apart, growth

from .simulation import run


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
    """From the shortest to the longest of lengths, whatever is between."""
    exact = {n: LogRatio(0.3 * math.log(n), 0.02, 8, 0.95) for n in (64, 128, 256)}
    found = apart(exact | {128: LogRatio(1.5, 0.02, 8, 0.95)})
    half = 2.306004 * 0.02 * math.sqrt(2) / (2 * math.log(2))
    whole = found.whole.exponent
    assert (whole.value, whole.low, whole.high) == pytest.approx((0.3, 0.3 - half, 0.3 + half))
    assert found.whole.p < 1e-4
    assert apart(dict.fromkeys((1, 2, 4), LogRatio(0.0, 0.02))).whole.p == pytest.approx(1)
    with pytest.raises(ValueError, match=r"three lengths or more. Got \[1, 2\]"):
        apart(dict.fromkeys((1, 2), LogRatio(0.0, 0.1)))


def test_a_step_that_goes_another_way_is_told():
    """One that differs beyond chance, and by delta or more."""
    logs = {64: 0.0, 128: 0.5, 256: 0.3, 512: 0.28, 1024: 1.0}
    exact, loose = (
        apart({n: LogRatio(log, error, 99, 0.95) for n, log in logs.items()}).ways(0.1)
        for error in (0.01, 0.1)
    )
    assert [(s.shortest, s.exponent.value > 0) for s in exact] == [
        (64, True), (128, False), (512, True),
    ]  # fmt: skip
    assert [(s.shortest, s.exponent.value > 0) for s in loose] == [(64, True), (512, True)]


def test_what_is_counted_has_no_error():
    counted = apart({n: LogRatio(math.log(n)) for n in (64, 128, 256)})
    assert (counted.whole.exponent.low, counted.whole.p) == (pytest.approx(1.0), 0.0)
    assert not counted.ways(0.1)[0].same(0.1)


LENGTHS = (64, 256, 1024, 4096, 8192)


def decided(seed, spread, curve, series=200):
    """What growth is taken for, and its exponents, of ratios that follow ``curve`` in log length.

    At each length the engine's own looks end the group; launches shift each arm by ``spread``.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(series):
        groups = run(rng, len(LENGTHS), spread, [0.0], busy=False)
        at = [group[1].final for group in groups]
        ratios = {
            n: LogRatio(math.log(f.ratio.value) + curve(math.log(n)), f.log_se, f.freedom, f.level)
            for n, f in zip(LENGTHS, at, strict=True)
        }
        told = apart(ratios)
        grown = Grown("it", ("one", "another"), LENGTHS, "", "", {}, [], "speed")
        state = growing.judge(grown, told, delta=0.1, stands=told.whole.p <= ALPHA).state
        found.append((state, told))
    return found


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_of_equal_powers_at_most_one_in_twenty_is_called_different(spread):
    """Over all lengths, in any step, and by the rule, for which less than 0.1 is none."""
    found = decided(1, spread, lambda _: math.log(0.4))
    differ = [told.whole.exponent.low > 0 or told.whole.exponent.high < 0 for _, told in found]
    steps = [bool(told.ways(0.0)) for _, told in found]
    wrong = [state != REFUTED for state, _ in found]
    shares = [float(np.mean(each)) for each in (differ, steps, wrong)]
    print(f"\nover all {shares[0]:.3f}, in a step {shares[1]:.3f}, by the rule {shares[2]:.3f}")
    assert max(shares) <= 0.05


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_growth_that_bends_is_decided(spread):
    """A square beside what is linear, where the linear part is most of both at first."""
    found = decided(2, spread, lambda log: math.log(0.4 + math.exp(log) / 1024))
    print(f"\nsupported {np.mean([state == SUPPORTED for state, _ in found]):.3f}", end="")
    assert all(state == SUPPORTED for state, _ in found)
