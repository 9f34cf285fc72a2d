"""How often intervals hold the truth on simulated machines; directions are in another file."""

import numpy as np
from scipy.stats import ttest_ind

from bench.statistics.crossover import crossover
from bench.statistics.decisions import LOOKS
from bench.statistics.growth import growth
from bench.statistics.intervals import paired_ratio

from .simulation import burst, machine, noise


def test_growth_and_crossover_hold_the_truth():
    """250 simulated sweeps of 20 rounds in two launches: slope 1.2, crossing at 300."""
    rng = np.random.default_rng(1)
    lengths, count = (64, 128, 256, 512, 1024), 250
    launches = dict.fromkeys(lengths, np.repeat([0, 1], 10))
    slopes = crossings = 0
    for _ in range(count):
        noise = {length: rng.normal(0, 0.08, 20) for length in lengths}
        times = {n: list(n**1.2 * np.exp(e)) for n, e in noise.items()}
        slope = growth(times, launches=launches)
        slopes += slope.low <= 1.2 <= slope.high
        found = crossover({n: 0.2 * np.log(n / 300) + e for n, e in noise.items()}, launches)
        assert found.state == "crosses"
        crossings += found.length.low <= 300 <= found.length.high
    assert 0.92 <= slopes / count <= 0.98
    assert 0.92 <= crossings / count <= 0.98


def test_medians_of_ratios_hold_the_truth_though_launches_differ():
    """Of 80 rounds in launches of five, which shift each arm by half a per cent."""
    rng, launches = np.random.default_rng(2), np.arange(LOOKS[-1]) // 5
    traces = noise(rng, 600, 2, busy=True)
    traces += 0.005 * rng.standard_normal((600, launches[-1] + 1, 2))[:, launches]
    seconds = np.exp(traces)
    found = [paired_ratio(1.05 * one[:, 0], one[:, 1], 1, launches) for one in seconds]
    held = np.mean([estimate.low <= 1.05 <= estimate.high for estimate in found])
    print(f"\ncoverage {held:.3f}", end="")
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
