"""Intervals for what was measured: medians, and ratios of arms that were timed in turn.

Rounds are few, so intervals come from order statistics: exact for the median of independent
rounds whatever their distribution, where a percentile bootstrap of four or five rounds holds the
truth in 80 to 90 of 100 cases. Below six rounds there is no two-sided 95% interval, and none is
given.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

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

    def interval(self) -> str:
        """``[1.02, 1.10]``, or why there is none."""
        if math.isnan(self.low):
            return f"[fewer than {LEAST_ROUNDS} rounds: no interval]"
        return f"[{self.low:.2f}, {self.high:.2f}]"


def median(samples: Sequence[float], per_round: int = 1) -> Estimate:
    """Median over rounds of a round's mean, with an exact 95% interval.

    Args:
        samples: in the order of measurement.
        per_round: samples of one round, which are not independent of one another.
    """
    return _median(_rounds(samples, per_round).mean(axis=1))


def paired_ratio(
    numerator: Sequence[float], denominator: Sequence[float], per_round: int = 1
) -> Estimate:
    """Ratio of two arms timed in the same rounds: the median over rounds of the log-ratio.

    Args:
        numerator, denominator: samples in the order of measurement, round by round.
        per_round: samples of one round.

    Raises:
        ValueError: the two were not measured in the same rounds.
    """
    if len(numerator) != len(denominator):
        raise ValueError(f"expected equally many samples. Got {len(numerator)}, {len(denominator)}")
    logs = np.log(_rounds(numerator, per_round)) - np.log(_rounds(denominator, per_round))
    return _median(logs.mean(axis=1)).map(math.exp)


def _rounds(samples: Sequence[float], per_round: int) -> npt.NDArray[np.float64]:
    """Samples as (rounds, per_round); an incomplete last round is no round."""
    whole = len(samples) // per_round * per_round
    return np.asarray(samples[:whole], dtype=np.float64).reshape(-1, per_round)


def _median(rounds: npt.NDArray[np.float64]) -> Estimate:
    value = float(np.median(rounds))
    if len(rounds) < LEAST_ROUNDS:
        return Estimate(value, math.nan, math.nan)
    test = stats.quantile_test(rounds, q=value, p=0.5)
    interval: Any = test.confidence_interval(confidence_level=0.95)
    return Estimate(value, float(interval.low), float(interval.high))
