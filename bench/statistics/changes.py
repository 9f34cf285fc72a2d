"""Whether two runs differ by more than two runs of the same thing do.

Arms timed in turn are compared by what an arm's time is to its reference's in the same rounds, in
logs. These vary from round to round within a launch (T1) and from launch to launch (T2, which the
few launches of one cell cannot give: it is pooled over all series of both runs), so the mean of n
rounds has the variance T1²/n + T2²·Σnᵢ²/n² (Kalibera and Jones 2013), and the difference of two
runs' means the sum of both; Student's t with the fewer degrees of freedom, of rounds or of
launches, even where launches seem to add nothing. Trainings are compared by seeds, each with itself
in the other run: a paired t-test over seeds.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.statistics.rounds import Floats

LEVEL = 0.05


@dataclass(frozen=True)
class Series:
    """Rounds of one cell.

    Args:
        rounds: a number of each.
        launches: the launch of each round.
        group: the same for series of the same rounds, which share a reference and its launches.
    """

    rounds: Floats
    launches: tuple[int, ...]
    group: Hashable


@dataclass(frozen=True)
class Spread:
    """Variance between launches (T2²), from so many degrees of freedom."""

    variance: float
    freedom: int


@dataclass(frozen=True)
class Shift:
    """How far the second run lies above the first.

    Attributes:
        value, low, high: the mean difference with its 95% interval; NaN ends without one.
        p: two-sided, that it is none; NaN where that cannot be told.
        n: seeds, or rounds of the run that has fewer.
    """

    value: float
    low: float
    high: float
    p: float
    n: int


def spread(series: Sequence[Series]) -> Spread | None:
    """What launches add to the rounds of all series; None where none has several launches.

    Series of a group are not independent, so its launches are counted once.
    """
    total, launches = 0.0, 0
    again: dict[Hashable, int] = {}
    for one in series:
        codes, sizes = np.unique(one.launches, return_counts=True)
        n, k = len(one.rounds), len(codes)
        if not 1 < k < n:
            continue
        centres = np.array([one.rounds[np.equal(one.launches, code)].mean() for code in codes])
        between = float(sizes @ (centres - one.rounds.mean()) ** 2) / (k - 1)
        per_launch = (n - float(sizes @ sizes) / n) / (k - 1)
        total += (k - 1) * (between - _within(one)[0]) / per_launch
        launches += k - 1
        again[one.group] = max(again.get(one.group, 0), k - 1)
    return Spread(max(total / launches, 0.0), sum(again.values())) if again else None


def between_runs(before: Series, after: Series, launches: Spread | None) -> Shift:
    """How far the rounds of one run lie above those of another.

    Args:
        before, after: two rounds at least each.
        launches: see `spread`; without it no difference can be told from that of two launches.
    """
    value = float(after.rounds.mean() - before.rounds.mean())
    n = min(len(before.rounds), len(after.rounds))
    if launches is None or n < 2:
        return Shift(value, math.nan, math.nan, math.nan, n)
    variance, freedom = 0.0, 0
    for one in (before, after):
        within, own = _within(one)
        sizes = np.unique(one.launches, return_counts=True)[1]
        share = float(sizes @ sizes) / len(one.rounds) ** 2
        variance += within / len(one.rounds) + launches.variance * share
        freedom += own
    return _student(value, variance, min(freedom, launches.freedom), n)


def paired(differences: Sequence[float], least: int) -> Shift:
    """How far the seeds of one run lie above themselves in another; no test below ``least``."""
    values, n = np.asarray(differences, dtype=float), len(differences)
    if n < least:
        return Shift(float(values.mean()), math.nan, math.nan, math.nan, n)
    return _student(float(values.mean()), float(values.var(ddof=1)) / n, n - 1, n)


def _within(one: Series) -> tuple[float, int]:
    """Variance of rounds within launches, and its degrees of freedom."""
    codes = np.unique(one.launches)
    n, k = len(one.rounds), len(codes)
    if n <= k:  # a round a launch: what launches do is in it
        return float(one.rounds.var(ddof=1)), n - 1
    groups = [one.rounds[np.equal(one.launches, code)] for code in codes]
    return sum(float(((g - g.mean()) ** 2).sum()) for g in groups) / (n - k), n - k


def _student(value: float, variance: float, freedom: float, n: int) -> Shift:
    if variance == 0:
        return Shift(value, value, value, float(value == 0), n)
    error = math.sqrt(variance)
    half = float(stats.t.ppf(1 - LEVEL / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(value) / error, freedom))
    return Shift(value, value - half, value + half, p, n)


def too_many(fired: int, of: int) -> bool:
    """Whether more of so many tests without a difference found one than chance allows."""
    return bool(of and stats.binom.sf(fired - 1, of, LEVEL) < LEVEL)
