"""The power of the length that time or memory grows with."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import chdtrc, stdtr, stdtrit

from bench.statistics import bootstrap
from bench.statistics.intervals import LEAST_ROUNDS, Estimate
from bench.statistics.rounds import Floats, by_round, launches_of, logs_of, middle

_MISFIT = 0.05  # how often ratios that follow one power are taken for such that do not


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


def apart(
    ratios: Mapping[int, tuple[float, float]], freedom: int, level: float
) -> tuple[Estimate, float, bool]:
    """By how much two exponents differ, of the ratios of two arms timed in the same rounds.

    What lengthens both arms' rounds is in neither, so this is better known than either exponent.
    Where the ratios lie farther from a power of the length than their errors allow (chi-squared,
    5%), the interval is the regression's own, from how far they lie: with few lengths it is wide.

    Args:
        ratios: for each length, the log of the ratio and its standard error.
        freedom: degrees of freedom of these.
        level: of the interval.

    Returns:
        The difference with its interval, the two-sided p of none, and whether one power fits.

    Raises:
        ValueError: fewer than three lengths.
    """
    if len(ratios) < 3:
        raise ValueError(f"expected three lengths or more. Got {sorted(ratios)}")
    log_lengths = np.log(list(ratios))
    centred = log_lengths - log_lengths.mean()
    weights = centred / (centred @ centred)
    logs, errors = np.array(list(ratios.values())).T
    value, error = float(weights @ logs), float(np.sqrt(weights**2 @ errors**2))
    rest = logs - logs.mean() - value * centred
    beyond = float(((rest / errors) ** 2).sum()) if errors.all() else math.inf * bool(rest.any())
    fits = float(chdtrc(len(logs) - 2, beyond)) >= _MISFIT
    if not fits:
        freedom = len(logs) - 2
        error = math.sqrt(float(rest @ rest) / freedom / float(centred @ centred))
    half = float(stdtrit(freedom, (1 + level) / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(value) / error)) if error else float(value == 0)
    return Estimate(value, value - half, value + half), p, fits


def _regression(log_lengths: Floats, logs: Floats) -> Estimate:
    if (logs == logs[0]).all():  # no residual is no number to a regression
        return Estimate(0.0, 0.0, 0.0)
    centred, freedom = log_lengths - log_lengths.mean(), len(logs) - 2
    squares = float(centred @ centred)
    slope = float(centred @ logs) / squares
    rest = logs - logs.mean() - slope * centred
    half = float(stdtrit(freedom, 0.975)) * math.sqrt(float(rest @ rest) / freedom / squares)
    return Estimate(slope, slope - half, slope + half)
