"""The power of the length that time or memory grows with."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from bench.statistics import bootstrap
from bench.statistics.directions import ALPHA, holm, two_sided
from bench.statistics.intervals import LEAST_ROUNDS, Estimate
from bench.statistics.rounds import Floats, by_round, launches_of, logs_of, middle


def growth(
    samples: Mapping[int, Sequence[float] | float],
    per_round: int = 1,
    launches: Mapping[int, Sequence[int]] | None = None,
) -> Estimate:
    """The exponent with which time or memory grows: slope of log median on log length.

    With rounds, the interval is a bootstrap over the rounds of each length: how well the slope is
    known, not whether one power describes all lengths. With one number a length (memory) it is
    the regression's own, from its residuals (Student's t, two degrees fewer than lengths): how well
    one power describes them. With two to five rounds at any length there is none.

    Args:
        samples: for each length, one number or samples in the order of measurement.
        per_round: samples of one round.
        launches: for each length, the launch of each round.

    Raises:
        ValueError: fewer than three lengths, no whole round at one, or a number not above zero.
    """
    lengths = sorted(samples)
    if len(lengths) < 3 or lengths[0] <= 0:
        raise ValueError(f"expected three lengths or more, above 0. Got {lengths}")
    log_lengths = np.log(lengths)
    if all(isinstance(samples[length], int | float) for length in lengths):
        return _regression(log_lengths, logs_of([samples[length] for length in lengths]))
    means = []
    for length in lengths:
        rounds = by_round(np.atleast_1d(np.asarray(samples[length])), per_round).mean(axis=1)
        if not len(rounds):
            raise ValueError(f"expected a whole round at every length. Got none at {length}")
        means.append(logs_of(rounds))
    centred = log_lengths - log_lengths.mean()
    weights = centred / (centred @ centred)
    value = float(weights @ [middle(rounds) for rounds in means])
    if min(map(len, means)) < LEAST_ROUNDS:
        return Estimate(value, math.nan, math.nan)
    slopes = weights @ bootstrap.medians_apart(means, launches_of(lengths, launches))
    return Estimate(value, *(float(end) for end in np.percentile(slopes, [2.5, 97.5])))


@dataclass(frozen=True)
class LogRatio:
    """The log of the ratio of two arms at one length.

    Args:
        value: itself.
        error: its standard error; 0 where both were counted.
        freedom: degrees of freedom of the error.
        level: of intervals made from it, that of the look.
    """

    value: float
    error: float = 0.0
    freedom: int = 1
    level: float = 1 - ALPHA


@dataclass(frozen=True)
class Span:
    """By how much two exponents differ from one length to another, on average.

    Args:
        shortest, longest: the lengths.
        exponent: of the ratio of the two arms, with its interval.
        level: of that interval.
        p: two-sided, of no difference, as a share of ``ALPHA`` over all looks.
    """

    shortest: int
    longest: int
    exponent: Estimate
    level: float
    p: float

    def same(self, delta: float) -> bool:
        """Whether the two differ by less, whether or not they differ."""
        return -delta < self.exponent.low and self.exponent.high < delta


def span(ratios: Mapping[int, LogRatio], shortest: int, longest: int) -> Span:
    """By how much two exponents differ between two lengths.

    The rise of the log ratio over that of the log length, so it is the mean exponent of whatever
    curve goes through both. Lengths are timed in rounds of their own: errors of both add. What
    lengthens both arms' rounds is in neither, so this is better known than either exponent.
    """
    first, last = ratios[shortest], ratios[longest]
    width = math.log(longest / shortest)
    value = (last.value - first.value) / width
    error = math.hypot(first.error, last.error) / width
    freedom, level = min(first.freedom, last.freedom), max(first.level, last.level)
    half = float(stdtrit(freedom, (1 + level) / 2)) * error
    p = float(two_sided(np.asarray(value), np.asarray(error), freedom))
    exponent = Estimate(value, value - half, value + half)
    return Span(shortest, longest, exponent, level, min(1.0, p * ALPHA / (1 - level)))


@dataclass(frozen=True)
class Apart:
    """By how much two exponents differ over all lengths, and from each length to the next."""

    whole: Span
    steps: Sequence[Span]

    def ways(self, delta: float) -> list[Span]:
        """The steps whose exponents differ beyond chance (Holm) and not by less than delta."""
        stand = holm([step.p for step in self.steps])
        return [
            s for s, stands in zip(self.steps, stand, strict=True) if stands and not s.same(delta)
        ]


def apart(ratios: Mapping[int, LogRatio]) -> Apart:
    """By how much two exponents differ, of the ratios of two arms at the same lengths.

    Raises:
        ValueError: fewer than three lengths, where no step can go another way than the whole.
    """
    lengths = sorted(ratios)
    if len(lengths) < 3:
        raise ValueError(f"expected three lengths or more. Got {lengths}")
    steps = [span(ratios, *pair) for pair in itertools.pairwise(lengths)]
    return Apart(span(ratios, lengths[0], lengths[-1]), steps)


def _regression(log_lengths: Floats, logs: Floats) -> Estimate:
    if (logs == logs[0]).all():  # no residual is no number to a regression
        return Estimate(0.0, 0.0, 0.0)
    centred, freedom = log_lengths - log_lengths.mean(), len(logs) - 2
    squares = float(centred @ centred)
    slope = float(centred @ logs) / squares
    rest = logs - logs.mean() - slope * centred
    half = float(stdtrit(freedom, 0.975)) * math.sqrt(float(rest @ rest) / freedom / squares)
    return Estimate(slope, slope - half, slope + half)
