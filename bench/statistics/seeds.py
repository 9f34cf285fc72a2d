"""What few trainings say together: interquartile mean, paired difference, who is the better.

As reinforcement learning reports its few runs (Agarwal et al. 2021, arXiv:2108.13264). A mean hangs
on one seed that failed, and a median on one or two in the middle; the mean of the middle half does
neither. Below six seeds there is no interval, as for rounds. Everything here is deterministic.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from bench.statistics.intervals import LEAST_ROUNDS, Estimate
from bench.statistics.rounds import Floats

_RESAMPLES = 9999
_QUARTER = 0.25


def interquartile_mean(scores: Sequence[float]) -> Estimate:
    """Mean of the middle half of seeds, with a percentile bootstrap's 95% interval.

    Of each end a quarter of the seeds is left out, rounded down.

    Args:
        scores: one a seed, one or more.
    """
    from scipy import stats  # here, as it takes most of a second: who quotes has no use for it

    def middle(values: Floats, axis: int = -1) -> Any:
        return stats.trim_mean(values, _QUARTER, axis=axis)

    return _bootstrapped(scores, middle, "percentile")


def paired_difference(differences: Sequence[float] | Floats) -> Estimate:
    """Mean of what one arm scores more on the same seeds, with a BCa bootstrap's 95% interval.

    Bias-corrected and accelerated: Efron 1987, doi:10.1080/01621459.1987.10478410. It is the mean
    that :func:`bench.statistics.exact.sign_flip` tests.

    Args:
        differences: one a seed, one or more.
    """
    return _bootstrapped(differences, np.mean, "BCa")


def better(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """The probability that a seed of ours scores more than one of theirs, a tie counting half.

    The Mann-Whitney statistic over all pairs, with the score-type interval that has the best
    coverage of those that Newcombe compares (2006, doi:10.1002/sim.2324, method 5): where all of
    ours score more, it does not shrink to a point as a bootstrap does. Seeds that arms share make
    it wider than it need be.

    Args:
        ours, theirs: scores, more being better, one a seed, one or more.
    """
    apart = np.subtract.outer(np.asarray(ours, float), np.asarray(theirs, float))
    value = float(((apart > 0) + (apart == 0) / 2).mean())
    if min(apart.shape) < LEAST_ROUNDS:
        return Estimate(value, math.nan, math.nan)
    return Estimate(value, _least(value, *apart.shape), 1 - _least(1 - value, *apart.shape))


def _least(value: float, m: int, n: int) -> float:
    """The lower end: the least probability of which so large a share of pairs is no exception."""
    if value == 0:
        return 0.0
    from scipy import optimize, stats

    z, others = stats.norm.ppf(0.975), (m + n) / 2 - 1

    def above(p: float) -> float:
        once_more = (1 - p) / (2 - p) + p / (1 + p)
        return float(value - p - z * math.sqrt(p * (1 - p) * (1 + others * once_more) / (m * n)))

    return float(optimize.brentq(above, 0, min(value, 1 - 1e-9)))


def _bootstrapped(
    values: Sequence[float] | Floats,
    statistic: Callable[..., Any],
    method: Literal["percentile", "BCa"],
) -> Estimate:
    given = np.asarray(values, dtype=float)
    value = float(statistic(given))
    if len(given) < LEAST_ROUNDS:
        return Estimate(value, math.nan, math.nan)
    if np.ptp(given) == 0:  # no resample differs
        return Estimate(value, value, value)
    from scipy import stats

    found = stats.bootstrap(
        (given,), statistic, n_resamples=_RESAMPLES, method=method, vectorized=True,
        random_state=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Estimate(value, float(found.low), float(found.high))
