"""Steps of a busy machine, measured as the engine measures them."""

import math

import numpy as np

from bench.statistics.decisions import LOOKS, PRECISION, next_look
from bench.statistics.intervals import paired_ratio

#: the launch of each of 80 rounds, when every look but the first is a launch of its own
LAUNCHES = np.repeat(range(4), np.diff((0, *LOOKS)))


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
    rounds, arms = LOOKS[-1], 3
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
    rounds, estimates = next_look(0, precise=False), []
    while rounds:
        first, second, third = (arm[:rounds].ravel() for arm in (reference, again, other / effect))
        estimates = [paired_ratio(first, arm, 2, launches[:rounds]) for arm in (second, third)]
        precise = all(estimate.within(PRECISION) for estimate in estimates)
        rounds = next_look(rounds, precise=precise)
    return estimates, precise
