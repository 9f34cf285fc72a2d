"""Functions timed in turn: each round a random order and its reverse, one pair of samples each.

A goal is missed where the whole interval of a ratio misses it: other work on the machine widens the
interval, and must fail nothing.
"""

import gc
import random
import time
from collections.abc import Callable, Mapping

from bench.statistics import intervals as stats

Seconds = dict[str, list[float]]


def take_turns(
    functions: Mapping[str, Callable[[], object]], rounds: int, warm: int = 2
) -> Seconds:
    """Seconds of every call, two a round, after ``warm`` calls that do not count."""
    for function in functions.values():
        for _ in range(warm):
            function()
    seconds: Seconds = {name: [] for name in functions}
    order = random.Random(0)
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            permutation = order.sample(list(functions), len(functions))
            for name in permutation + permutation[::-1]:
                start = time.perf_counter_ns()
                functions[name]()
                seconds[name].append((time.perf_counter_ns() - start) / 1e9)
    finally:
        gc.enable()
    return seconds


def speed(seconds: Seconds, name: str, reference: str) -> stats.Estimate:
    """How many times as fast as the reference, with its interval."""
    return stats.paired_ratio(seconds[reference], seconds[name], per_round=2)


def show(title: str, estimate: stats.Estimate, goal: float | None = None) -> None:
    """One line for a reader."""
    aim = "" if goal is None else f", goal {goal:g}"
    print(f"\n{title}: {estimate.value:.3f} {estimate.interval()}{aim}", end="")
