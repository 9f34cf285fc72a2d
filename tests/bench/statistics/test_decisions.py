"""When measuring stops, and what may be said."""

import math

import pytest

from bench.statistics.decisions import band, differs, next_look
from bench.statistics.intervals import Estimate


def test_looks():
    assert next_look(0, precise=False) == 10
    assert next_look(10, precise=True) is None
    assert next_look(10, precise=False) == 20
    assert next_look(15, precise=True) == 20, "between looks nothing is decided"
    assert next_look(80, precise=False) is None
    assert next_look(0, precise=False, most=6) == 6
    assert next_look(20, precise=False, most=30) == 30
    assert next_look(30, precise=False, most=30) is None


@pytest.mark.parametrize(
    ("canary", "factor"), [((0.98, 1.01), 1 / 0.98), ((0.99, 1.03), 1.03), ((1.01, 1.02), 1.02)]
)
def test_band_is_the_end_furthest_from_one(canary, factor):
    assert band(Estimate(1.0, *canary)) == pytest.approx(factor)


def test_nothing_is_said_within_the_band_or_without_an_interval():
    canary, none = Estimate(1.0, 0.98, 1.02), Estimate(2.0, math.nan, math.nan)
    assert differs(Estimate(1.1, 1.03, 1.2), canary) == "faster"
    assert differs(Estimate(0.9, 0.8, 0.97), canary) == "slower"
    assert differs(Estimate(1.1, 1.01, 1.2), canary) is None
    assert differs(none, canary) is None
    assert differs(Estimate(2.0, 1.9, 2.1), none) is None
