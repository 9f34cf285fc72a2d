"""How long a trustworthy ratio takes, and how often it is wrong, beside the usual tools.

One model against itself, samples of some 10 ms, and six steps beside five, whose ratio is 1.2. Ours
is ``rvt doctor --trust``; the others time the same pairs one arm after the other, as they come, and
are asked what their own numbers say:

- pytest-benchmark: Mann and Whitney's test of the two arms' rounds, at 5%;
- ``torch.utils.benchmark``: the same test of what ``blocked_autorange`` took, and whether the two
  medians differ as its ``Compare`` prints them, with the digits that it calls significant.

Run with ``tox -e benchmarks``; on a noisy machine, where ours goes to its last look, it takes half
an hour. ``rvt doctor --trust --pairs 100`` is the same of ours alone.
"""

import math
import statistics
import time

import pytest
import scipy.stats
import torch
from torch.utils import benchmark as torch_benchmark
from torch.utils.benchmark.utils.common import trim_sigfig

from bench import study
from bench.execute import sizing
from bench.measure.subject import Subject
from bench.page.numbers import percent
from bench.probes.speed import measure as speed
from bench.statistics import intervals as stats
from bench.statistics.calibration import SIZE
from bench.tools import trust
from bench.tools.console import console
from bench.tools.display import Display

PAIRS = 30
#: Of each tool's rule and each true ratio: seconds of every pair, and the direction that it said.
SAID: dict[str, dict[float, list[tuple[float, int]]]] = {}
RAW: list[tuple[float, list[float]]] = []


@pytest.fixture(scope="module")
def ours():
    return trust.examine(PAIRS, Display(console(120)))


def test_ours(ours):
    """No more wrong directions than chance allows; goals of time are printed, not asserted."""
    print("\n" + "\n".join(ours.lines()), end="")
    said = ours.said
    print(f"\ngoals: 10 s to a direction, got {said.direction_s:.1f}; "
          f"25 s to ±{percent(SIZE)}, got {said.size_s:.1f}", end="")  # fmt: skip
    assert not ours.troubles
    assert said.silent


@pytest.fixture(scope="module")
def steps(corpus):
    """A sample of the arm, of its twin, and of the one that does six steps."""
    cell = study.load("trust").cells[0]
    config = sizing.sized(cell, corpus)["config"]
    threads = torch.get_num_threads()
    torch.set_num_threads(cell.threads)
    found = []
    for times in (trust.STEPS, trust.STEPS, trust.MORE):
        subject = Subject(cell, config, corpus)
        run = speed._function(cell.axes["phase"], subject, subject.build())
        batch = subject.batches(1, cell.protocol["batch_size"])[0]

        def sample(run=run, batch=batch, times=times):
            for _ in range(times):
                run(batch)

        for _ in range(10):
            sample()
        found.append(sample)
    yield found
    torch.set_num_threads(threads)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["A", "same", "known"])
@pytest.mark.parametrize("repetition", range(PAIRS))
def test_pytest_benchmark(benchmark, steps, repetition, which):
    start = time.perf_counter()
    benchmark(steps[which])
    RAW.append((time.perf_counter() - start, list(benchmark.stats["data"])))
    if which:
        true = 1.0 if which == 1 else trust.MORE / trust.STEPS
        (first_s, first), (second_s, second) = RAW[-1 - which], RAW[-1]
        note("pytest-benchmark, Mann-Whitney", true, first_s + second_s, ranked(first, second))


def test_torch_utils_benchmark(steps):
    for _ in range(PAIRS):
        taken = []
        for step in steps:
            start = time.perf_counter()
            timer = torch_benchmark.Timer(
                "step()", globals={"step": step}, num_threads=torch.get_num_threads()
            )
            taken.append((timer.blocked_autorange(), time.perf_counter() - start))
        (first, first_s), *others = taken
        for true, (second, second_s) in zip((1.0, trust.MORE / trust.STEPS), others, strict=True):
            seconds = first_s + second_s
            note("torch.utils.benchmark, Mann-Whitney", true, seconds,
                 ranked(first.times, second.times))  # fmt: skip
            digits = min(first.significant_figures, second.significant_figures)
            shown = [trim_sigfig(measured.median, digits) for measured in (first, second)]
            note("torch.utils.benchmark, digits that Compare prints", true, seconds,
                 (shown[1] > shown[0]) - (shown[1] < shown[0]))  # fmt: skip


def note(rule, true, seconds, direction):
    SAID.setdefault(rule, {}).setdefault(true, []).append((seconds, direction))


def ranked(first, second):
    """Whether the second takes longer (1) or less (-1), 0 where ranks do not tell."""
    if scipy.stats.mannwhitneyu(first, second).pvalue >= 0.05:
        return 0
    return 1 if statistics.median(second) > statistics.median(first) else -1


def test_the_verdict(ours):
    """What each rule said, with its interval; ours raises no more false alarms than any other."""
    said = ours.said
    assert SAID, "other tools have said something"
    rates = {"rvt": (said.fired, said.same)}
    print(f"\nrvt: {line(said.fired, said.same, said.right, said.wrong, said.known)}", end="")
    for rule, by_truth in SAID.items():
        same = [direction for _, direction in by_truth[1.0]]
        known = [direction for _, direction in by_truth[trust.MORE / trust.STEPS]]
        fired = sum(direction != 0 for direction in same)
        seconds = statistics.median(seconds for pairs in by_truth.values() for seconds, _ in pairs)
        rates[rule] = (fired, len(same))
        counts = line(fired, len(same), known.count(1), known.count(-1), len(known))
        print(f"\n{rule}: {counts}; {seconds:.1f} s a pair", end="")
    ours_low = stats.share(*rates.pop("rvt")).low
    assert all(ours_low <= stats.share(*rate).high for rate in rates.values())


def line(fired, same, right, wrong, known):
    share = stats.share(fired, same)
    assert not math.isnan(share.value)
    return (
        f"{fired} false alarms in {same} [{percent(share.low)}, {percent(share.high)}]; "
        f"1.2 right in {right} and wrong in {wrong} of {known}"
    )
