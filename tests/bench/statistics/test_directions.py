"""Directions: claimed where there is one, silent where there is none, whatever launches do."""

import math

import numpy as np
import pytest

from bench.statistics import directions
from bench.statistics.decisions import LOOKS
from bench.statistics.directions import ALPHA, NOMINAL, Pair, holm, silent

LAUNCH = 5  # rounds
#: Two standard errors of a share of a twentieth of 1,800 pairs.
CHANCE = 0.01


def runs(rng, count, within, between, effect=0.0, arms=3):
    """Log-ratios of simulated runs, (runs, groups, pairs, rounds): each pair's noise within a
    launch is that of its group, each arm of a group has launch effects, the reference among them.
    """
    within, between = np.atleast_1d(within), np.atleast_1d(between)
    shape = (count, max(len(within), len(between)), arms)
    noise = rng.standard_normal((*shape, LOOKS[-1])) * within[:, None, None]
    starts = rng.standard_normal((*shape, LOOKS[-1] // LAUNCH)) * between[:, None, None]
    seconds = (noise + np.repeat(starts, LAUNCH, axis=-1)) / math.sqrt(2)
    return effect + seconds[:, :, 1:] - seconds[:, :, :1]


def looked(run, rounds):
    """The directions of one run's pairs after so many rounds."""
    launches = tuple(range(rounds // LAUNCH))
    of = tuple(np.repeat(launches, LAUNCH).tolist())
    return directions.directions(
        [Pair(pair[:rounds], of, group) for group, pairs in enumerate(run) for pair in pairs]
    )


def share_fired(simulated):
    """How many pairs are claimed at any look, though a run stops at the first that satisfies it."""
    fired = [
        np.any([[d.excludes_one for d in looked(run, n)] for n in LOOKS], axis=0)
        for run in simulated
    ]
    return float(np.mean(fired))


@pytest.mark.parametrize(
    ("within", "between"),
    [
        ([0.126] * 3, 0.0),
        ([0.126] * 3, 0.051),
        ([0.126] * 6, 0.126),
        (np.geomspace(0.03, 0.1, 6), 0.03),  # launches that shift quiet and noisy groups alike
        (np.geomspace(0.02, 0.3, 6), 0.4 * np.geomspace(0.02, 0.3, 6)),  # and in proportion
    ],
    ids=["no launch effect", "as measured", "large", "the same in all groups", "as the noise"],
)
def test_of_equal_arms_at_most_one_in_twenty_is_called_different_over_all_looks(within, between):
    rng = np.random.default_rng(5)
    simulated = runs(rng, 1800 // (2 * max(len(within), np.size(between))), within, between)
    assert share_fired(simulated) <= 0.05 + CHANCE


def test_rounds_that_ignore_launches_would_make_false_claims():
    """The same runs, all rounds taken as one launch: what the rule above is for."""
    rng = np.random.default_rng(5)
    simulated = runs(rng, 100, [0.126] * 3, 0.126)
    fired = [
        abs(pair[:n].mean()) > 3 * pair[:n].std(ddof=1) / math.sqrt(n)
        for run in simulated
        for pair in run.reshape(-1, LOOKS[-1])
        for n in LOOKS
    ]
    assert np.mean(fired) > 0.10


def test_a_difference_of_a_tenth_is_found():
    simulated = runs(np.random.default_rng(6), 60, [0.05] * 6, 0.02, effect=math.log(1.1))
    found = [d for run in simulated for d in looked(run, 20)]
    assert np.mean([d.ratio.low > 1 for d in found]) > 0.95
    assert not any(d.ratio.high < 1 for d in found)
    held = np.mean([d.ratio.low <= 1.1 <= d.ratio.high for d in found])
    assert 1 - NOMINAL[20] - 0.02 <= held


def test_what_is_the_same_within_three_percent_is_called_so():
    simulated = runs(np.random.default_rng(7), 40, [0.05] * 6, 0.005)
    found = [d for run in simulated for d in looked(run, 80)]
    assert np.mean([d.same() for d in found]) > 0.8
    assert not any(d.beyond() for d in found)


def test_a_size_is_claimed_only_beyond_delta():
    (far, near) = directions.directions(
        [pair(0.2, seed=0, group="a"), pair(0.02, seed=1, group="b")]
    )
    assert (far.excludes_one, far.beyond(), far.same()) == (True, True, False)
    assert (near.excludes_one, near.beyond(), near.same()) == (True, False, True)
    assert far.ratio.value == pytest.approx(math.exp(0.2), rel=0.01)


def pair(mean, *, seed=0, rounds=40, launch=LAUNCH, group=None):
    logs = mean + 0.01 * np.random.default_rng(seed).standard_normal(rounds)
    return Pair(logs, tuple((np.arange(rounds) // launch).tolist()), group)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (pair(0.2, rounds=5, launch=5), "fewer than 6 rounds"),
        (pair(0.2, rounds=0), "fewer than 6 rounds"),
        (pair(0.2, rounds=10), "fewer than 3 relaunches"),
        (pair(0.2, rounds=10, launch=10), "fewer than 3 relaunches"),
        (pair(0.2, rounds=20, launch=1), "fewer than 3 relaunches"),
    ],
)
def test_too_little_gives_no_interval_and_says_what_is_missing(given, why):
    (found,) = directions.directions([given])
    assert found.why == why
    assert math.isnan(found.ratio.low)
    assert math.isnan(found.p)
    assert not any((found.excludes_one, found.beyond(), found.same()))


def test_launches_of_other_groups_lend_what_one_group_lacks():
    """Pairs of the same rounds count as one."""
    several = [pair(0.2, seed=n, rounds=10, group=n) for n in range(3)]
    assert all(found.excludes_one for found in directions.directions(several))
    shared = [pair(0.2, seed=n, rounds=10, group="one") for n in range(3)]
    assert {found.why for found in directions.directions(shared)} == {"fewer than 3 relaunches"}


@pytest.mark.parametrize(("rounds", "level"), [(7, 10), (10, 10), (11, 20), (40, 40), (99, 80)])
def test_between_looks_the_next_ones_level_counts(rounds, level):
    assert directions.alpha(rounds) == NOMINAL[level]


def test_of_several_cells_the_smallest_p_has_to_be_the_smallest():
    assert holm([0.01, 0.04, 0.03]) == [True, False, False]
    assert holm([0.01, math.nan, 0.02]) == [True, False, True]
    assert holm([]) == []


def test_controls_that_differ_more_often_than_by_chance_are_not_silent():
    simulated = runs(np.random.default_rng(8), 1, [0.05] * 12, 0.02, arms=2)
    quiet = looked(simulated[0], 40)
    assert silent(quiet)
    assert sum(d.p <= ALPHA for d in quiet) <= 2
    assert not silent(looked(simulated[0] + 0.2, 40))
    assert not silent([])
