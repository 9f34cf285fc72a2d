"""How often two runs of the same thing are told apart, and a change is found."""

import math

import numpy as np
import pytest

from bench.statistics.changes import Series, Spread, between_runs, paired, spread, too_many

LAUNCHES, ROUNDS = 2, 5  # of each launch
WITHIN, BETWEEN = 0.126, 0.051  # as measured on a shared machine


def series(random, value, group):
    launches = np.repeat(np.arange(LAUNCHES), ROUNDS)
    shifts = random.normal(0, BETWEEN, LAUNCHES)[launches]
    noise = random.normal(0, WITHIN, LAUNCHES * ROUNDS)
    return Series(value + shifts + noise, tuple(launches), group)


def run(random, group, between):
    """Three arms beside one reference, whose noise and launches all of them share."""
    launches = np.repeat(np.arange(LAUNCHES), ROUNDS)
    arms = random.normal(0, WITHIN, (4, LAUNCHES * ROUNDS))
    arms += random.normal(0, between, (4, LAUNCHES))[:, launches]
    return [Series(arm - arms[0], tuple(launches), group) for arm in arms[1:]]


@pytest.mark.parametrize(("change", "least", "most"), [(0.0, 0.03, 0.08), (0.3, 0.9, 1.0)])
def test_how_often_a_change_is_told(change, least, most):
    random, told, covered = np.random.default_rng(0), [], []
    for _ in range(150):
        cells = [(series(random, 0.0, (0, i)), series(random, change, (1, i))) for i in range(10)]
        launches = spread([one for cell in cells for one in cell])
        for cell in cells:
            shift = between_runs(*cell, launches)
            told.append(shift.p < 0.05)
            covered.append(shift.low <= change <= shift.high)
    assert least <= np.mean(told) <= most
    assert 0.92 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("between", [0.0, BETWEEN, 3 * BETWEEN])
def test_arms_of_one_reference_do_not_raise_more_false_alarms(between):
    random, told = np.random.default_rng(0), []
    for _ in range(400):
        before, after = run(random, "before", between), run(random, "after", between)
        launches = spread([*before, *after])
        assert launches.freedom == 2, "a second launch in each run"
        told += [between_runs(*two, launches).p < 0.05 for two in zip(before, after, strict=True)]
    assert np.mean(told) <= 0.065


def test_launches_that_seem_to_add_nothing_still_limit_what_is_known():
    random = np.random.default_rng(0)
    two = series(random, 0.0, "before"), series(random, 0.1, "after")
    few, many = (between_runs(*two, Spread(0.0, freedom)) for freedom in (1, 16))
    assert few.p > many.p
    assert many.p == between_runs(*two, Spread(0.0, 99)).p, "no more than rounds give"


def test_without_a_second_launch_no_change_is_told():
    one = Series(np.zeros(10), (0,) * 10, "one")
    assert spread([one, one]) is None
    assert math.isnan(between_runs(one, Series(np.ones(10), (0,) * 10, "two"), None).p)


def test_seeds_that_all_moved_alike_did_move():
    assert paired([0.25] * 6, 6).p == 0
    assert paired([0.0] * 6, 6).p == 1
    assert math.isnan(paired([0.2] * 5, 6).p)
    few = paired([0.1, -0.1, 0.2, -0.2, 0.1, 0.0], 6)
    assert few.low < 0 < few.high
    assert few.p > 0.05


def test_how_many_false_alarms_chance_allows():
    assert not too_many(0, 0)
    assert not too_many(1, 10)
    assert too_many(3, 10)
