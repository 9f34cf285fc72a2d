"""Steps of a simulated machine, measured as the engine measures them."""

import math
from dataclasses import dataclass

import numpy as np

from bench.statistics.decisions import LOOKS
from bench.statistics.directions import Direction, Pair, directions
from bench.statistics.stopping import DIRECTION, Course, Ratio

#: Seconds of starting everyone and of a round, as they are with short windows.
COSTS = (5.0, 1.0)


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


def noise(rng, traces, arms, busy):
    """Log seconds of equal arms without launch effects, (traces, rounds, arms): a round's mean.

    Quiet: AR(1) 0.45 with 4% from step to step. Busy: 1 to 8%, a slow drift, and bursts of 30% on
    average that hit one round in 20 and one sample in 40.
    """
    shape = (traces, LOOKS[-1], arms * 2)
    if busy:
        steps = machine(rng, traces, shape[1] * shape[2]).reshape(shape)
        steps += burst(rng, (*shape[:2], 1), 1 / 20) + burst(rng, shape, 1 / 40)
    else:
        steps = 0.04 * autoregression(rng, (traces, shape[1] * shape[2]), 0.45).reshape(shape)
    order = rng.random((*shape[:2], arms)).argsort(-1)
    turns = np.concatenate([order, order[..., ::-1]], axis=-1)
    places = np.argsort(turns, axis=-1, kind="stable").reshape(*shape[:2], arms, 2)
    return np.take_along_axis(steps[:, :, None], places, axis=-1).mean(axis=-1)


@dataclass(frozen=True)
class Ended:
    """An arm of a group that has ended.

    Args:
        looks: what it was at each look, the last one where the group ended.
        final: what it is by the launches of all groups of the run, as a report has it.
    """

    looks: list[Direction]
    final: Direction


def run(rng, groups, launch_sd, effects, *, busy, want=DIRECTION, precision=0.025):
    """One run of the engine's own stopping rule: for each group its control and its other arms.

    Args:
        effects: log of how many times as long each arm takes as the reference.
        launch_sd: of the shift that fresh processes bring to each arm.
    """
    arms, rounds = len(effects) + 2, LOOKS[-1]
    traces = noise(rng, groups, arms, busy) + np.array([0, 0, *effects])
    shifts = launch_sd * rng.standard_normal((groups, rounds, arms))
    earlier, ended = [], []
    for group, (trace, shift) in enumerate(zip(traces, shifts, strict=True)):
        course = Course(want, precision, rounds, earlier)
        launches, looks = [], []
        while not course.over:
            launches += [launches[-1] + 1 if launches else 0] * course.length()
            logs = trace[: len(launches)] + shift[launches]
            pairs = [Pair(logs[:, arm] - logs[:, 0], tuple(launches), group)
                     for arm in range(1, arms)]  # fmt: skip
            course.add([Ratio(pair, "it", n > 0) for n, pair in enumerate(pairs)], *COSTS)
            if len(launches) in LOOKS:
                looks.append(course.found)
        earlier += pairs
        ended.append(looks)
    final = directions(earlier)
    return [
        [Ended([look[arm] for look in looks], final[group * (arms - 1) + arm])
         for arm in range(arms - 1)]
        for group, looks in enumerate(ended)
    ]  # fmt: skip
