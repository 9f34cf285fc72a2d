"""Curves of gradient norms whose decay, reach and fate are known without measuring."""

import math
import random

import numpy as np
import pytest

from bench.probes.gradient.flow import (
    LEFT,
    SMALLEST_NORMAL,
    SMALLEST_SUBNORMAL,
    curve,
    far_over_near,
    fate,
    half_life,
    log_decay,
    reach,
    run_ends,
    run_means,
    zero_from,
)
from bench.store.records import short
from bench.study import DTYPES


def geometric(rate, length):
    """Distances from 0 on, and norms of rate^k."""
    return list(range(length)), [rate**k for k in range(length)]


def float32(norms):
    return np.asarray(norms, dtype=np.float32).astype(float).tolist()


#: Curves of every fate: distances, norms, and the word for them.
CURVES = {
    "falls": (*geometric(0.8, 64), "vanishes"),
    "falls below float32": (range(500), float32([0.8**k for k in range(500)]), "vanishes"),
    "flat": (range(64), [3.0] * 64, "lasts"),
    "explodes": (*geometric(1.25, 64), "explodes"),
    "grows, less than a hundredfold": (*geometric(1.05, 64), "lasts"),
    "falls onto a plateau of 5%": (range(64), [max(0.5**k, 0.05) for k in range(64)], "lasts"),
    "falls onto one of 0.1%": (range(64), [max(0.5**k, 1e-3) for k in range(64)], "vanishes"),
    "nothing beyond the loss's own token": (range(8), [1.0] + [0.0] * 7, "zero"),
    "all zero": (range(8), [0.0] * 8, "zero"),
    "one is not a number": (range(8), [1.0, 0.9, 0.8, math.nan, 0.6, 0.5, 0.4, 0.3], "not finite"),
    "one is not a number, of a record": (range(4), [1.0, 0.9, None, 0.6], "not finite"),
    "one is infinite": (range(4), [1.0, 10.0, math.inf, 1.0], "not finite"),
    "no token but the loss's own": ([0], [1.0], "alone"),
    "one other token": ([0, 1], [1.0, 0.5], "lasts"),
    "behind the window": (range(1, 65), [0.8**k for k in range(64)], "vanishes"),
}


@pytest.fixture(params=CURVES.values(), ids=CURVES)
def known(request):
    distance, norms, word = request.param
    return list(distance), list(norms), word


def test_fate(known):
    distance, norms, word = known
    assert fate(distance, norms) == word


@pytest.mark.parametrize("scale", [1e-12, 0.3, 7.0, 1e6])
def test_the_loss_has_no_unit(known, scale):
    """A loss times a constant has the same decay, reach, ratio of far to near and fate."""
    distance, norms, word = known
    scaled = [None if norm is None else scale * norm for norm in norms]
    assert fate(distance, scaled) == word
    assert reach(distance, scaled) == reach(distance, norms)
    for number in (log_decay, far_over_near):
        expected = number(distance, norms)
        got = number(distance, scaled)
        assert (got is None) == (expected is None)
        assert expected is None or got == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_losss_own_token_is_left_out(known):
    """A residual path may give it any norm."""
    distance, norms, word = known
    if distance[0] != 0:
        return
    other = [1e9, *norms[1:]]
    assert fate(distance, other) == word
    for number in (log_decay, far_over_near, reach):
        assert number(distance, other) == number(distance, norms)


class TestDecay:
    @pytest.mark.parametrize("rate", [0.5, 0.9, 0.999, 1.0, 1.02])
    @pytest.mark.parametrize("start", [0, 1])
    def test_of_a_geometric_curve(self, rate, start):
        distance, norms = geometric(rate, 200)
        found = log_decay(distance[start:], norms[start:])
        assert found == pytest.approx(math.log(rate), rel=1e-9, abs=1e-12)

    def test_is_the_slope_through_noise(self):
        draw = random.Random(0)
        distance = list(range(1000))
        norms = [0.97**k * math.exp(draw.gauss(0, 0.5)) for k in distance]
        # The slope of n points with noise s has a standard error of s (12 / n^3)^(1/2).
        error = 0.5 * (12 / 1000**3) ** 0.5
        assert log_decay(distance, norms) == pytest.approx(math.log(0.97), abs=4 * error)

    def test_ends_where_the_type_has_no_normal_numbers(self):
        """In float32 a curve of 0.5^k is subnormal from k=127 on, and zero from 150 on."""
        distance, norms = geometric(0.5, 300)
        held = float32(norms)
        assert held[149] > 0 == held[150]
        assert log_decay(distance, held, "float32") == pytest.approx(math.log(0.5), rel=1e-12)
        few = [0.5 ** max(k, 200) for k in distance]
        assert log_decay(distance, few, "float32") is None
        assert log_decay(distance, few) is not None

    def test_ends_in_front_of_what_is_no_number(self):
        distance, norms = geometric(0.7, 20)
        norms[10] = math.nan
        norms[11:] = [5.0] * 9
        assert log_decay(distance, norms) == pytest.approx(math.log(0.7))

    @pytest.mark.parametrize("length", [0, 1, 2, 3])
    def test_needs_three_tokens_beyond_the_losss_own(self, length):
        assert log_decay(*geometric(0.5, length)) is None
        assert log_decay(*geometric(0.5, 4)) == pytest.approx(math.log(0.5))

    def test_of_nothing(self):
        assert log_decay(range(9), [0.0] * 9) is None

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_knows_every_type_of_a_cell(self, dtype):
        assert 0 < SMALLEST_SUBNORMAL[dtype] < SMALLEST_NORMAL[dtype] < 1
        assert log_decay(*geometric(0.5, 6), dtype) == pytest.approx(math.log(0.5))


