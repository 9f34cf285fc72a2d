"""What pairs of known ratios say of a machine: simulated, with noise that is known."""

import math

import numpy as np
import pytest

from bench.statistics.calibration import Trial, calibration

WITHIN, BETWEEN, LAUNCH = 0.05, 0.02, 5


def trials(ratio, count, rounds=80, seed=0, bias=0.0):
    """Pairs as a machine leaves them: noise of rounds and of launches, a second a round."""
    rng = np.random.default_rng(seed)
    launches = tuple(n // LAUNCH for n in range(rounds))
    return [
        Trial(
            ratio,
            tuple(
                math.log(ratio)
                + bias
                + rng.normal(0, WITHIN, rounds)
                + np.repeat(rng.normal(0, BETWEEN, launches[-1] + 1), LAUNCH)
            ),
            launches,
            seconds=float(rounds),
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def said():
    return calibration([*trials(1.0, 200), *trials(1.2, 40, seed=1)])


def test_no_more_false_alarms_than_chance_allows(said):
    assert (said.same, said.known) == (200, 40)
    assert said.fired <= said.allowed == 15, "of 200 at 5%"
    assert said.false_alarms.value == said.fired / 200
    assert said.false_alarms.low < 0.05 < said.false_alarms.high + 0.03
    assert said.silent
    assert said.decided


def test_the_known_ratio_is_found_soon(said):
    assert (said.right, said.wrong) == (40, 0)
    assert said.direction_s == 10, "a look at 20 s is never the first that sees 1.2"


def test_spread_and_the_time_it_takes(said):
    assert said.within == pytest.approx(WITHIN, rel=0.03)
    assert said.between == pytest.approx(BETWEEN, rel=0.15)
    variance = WITHIN**2 + LAUNCH * BETWEEN**2  # of a round, launches included
    assert said.size_s == pytest.approx(1.96**2 * variance / 0.05**2, rel=0.15)


def test_a_machine_that_prefers_the_second_is_not_silent():
    """A tenth for nothing, in every pair."""
    said = calibration([*trials(1.0, 40, bias=0.1), *trials(1.2, 10)])
    assert said.fired > said.allowed
    assert not said.silent


def test_the_wrong_one_is_not_silent_either():
    said = calibration([*trials(1.0, 40), *trials(1.2, 20, bias=-0.4)])
    assert said.fired <= said.allowed
    assert (said.right, said.wrong) == (0, 20)
    assert said.direction_s == math.inf
    assert not said.silent


def test_what_is_no_measurement_says_nothing():
    lost = Trial(1.0, (0.5,) * 20, (0,) * 20, 20.0, "a processor went offline")
    told = trials(1.0, 5)
    assert calibration([*told, lost]) == calibration(told)


@pytest.mark.parametrize("few", [[], trials(1.0, 1, rounds=5), trials(1.2, 1, rounds=10)])
def test_too_few_decide_nothing(few):
    said = calibration(few)
    assert not said.decided
    assert said.fired == said.wrong == said.right == 0
    assert math.isnan(said.size_s)
    assert not said.direction_s < math.inf
