"""Intervals for what was measured: medians, and ratios of arms timed in turn.

Ratios are taken within a round, in logs: drift and bursts that both arms met cancel, and the random
order makes what is left symmetric and nearly independent, which raw steps are not.

Intervals are for the median over rounds, see :mod:`bench.statistics.rounds`:

- One launch: order statistics, interpolated between the two that enclose 95% (Hettmansperger and
  Sheather 1986, doi:10.1016/0167-7152(86)90021-0). At ten rounds the exact ones hold 97.9% and
  a percentile bootstrap 93.5%.
- Several launches: a hierarchical bootstrap, see :mod:`bench.statistics.bootstrap`.

One launch cannot show how much launches differ: its interval is for that launch, and too narrow for
others where they differ by more than a few tenths of a percent. Below six rounds there is no
two-sided 95% interval, and none is given. Everything here is deterministic.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.statistics import bootstrap
from bench.statistics.rounds import Floats, Launches, by_round, kept, logs_of, middle

LEAST_ROUNDS = 6


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval; the ends are NaN where there are too few rounds for one."""

    value: float
    low: float
    high: float

    def map(self, function: Callable[[float], float]) -> "Estimate":
        """The estimate of a monotone function of the value."""
        low, high = function(self.low), function(self.high)
        return Estimate(function(self.value), *((high, low) if high < low else (low, high)))

    def within(self, precision: float) -> bool:
        """Whether the interval is within the value times 1 ± precision; without one, it is not."""
        least, most = self.value * (1 - precision), self.value * (1 + precision)
        return least <= self.low and self.high <= most

    def interval(self) -> str:
        """``[1.02, 1.10]``, or why there is none."""
        if math.isnan(self.low):
            return "[no interval: too few rounds or launches]"
        return f"[{self.low:.2f}, {self.high:.2f}]"


def median(
    samples: Sequence[float],
    per_round: int = 1,
    launches: Launches = None,
    without: Sequence[bool] | None = None,
) -> Estimate:
    """Median over rounds of a round's mean.

    Args:
        samples: in the order of measurement.
        per_round: samples of one round, which are not independent of one another.
        launches: the launch of each round; by default all rounds are of one launch.
        without: one flag per round; flagged rounds are left out. For printing beside the result
            with all rounds, never instead of it.

    Raises:
        ValueError: a sample is not finite, or there is not one launch or flag per round.
    """
    means, codes = kept(by_round(samples, per_round).mean(axis=1), launches, without)
    if not (means > 0).all():
        return of_rounds(means, codes)
    # Times and bytes are above 0 and differ by factors: so do the ends of their intervals.
    logs = of_rounds(np.log(means), codes).map(math.exp)
    value = middle(means) if len(means) else math.nan
    return Estimate(value, min(logs.low, value), max(logs.high, value))


@lru_cache(maxsize=4096)
def share(count: int, total: int) -> Estimate:
    """A share with Wilson's 95% interval (1927, doi:10.1080/01621459.1927.10502953)."""
    if not total:
        return Estimate(math.nan, 0.0, 1.0)
    from scipy import stats

    found = stats.binomtest(count, total).proportion_ci(method="wilson")
    return Estimate(count / total, float(found.low), float(found.high))


def log_ratios(
    numerator: Sequence[float], denominator: Sequence[float], per_round: int = 1
) -> Floats:
    """The log of the ratio of two arms in each round, shape (rounds,): the mean over its samples.

    Raises:
        ValueError: the two were not measured in the same rounds, or a sample is not above zero.
    """
    if len(numerator) != len(denominator):
        raise ValueError(f"expected equally many samples. Got {len(numerator)}, {len(denominator)}")
    above, below = (logs_of(by_round(samples, per_round)) for samples in (numerator, denominator))
    return np.asarray((above - below).mean(axis=1))


def paired_ratio(
    numerator: Sequence[float],
    denominator: Sequence[float],
    per_round: int = 1,
    launches: Launches = None,
    without: Sequence[bool] | None = None,
) -> Estimate:
    """Ratio of two arms timed in the same rounds: the median over rounds of the log-ratio.

    Args:
        numerator, denominator: samples in the order of measurement, round by round.
        per_round, launches, without: as for `median`.

    Raises:
        ValueError: as `log_ratios` and `median`.
    """
    logs = log_ratios(numerator, denominator, per_round)
    return of_rounds(*kept(logs, launches, without)).map(math.exp)


def of_rounds(rounds: Floats, launches: tuple[int, ...]) -> Estimate:
    """Median of rounds with its interval."""
    if not len(rounds):
        return Estimate(math.nan, math.nan, math.nan)
    value = middle(rounds)
    if len(rounds) < LEAST_ROUNDS:
        return Estimate(value, math.nan, math.nan)
    ends = _order_statistics if len(set(launches)) == 1 else bootstrap.ends
    return Estimate(value, *ends(rounds, launches))


def _order_statistics(rounds: Floats, _: tuple[int, ...]) -> tuple[float, float]:
    depth, share = _depth(len(rounds))
    ordered = np.sort(rounds)
    low = (1 - share) * ordered[depth - 1] + share * ordered[depth]
    high = (1 - share) * ordered[-depth] + share * ordered[-depth - 1]
    return float(low), float(high)


@lru_cache(maxsize=1024)
def _depth(n: int, level: float = 0.95) -> tuple[int, float]:
    """The deepest order statistic that holds the level, and the share of the next one inwards."""
    from scipy import stats

    depth = int(stats.binom.ppf((1 - level) / 2, n, 0.5))
    held, less = (1 - 2 * stats.binom.cdf(d - 1, n, 0.5) for d in (depth, depth + 1))
    excess = (held - level) / (held - less)
    return depth, float((n - depth) * excess / (depth + (n - 2 * depth) * excess))