@pytest.mark.parametrize("tokens", [0.5, 1, 30, 1e5])
def test_half_life_is_where_half_is_left(tokens):
    assert half_life(math.log(0.5) / tokens) == pytest.approx(tokens)


def test_half_life_of_what_does_not_fall():
    assert half_life(0.0) == half_life(0.1) == math.inf
    assert half_life(None) is None


def test_half_life_of_what_falls_by_less_than_can_be_told():
    assert half_life(-1e-7, 8191) == math.inf, "seven million tokens, of a window of eight thousand"
    assert half_life(-0.01, 100, most=0.002) == math.inf, "its interval holds no decay"
    assert half_life(-0.01, 100, most=-0.005) == pytest.approx(69.3, abs=0.1)
    assert half_life(math.log(0.5) / 1000, 100) == pytest.approx(1000), "ten windows"
    assert half_life(math.log(0.5) / 1001, 100) == math.inf


class TestReach:
    @pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
    def test_of_a_geometric_curve(self, rate):
        """1% of the norm at distance 1 is left ln(0.01) / ln(rate) tokens farther."""
        expected = 1 + math.floor(math.log(LEFT) / math.log(rate))
        assert reach(*geometric(rate, 200)) == expected

    def test_is_at_least_the_window_where_nothing_falls(self):
        assert reach(range(64), [1.0] * 64) == 63
        assert reach(*geometric(0.99, 64)) == 63

    def test_grows_with_the_window_until_the_curve_has_fallen(self):
        found = [reach(*geometric(0.9, length)) for length in (4, 16, 44, 45, 46, 100)]
        assert found == [3, 15, 43, 44, 44, 44]

    def test_is_the_farthest_though_nearer_ones_have_less(self):
        assert reach(range(6), [1.0, 1.0, 0.001, 0.0, 0.02, 0.001]) == 4

    def test_of_an_explosion_is_counted_from_the_far_end(self):
        assert reach(*geometric(2.0, 64)) == 63

    def test_of_nothing_and_of_numbers_that_are_none(self):
        assert reach(range(5), [1.0, 0.0, 0.0, 0.0, 0.0]) is None
        assert reach([0], [1.0]) is None
        assert reach([], []) is None
        assert reach(range(4), [1.0] + [math.nan] * 3) is None
        assert reach(range(5), [1.0, 1.0, math.nan, 0.5, 0.001]) == 3


class TestFarOverNear:
    def test_is_the_far_tenth_over_the_near(self):
        norms = [9.0, *[2.0] * 10, *[1.0] * 80, *[8.0] * 10]
        assert far_over_near(range(101), norms) == 4.0

    def test_of_a_short_window_is_last_over_nearest(self):
        assert far_over_near(range(4), [9.0, 4.0, 7.0, 2.0]) == 0.5

    def test_of_nothing(self):
        assert far_over_near([0], [1.0]) is None
        assert far_over_near(range(3), [1.0, 0.0, 1.0]) is None
        assert far_over_near(range(3), [1.0, 1.0, math.nan]) is None


class TestZeroFrom:
    @pytest.mark.parametrize(
        ("distance", "share", "first"),
        [
            (range(4), [0.0, 0.5, 1.0, 1.0], 2),
            (range(4), [1.0] * 4, 0),
            (range(1, 5), [1.0] * 4, 1),
            (range(4), [0.0, 1.0, 0.99, 1.0], 3),
            (range(4), [0.0, 1.0, 1.0, 0.2], None),
            (range(4), [0.0] * 4, None),
            (range(3), [0.0, 1.0, None], None),
            ([0], [1.0], 0),
            ([], [], None),
        ],
    )
    def test_is_where_the_last_number_was(self, distance, share, first):
        assert zero_from(list(distance), share) == first


def test_curve_leaves_out_the_losss_own_token():
    where, norms = curve([0, 1, 2, 3], [5.0, 1.0, None, math.inf])
    assert where.tolist() == [1, 2, 3]
    assert norms[0] == 1.0
    assert np.isnan(norms[1:]).all()


class TestRuns:
    @pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 129, 512, 4096, 8192])
    def test_every_distance_is_in_one_run(self, count):
        ends = run_ends(count)
        assert ends == sorted(set(ends))
        assert ends[-1:] == ([count - 1] if count else [])
        assert ends[:128] == list(range(min(count, 128)))
        widths = np.diff(ends)
        assert all(width <= max(1, end // 50) for width, end in zip(widths, ends, strict=False))

    def test_a_long_window_has_few(self):
        assert len(run_ends(8192)) < 600

    def test_a_mean_is_of_all_its_members_however_small(self):
        """Of a curve that falls by three hundred orders of magnitude, to the last digit."""
        values = [0.5**k for k in range(1000)]
        ends = run_ends(len(values))
        starts = [0, *(end + 1 for end in ends[:-1])]
        means = [
            math.fsum(values[a : b + 1]) / (b + 1 - a) for a, b in zip(starts, ends, strict=True)
        ]
        np.testing.assert_allclose(run_means(values, ends), means, rtol=1e-14)


class TestShort:
    def test_keeps_digits_not_places(self):
        assert short([1.23456789e-40, 123456.789, 0.0]) == [1.235e-40, 123500.0, 0.0]
        assert short([[0.1, 1 / 3], [2, 3]], 2) == [[0.1, 0.33], [2.0, 3.0]]

    def test_keeps_what_is_no_number(self):
        assert math.isnan(short([math.nan])[0])
        assert short([math.inf, -math.inf]) == [math.inf, -math.inf]

    def test_loses_half_a_thousandth_at_most(self):
        draw = random.Random(0)
        values = [10 ** draw.uniform(-300, 300) for _ in range(500)]
        assert short(values) == pytest.approx(values, rel=5.001e-4)
        assert short(short(values)) == short(values)
