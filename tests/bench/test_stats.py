"""Intervals against what is known."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from bench.statistics import intervals as stats

#: the launch of each of 80 rounds, when every look but the first is a launch of its own
LAUNCHES = np.repeat(range(4), np.diff((0, *stats.LOOKS)))


def test_median_of_constant_samples_has_no_width():
    estimate = stats.median([2.0] * 12, per_round=2)
    assert (estimate.value, estimate.low, estimate.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("rounds", range(1, stats.LEAST_ROUNDS))
def test_too_few_rounds_have_no_interval(rounds):
    estimate = stats.median([1.0, 2.0] * rounds, per_round=2)
    assert estimate.value == 1.5
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.map(math.exp).high)
    assert "fewer than 6 rounds" in estimate.interval()


def test_least_rounds_is_the_least_that_can_have_one():
    """All of n medians lie on one side of the truth in 2 of 2^n cases."""
    assert 2 / 2**stats.LEAST_ROUNDS <= 0.05 < 2 / 2 ** (stats.LEAST_ROUNDS - 1)


def test_ratio_is_paired_by_round():
    """A drift that both arms share leaves the ratio exact, though the samples overlap."""
    drift = np.exp(np.linspace(0, 1, 40))
    estimate = stats.paired_ratio(list(1.5 * drift), list(drift), per_round=2)
    assert estimate.value == pytest.approx(1.5)
    assert estimate.high - estimate.low < 1e-9


@pytest.mark.parametrize("rounds", [6, 8, 10, 20])
def test_intervals_hold_the_truth_in_95_of_100(rounds):
    """Simulated rounds with a known ratio, drift shared by both arms: 93 to 97%."""
    rng = np.random.default_rng(rounds)
    count, held = 2000, 0
    for _ in range(count):
        shared = rng.normal(0, 0.3, size=(rounds, 1))
        a, b = (np.exp(shared + rng.normal(0, 0.05, size=(rounds, 2))) for _ in range(2))
        estimate = stats.paired_ratio(list(1.05 * a.ravel()), list(b.ravel()), per_round=2)
        held += estimate.low <= 1.05 <= estimate.high
    assert 0.93 <= held / count <= 0.97


def test_unequal_rounds_are_refused():
    with pytest.raises(ValueError, match=r"equally many samples. Got 4, 2"):
        stats.paired_ratio([1.0] * 4, [1.0] * 2, per_round=2)


def test_map_keeps_the_ends_in_order():
    estimate = stats.Estimate(2.0, 1.0, 4.0).map(lambda value: 1 / value)
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.25, 1.0)


def test_ten_rounds_interpolate_between_order_statistics():
    """97.85% lies between the 2nd and 9th, 89.06% between the 3rd and 8th (binomial, n = 10)."""
    inwards = (0.978516 - 0.95) / (0.978516 - 0.890625)
    share = 8 * inwards / (2 + 6 * inwards)  # Hettmansperger and Sheather 1986
    estimate = stats.median([7, 1, 4, 10, 2, 8, 3, 6, 5, 9])
    assert estimate.value == 5.5
    # Times differ by factors, so it interpolates between their logs.
    assert estimate.low == pytest.approx(2 * (3 / 2) ** share, abs=1e-4)
    assert estimate.high == pytest.approx(9 * (8 / 9) ** share, abs=1e-4)


def test_launches_that_differ_widen_the_interval():
    rounds = np.random.default_rng(0).normal(1, 0.01, 40)
    launches = [0] * 20 + [1] * 20
    same = stats.median(list(rounds), launches=launches)
    apart = stats.median(list(rounds + 0.1 * np.array(launches)), launches=launches)
    assert same.high - same.low < 0.02
    assert apart.low < 1.01
    assert apart.high > 1.09


def test_order_and_names_of_launches_do_not_matter_to_the_value():
    samples = list(np.random.default_rng(0).normal(1, 0.1, 20))
    split = stats.median(samples, launches=[7, 3] * 10)
    assert split.value == stats.median(samples).value
    assert split == stats.median(samples, launches=["7", "3"] * 10)
    assert split.low < split.value < split.high


def test_flagged_rounds_are_left_out_on_request_only():
    slow, fast = [2.0] * 24, [1.0] * 24
    slow[4:8] = [50.0] * 4
    flags = [index in (2, 3) for index in range(12)]
    launches = [0] * 6 + [1] * 6
    kept = stats.paired_ratio(slow, fast, 2, launches, without=flags)
    assert kept == stats.paired_ratio(slow[:4] + slow[8:], fast[4:], 2, [0] * 4 + [1] * 6)
    assert stats.median(slow, 2, without=flags).high == 2.0
    assert stats.median(slow, 2).value == 2.0
    assert math.isnan(stats.median(slow, 2, without=[True] * 12).value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.median([1.0, math.inf]), r"finite samples. Got inf"),
        (lambda: stats.paired_ratio([1.0, 0.0], [1.0, 1.0]), r"above 0. Got 0.0"),
        (lambda: stats.median([1.0] * 4, 2, launches=[0] * 4), r"each of 2 rounds. Got 4"),
        (lambda: stats.median([1.0] * 4, 2, without=[True]), r"each of 2 rounds. Got 1"),
        (lambda: stats.growth({64: 1.0, 128: 2.0}), r"three lengths or more.*\[64, 128\]"),
        (lambda: stats.growth({1: [1.0], 2: [], 4: [1.0]}), r"whole round.*none at 2"),
        (lambda: stats.growth({1: 1.0, 2: -1.0, 4: 1.0}), r"above 0. Got -1.0"),
        (lambda: stats.crossover({64: [0.0] * 6}), r"two lengths or more.*\[64\]"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_within_is_relative_and_needs_an_interval():
    assert stats.Estimate(2.0, 1.95, 2.05).within(0.025)
    assert not stats.Estimate(2.0, 1.94, 2.0).within(0.025)
    assert not stats.Estimate(1.0, math.nan, math.nan).within()


def test_looks():
    assert stats.next_look(0, precise=False) == 10
    assert stats.next_look(10, precise=True) is None
    assert stats.next_look(10, precise=False) == 20
    assert stats.next_look(15, precise=True) == 20, "between looks nothing is decided"
    assert stats.next_look(80, precise=False) is None
    assert stats.next_look(0, precise=False, most=6) == 6
    assert stats.next_look(20, precise=False, most=30) == 30
    assert stats.next_look(30, precise=False, most=30) is None


@pytest.mark.parametrize(
    ("canary", "factor"), [((0.98, 1.01), 1 / 0.98), ((0.99, 1.03), 1.03), ((1.01, 1.02), 1.02)]
)
def test_band_is_the_end_furthest_from_one(canary, factor):
    assert stats.band(stats.Estimate(1.0, *canary)) == pytest.approx(factor)


def test_nothing_is_said_within_the_band_or_without_an_interval():
    canary, none = stats.Estimate(1.0, 0.98, 1.02), stats.Estimate(2.0, math.nan, math.nan)
    assert stats.differs(stats.Estimate(1.1, 1.03, 1.2), canary) == "faster"
    assert stats.differs(stats.Estimate(0.9, 0.8, 0.97), canary) == "slower"
    assert stats.differs(stats.Estimate(1.1, 1.01, 1.2), canary) is None
    assert stats.differs(none, canary) is None
    assert stats.differs(stats.Estimate(2.0, 1.9, 2.1), none) is None


def test_description_of_known_samples():
    known = stats.describe([1.0, 3.0, 2.0, 4.0, 5.0], per_round=1)
    assert (known["median"], known["p5"], known["p95"]) == (3.0, 1.2, 4.8)
    assert (known["iqr"], known["n"]) == (2.0, 5)
    # centred: -2 0 -1 1 2; lag 1: 0 + 0 - 1 + 2 = 1; sum of squares 10
    assert known["lag1"] == pytest.approx(0.1)


def test_effective_n_of_an_autoregression_is_the_textbooks():
    """AR(1): n (1 - r) / (1 + r)."""
    noise = autoregression(np.random.default_rng(0), (40, 1000), 0.45)
    described = [stats.describe(list(10 + trace)) for trace in noise]
    assert np.mean([d["lag1"] for d in described]) == pytest.approx(0.45, abs=0.02)
    assert np.mean([d["effective_n"] for d in described]) == pytest.approx(
        1000 * 0.55 / 1.45, rel=0.1
    )


def test_description_of_little():
    assert stats.describe([2.0] * 4, 2) | {"n": None} == {
        "median": 2.0, "p5": 2.0, "p95": 2.0, "iqr": 0.0, "n": None, "effective_n": 4.0,
        "lag1": None,
    }  # fmt: skip
    assert stats.describe([1.0])["effective_n"] == 1
    assert set(stats.describe([]).values()) == {None, 0}


def test_growth_of_exact_powers():
    lengths = (64, 128, 512)
    exact = stats.growth({n: [3e-6 * n**1.5] * 12 for n in lengths}, per_round=2)
    assert (exact.value, exact.low, exact.high) == pytest.approx((1.5, 1.5, 1.5))
    few = stats.growth({n: [3e-6 * n**1.5] * 4 for n in lengths})
    assert few.value == pytest.approx(1.5)
    assert math.isnan(few.low)


def test_growth_of_memory_says_how_well_one_power_fits():
    """Logs 0, 1, 2, 4 to base 2 over 0, 1, 2, 3: slope 1.3, residual sum of squares 0.3."""
    memory = stats.growth({1: 1, 2: 2, 4: 4, 8: 16})
    half = 4.302653 * math.sqrt(0.3 / 2 / 5)
    assert memory.value == pytest.approx(1.3)
    assert (memory.low, memory.high) == pytest.approx((1.3 - half, 1.3 + half))


def test_crossover_of_exact_ratios():
    """Halfway in log length between 128 and 512."""
    found = stats.crossover({64: [0.3] * 6, 128: [0.1] * 6, 512: [-0.1] * 6, 1024: [-0.2] * 6})
    assert (found.state, found.crossings) == ("crosses", 1)
    assert found.length.value == pytest.approx(256)
    assert (found.length.low, found.length.high) == pytest.approx((256, 256))


@pytest.mark.parametrize(
    ("medians", "state", "crossings"),
    [
        ((0.1, 0.2, 0.3), "above", 0),
        ((-0.1, -0.2, -0.3), "below", 0),
        ((0.1, 0.0, 0.2), "undecided", 0),
        ((0.1, 0.1, 0.0), "undecided", 0),
        ((-0.1, 0.0, 0.2), "crosses", 1),
        ((-0.1, 0.2, -0.1), "crosses", 2),
    ],
)
def test_states_of_a_crossover(medians, state, crossings):
    noise = np.tile([-0.02, 0.02], 5)
    ratios = {2**exponent: middle + noise for exponent, middle in enumerate(medians, 6)}
    found = stats.crossover(ratios)
    assert (found.state, found.crossings) == (state, crossings)
    assert (found.length is None) == (crossings == 0)


def test_rounds_too_few_to_decide_are_undecided():
    assert stats.crossover({64: [0.1] * 5, 128: [-0.1] * 5}).state == "undecided"


def test_growth_and_crossover_hold_the_truth():
    """250 simulated sweeps of 20 rounds in two launches: slope 1.2, crossing at 300."""
    rng = np.random.default_rng(1)
    lengths, count = (64, 128, 256, 512, 1024), 250
    launches = dict.fromkeys(lengths, LAUNCHES[:20])
    slopes = crossings = 0
    for _ in range(count):
        noise = {length: rng.normal(0, 0.08, 20) for length in lengths}
        times = {n: list(n**1.2 * np.exp(e)) for n, e in noise.items()}
        slope = stats.growth(times, launches=launches)
        slopes += slope.low <= 1.2 <= slope.high
        found = stats.crossover({n: 0.2 * np.log(n / 300) + e for n, e in noise.items()}, launches)
        assert found.state == "crosses"
        crossings += found.length.low <= 300 <= found.length.high
    assert 0.92 <= slopes / count <= 0.98
    assert 0.92 <= crossings / count <= 0.98


def autoregression(rng, shape, lag1):
    """Noise of unit variance along the last axis."""
    noise = rng.standard_normal(shape) * math.sqrt(1 - lag1**2)
    noise[..., 0] /= math.sqrt(1 - lag1**2)
    for index in range(1, shape[-1]):
        noise[..., index] += lag1 * noise[..., index - 1]
    return noise


def machine(rng, traces, steps):
    """Log seconds of identical steps on a busy machine, (traces, steps): noise of 1 to 8%, AR(1)
    0.45, and a slow drift."""
    sd = np.exp(rng.uniform(*np.log([0.01, 0.08]), size=(traces, 1)))
    time = np.linspace(0, 1, steps)
    slope, depth, phase, period = rng.normal(size=(4, traces, 1))
    drift = 0.1 * slope * time + 0.05 * depth * np.sin(9 * (phase + period * time))
    return sd * autoregression(rng, (traces, steps), 0.45) + drift


def burst(rng, shape, share):
    return (rng.random(shape) < share) * rng.exponential(0.3, shape)


def interleaved(rng, traces, launch_sd, launches=LAUNCHES):
    """Log seconds of three equal arms, (traces, rounds, arms, 2), as the engine measures them.

    Bursts of 30% on average hit one round in 20, one sample in 40; each launch shifts each arm.
    """
    rounds, arms = stats.LOOKS[-1], 3
    steps = machine(rng, traces, rounds * arms * 2).reshape(traces, rounds, arms * 2)
    steps += burst(rng, (traces, rounds, 1), 1 / 20) + burst(rng, steps.shape, 1 / 40)
    order = rng.random((traces, rounds, arms)).argsort(-1)
    turns = np.concatenate([order, order[..., ::-1]], axis=-1)
    places = np.argsort(turns, axis=-1, kind="stable").reshape(traces, rounds, arms, 2)
    samples = np.take_along_axis(steps[:, :, None], places, axis=-1)
    effects = launch_sd * rng.standard_normal((traces, launches[-1] + 1, arms))
    return samples + effects[:, launches, :, None]


def measure(samples, effect, launches=LAUNCHES):
    """The last look's estimates, (canary, speed), and whether both are within the precision.

    `samples` are (rounds, arms, 2); the third arm is made `effect` times as fast.
    """
    reference, again, other = np.exp(samples.reshape(len(samples), 3, 2)).swapaxes(0, 1)
    rounds, estimates = stats.next_look(0, precise=False), []
    while rounds:
        first, second, third = (arm[:rounds].ravel() for arm in (reference, again, other / effect))
        estimates = [
            stats.paired_ratio(first, arm, 2, launches[:rounds]) for arm in (second, third)
        ]
        precise = all(estimate.within() for estimate in estimates)
        rounds = stats.next_look(rounds, precise=precise)
    return estimates, precise


@pytest.fixture(scope="module")
def simulated():
    """2,000 groups measured up to the look they need; the third arm is 1.05 times as fast."""
    samples = interleaved(np.random.default_rng(0), traces=2000, launch_sd=0.001)
    return [measure(trace, effect=1.05) for trace in samples]


def holds(estimate, truth):
    return estimate.low <= truth <= estimate.high


def test_intervals_of_simulated_groups_hold_the_truth(simulated):
    """Coverage of 93 to 97%, false alarms at most 6%, groups that stayed unstable among them."""
    canary = np.mean([holds(estimates[0], 1.0) for estimates, _ in simulated])
    speed = np.mean([holds(estimates[1], 1.05) for estimates, _ in simulated])
    print(f"\ncoverage: canary {canary:.3f}, speed {speed:.3f}", end="")
    assert 0.93 <= speed <= 0.97
    assert 0.94 <= canary <= 0.97  # an A/A interval that leaves out 1 is a false alarm


def test_a_real_effect_is_found_and_none_is_made_up(simulated):
    """Of the groups that reached the precision; the others are `unstable` and claim nothing."""
    stable = [estimates for estimates, known in simulated if known]
    verdicts = [stats.differs(speed, canary) for canary, speed in stable]
    found = verdicts.count("faster") / len(verdicts)
    alone = np.mean([speed.low > 1 for _, speed in stable])
    print(f"\n5% found: {found:.3f}, {alone:.3f} without the band, of {len(stable)}", end="")
    assert len(stable) >= 0.75 * len(simulated)
    assert found >= 0.90
    assert "slower" not in verdicts


def test_equal_arms_are_called_different_in_at_most_6_of_100():
    samples = interleaved(np.random.default_rng(1), traces=500, launch_sd=0.001)
    verdicts = [stats.differs(*measure(trace, 1.0)[0][::-1]) for trace in samples]
    assert len(verdicts) - verdicts.count(None) <= 0.06 * len(samples)


def test_launches_of_five_rounds_hold_the_truth_though_launches_differ():
    """By 0.5% an arm, which the one launch of a first look of ten rounds could not show."""
    launches = np.arange(stats.LOOKS[-1]) // 5
    samples = interleaved(np.random.default_rng(2), 600, launch_sd=0.005, launches=launches)
    measured = [measure(trace, 1.05, launches)[0] for trace in samples]
    held = np.mean([[holds(canary, 1.0), holds(speed, 1.05)] for canary, speed in measured])
    assert 0.93 <= held <= 0.97


def test_the_usual_ways_fail_on_the_same_machine():
    """All of A, then all of B, identical: Welch's test and the minimum, 80 samples each."""
    steps = machine(np.random.default_rng(0), 2000, 160)
    steps += np.repeat(burst(np.random.default_rng(1), (2000, 40), 1 / 20), 4, axis=1)
    first, second = np.split(np.exp(steps), 2, axis=1)
    alarms = np.mean(ttest_ind(first, second, axis=1, equal_var=False).pvalue < 0.05)
    error = np.abs(np.log(first.min(axis=1) / second.min(axis=1)))
    median, worst = np.quantile(error, [0.5, 0.9])
    print(f"\nWelch's alarms {alarms:.2f}; minimum off by {median:.1%}, p90 {worst:.1%}", end="")
    assert alarms > 0.30
    assert worst > 0.05


def test_the_interval_of_a_time_is_above_zero_and_holds_it():
    """Two launches, one three times as slow as the other: no time is negative."""
    seconds = [0.01] * 10 + [0.03] * 10
    estimate = stats.median(seconds, 2, launches=[0] * 5 + [1] * 5)
    assert 0 < estimate.low <= estimate.value <= estimate.high


def test_a_lead_within_the_noise_decides_no_crossing():
    rng = np.random.default_rng(0)
    logs = {
        length: math.log(ratio) + rng.normal(0, 0.001, 20)
        for length, ratio in {64: 1.01, 128: 0.8, 256: 1.3}.items()
    }
    assert stats.crossover(logs).crossings == 2
    noisy = stats.crossover(logs, bands={64: 1.02, 128: 1.02, 256: 1.02})
    assert noisy.crossings == 1
    assert 128 < noisy.length.value < 256
