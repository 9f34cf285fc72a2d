"""Intervals for what was measured: medians, and ratios of arms that were timed in turn."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

_RESAMPLES = 2000
_SEED = 20261123  # the same records give the same report


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval; the interval is not finite where it cannot be told."""

    value: float
    low: float
    high: float

    def map(self, function: Callable[[float], float]) -> "Estimate":
        """The estimate of a monotone function of the value."""
        ends = sorted((function(self.low), function(self.high)))
        return Estimate(function(self.value), ends[0], ends[1])


def median(samples: Sequence[float], per_round: int = 1) -> Estimate:
    """Median with a percentile bootstrap over rounds.

    Args:
        samples: in the order of measurement.
        per_round: samples of one round, which are resampled together as they are not independent.
    """
    rounds = _rounds(samples, per_round)
    return _bootstrap(rounds, lambda drawn: np.median(drawn, axis=(-2, -1)))


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
    means = logs.mean(axis=1, keepdims=True)
    return _bootstrap(means, lambda drawn: np.median(drawn, axis=(-2, -1))).map(math.exp)


def _rounds(samples: Sequence[float], per_round: int) -> npt.NDArray[np.float64]:
    """Samples as (rounds, per_round); an incomplete last round is no round."""
    whole = len(samples) // per_round * per_round
    return np.asarray(samples[:whole], dtype=np.float64).reshape(-1, per_round)


def _bootstrap(rounds: npt.NDArray[np.float64], statistic: Callable[[Any], Any]) -> Estimate:
    value = float(statistic(rounds))
    if len(rounds) < 2 or np.ptp(rounds) == 0:
        spread = math.nan if len(rounds) < 2 else 0.0
        return Estimate(value, value - spread, value + spread)
    indices = np.arange(len(rounds))
    result = stats.bootstrap(
        (indices,),
        lambda drawn, axis: statistic(rounds[drawn]),
        n_resamples=_RESAMPLES,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(_SEED),
    )
    interval = result.confidence_interval
    return Estimate(value, float(interval.low), float(interval.high))
