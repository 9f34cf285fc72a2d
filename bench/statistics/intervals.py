"""Intervals for what was measured: medians, ratios of arms timed in turn, growth, crossovers.

A *round* is a random permutation of a group's arms followed by its reverse, so an arm leaves two
samples a round; a *launch* is a set of fresh processes that measured some of the rounds. Ratios are
taken within a round, in logs: drift and bursts that both arms met cancel, and the random order
makes what is left symmetric and nearly independent, which raw steps are not.

Intervals are for the median over rounds:

- One launch: order statistics, interpolated between the two that enclose 95% (Hettmansperger and
  Sheather 1986, doi:10.1016/0167-7152(86)90021-0). At ten rounds the exact ones hold 97.9% and
  a percentile bootstrap 93.5%.
- Several launches: a hierarchical bootstrap, of launches and of rounds. Rounds alone already make
  launches differ, and drawing rounds within drawn launches counts that share twice: where launches
  have no effect it holds 98%. So rounds are drawn from all, and the drawn launches add what
  rounds do not explain of their distances: I-squared (Higgins and Thompson 2002,
  doi:10.1002/sim.1186), with Mood's median test as its Q. The percentiles are expanded for few
  rounds (Hesterberg 2015, doi:10.1080/00031305.2015.1089789).

One launch cannot show how much launches differ: its interval is for that launch, and too narrow for
others where they differ by more than a few tenths of a percent. Below six rounds there is no
two-sided 95% interval, and none is given. Everything here is deterministic.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

#: Rounds after which a group may stop. Looking after every round would stop on lucky ones.
LOOKS = (10, 20, 40, 80)
#: A ratio is known well enough when its interval is within this share of it.
PRECISION = 0.025
LEAST_ROUNDS = 6
RESAMPLES = 1000

Floats = npt.NDArray[np.float64]
Launches = Sequence[int] | None


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

    def within(self, precision: float = PRECISION) -> bool:
        """Whether the interval is within the value times 1 ± precision; without one, it is not."""
        least, most = self.value * (1 - precision), self.value * (1 + precision)
        return least <= self.low and self.high <= most

    def interval(self) -> str:
        """``[1.02, 1.10]``, or why there is none."""
        if math.isnan(self.low):
            return f"[fewer than {LEAST_ROUNDS} rounds: no interval]"
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
    means, codes = _kept(_rounds(samples, per_round).mean(axis=1), launches, without)
    if not (means > 0).all():
        return _estimate(means, codes)
    # Times and bytes are above 0 and differ by factors: so do the ends of their intervals.
    logs = _estimate(np.log(means), codes).map(math.exp)
    value = _median(means) if len(means) else math.nan
    return Estimate(value, min(logs.low, value), max(logs.high, value))


def share(count: int, total: int) -> Estimate:
    """A share with Wilson's 95% interval (1927, doi:10.1080/01621459.1927.10502953)."""
    if not total:
        return Estimate(math.nan, 0.0, 1.0)
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
    above, below = (_logs(_rounds(samples, per_round)) for samples in (numerator, denominator))
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
    return _estimate(*_kept(logs, launches, without)).map(math.exp)


def next_look(rounds: int, *, precise: bool, most: int = LOOKS[-1]) -> int | None:
    """Rounds to have before looking again; None to stop, since all is known or looks are used up.

    Args:
        rounds: measured so far.
        precise: whether every ratio that will be reported, the canary's among them, is
            `Estimate.within` what is wanted. Between looks it decides nothing.
        most: rounds after which to stop in any case.
    """
    if rounds >= most or (precise and rounds in LOOKS):
        return None
    return min(most, next((look for look in LOOKS if look > rounds), most))


def band(canary: Estimate) -> float:
    """The factor, at least 1, within which differences are noise; NaN without an interval.

    It is the end of the canary's interval that is furthest from 1, in either direction.

    Args:
        canary: ratio of an arm to itself, measured in the same rounds as the arms compared.
    """
    return math.nan if math.isnan(canary.low) else max(canary.high, 1 / canary.low)


def differs(speed: Estimate, canary: Estimate) -> Literal["faster", "slower"] | None:
    """What may be said of an arm: its interval lies beyond the A/A band, or nothing is said.

    Args:
        speed: seconds of the reference over seconds of the arm, so more than 1 is faster.
        canary: as for `band`.
    """
    factor = band(canary)
    if speed.low > factor:
        return "faster"
    return "slower" if speed.high < 1 / factor else None


def describe(samples: Sequence[float], per_round: int = 1) -> dict[str, float | None]:
    """Spread and dependence of samples, in the order of measurement and in their own unit.

    ``median`` is that of `median`; ``p5``, ``p95``, ``iqr``, ``n``, ``effective_n`` and ``lag1``
    are of the samples. ``effective_n`` is n / (1 + 2 Σ r_k), at most n, where r_k is the
    autocorrelation at lag k and Σ ends with Geyer's initial positive sequence, the pairs
    r_2m + r_2m+1 as long as they are positive (Geyer 1992, doi:10.1214/ss/1177011137). What cannot
    be told is None: ``lag1`` of constant samples or of fewer than three, and all of no samples.
    """
    values = _rounds(samples, 1)[:, 0]
    if not len(values):
        return dict.fromkeys(("median", "p5", "p95", "iqr", "effective_n", "lag1")) | {"n": 0}
    p5, p25, p75, p95 = (float(p) for p in np.percentile(values, [5, 25, 75, 95]))
    correlations = _autocorrelations(values)
    middle = median(samples, per_round).value
    return {
        "median": None if math.isnan(middle) else middle,
        "p5": p5,
        "p95": p95,
        "iqr": p75 - p25,
        "n": len(values),
        "effective_n": _effective_n(correlations, len(values)),
        "lag1": float(correlations[1]) if len(correlations) > 2 else None,
    }


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
        return _regression(log_lengths, _logs([samples[length] for length in lengths]))
    means = []
    for length in lengths:
        rounds = _rounds(np.atleast_1d(np.asarray(samples[length])), per_round).mean(axis=1)
        if not len(rounds):
            raise ValueError(f"expected a whole round at every length. Got none at {length}")
        means.append(_logs(rounds))
    centred = log_lengths - log_lengths.mean()
    weights = centred / (centred @ centred)
    value = float(weights @ [_median(rounds) for rounds in means])
    if min(map(len, means)) < LEAST_ROUNDS:
        return Estimate(value, math.nan, math.nan)
    slopes = weights @ _resampled_apart(means, _of_each(lengths, launches))
    return Estimate(value, *(float(end) for end in np.percentile(slopes, [2.5, 97.5])))


@dataclass(frozen=True)
class Crossover:
    """Where the ratio of two arms passes 1.

    Attributes:
        state: ``crosses``; ``above`` or ``below``, the ratio being on that side of 1 at every
            length, so that there is none in range; ``undecided``, when at some length it
            straddles 1 and on no two lengths it is on different sides.
        length: of the first crossing, with its interval; None unless it crosses.
        crossings: how many times the ratio changes sides, from what is decided.
    """

    state: Literal["crosses", "above", "below", "undecided"]
    length: Estimate | None = None
    crossings: int = 0


def crossover(
    ratios: Mapping[int, Sequence[float] | Floats],
    launches: Mapping[int, Sequence[int]] | None = None,
    bands: Mapping[int, float] | None = None,
) -> Crossover:
    """The length at which two arms are equally fast.

    A length is decided when the interval of its ratio excludes the A/A band, or 1. The first
    crossing lies between two decided lengths on different sides, the next to one another of those
    decided; there the median log-ratio is piecewise linear in log length. The interval is a
    bootstrap over the rounds of each length and ends at those two lengths at the latest.

    Args:
        ratios: for each length, the `log_ratios` of its rounds.
        launches: for each length, the launch of each round.
        bands: for each length, the factor within which ratios are noise, see `band`; 1 by default.

    Raises:
        ValueError: fewer than two lengths, or a log-ratio is not finite.
    """
    lengths = sorted(ratios)
    if len(lengths) < 2 or lengths[0] <= 0:
        raise ValueError(f"expected two lengths or more, above 0. Got {lengths}")
    rounds = [_rounds(ratios[length], 1)[:, 0] for length in lengths]
    of_each = _of_each(lengths, launches)
    estimates = [
        _estimate(*_kept(logs, of, None)) for logs, of in zip(rounds, of_each, strict=True)
    ]
    noise = [math.log(bands[length]) if bands else 0.0 for length in lengths]
    sides = [(e.low > n) - (e.high < -n) for e, n in zip(estimates, noise, strict=True)]
    decided = [index for index, side in enumerate(sides) if side]
    changes = [(a, b) for a, b in itertools.pairwise(decided) if sides[a] != sides[b]]
    if not changes:
        if len(decided) < len(lengths):
            return Crossover("undecided")
        return Crossover("above" if sides[0] > 0 else "below")
    first, last = changes[0]
    chosen = slice(first, last + 1)
    log_lengths = np.log(lengths[chosen])
    medians = np.array([estimate.value for estimate in estimates[chosen]])
    value = _zero(log_lengths, medians * sides[first])
    draws = _resampled_apart(rounds[chosen], of_each[chosen]).T * sides[first]
    low, high = np.percentile([_zero(log_lengths, draw) for draw in draws], [2.5, 97.5])
    return Crossover(
        "crosses", Estimate(value, float(low), float(high)).map(math.exp), len(changes)
    )


def _rounds(samples: Sequence[float] | Floats, per_round: int) -> Floats:
    """Samples as (rounds, per_round); an incomplete last round is no round."""
    whole = len(samples) // per_round * per_round
    rounds = np.asarray(samples[:whole], dtype=np.float64).reshape(-1, per_round)
    if not np.isfinite(rounds).all():
        raise ValueError(f"expected finite samples. Got {rounds[~np.isfinite(rounds)][0]}")
    return rounds


def _logs(values: npt.ArrayLike) -> Floats:
    numbers: Floats = np.asarray(values, dtype=np.float64)
    if not (numbers > 0).all():
        raise ValueError(f"expected samples above 0. Got {numbers.min()}")
    return np.asarray(np.log(numbers))


def _of_each(
    lengths: Sequence[int], launches: Mapping[int, Sequence[int]] | None
) -> list[Launches]:
    return [None if launches is None else launches[length] for length in lengths]


def _kept(
    rounds: Floats, launches: Launches, without: Sequence[bool] | None
) -> tuple[Floats, tuple[int, ...]]:
    """Rounds that are not flagged, and the launches of those."""
    codes = _codes(launches, len(rounds))
    if without is None:
        return rounds, codes
    if len(without) != len(rounds):
        raise ValueError(f"expected a flag for each of {len(rounds)} rounds. Got {len(without)}")
    keep = ~np.asarray(without, dtype=bool)
    return rounds[keep], tuple(code for code, kept in zip(codes, keep, strict=True) if kept)


def _codes(launches: Launches, rounds: int) -> tuple[int, ...]:
    if launches is None:
        return (0,) * rounds
    if len(launches) != rounds:
        raise ValueError(f"expected a launch for each of {rounds} rounds. Got {len(launches)}")
    return tuple(int(launch) for launch in launches)


def _estimate(rounds: Floats, launches: tuple[int, ...]) -> Estimate:
    """Median of rounds with its interval."""
    if not len(rounds):
        return Estimate(math.nan, math.nan, math.nan)
    value = _median(rounds)
    if len(rounds) < LEAST_ROUNDS:
        return Estimate(value, math.nan, math.nan)
    ends = _order_statistics if len(set(launches)) == 1 else _bootstrap
    return Estimate(value, *ends(rounds, launches))


def _median(values: Floats) -> float:
    ordered = np.sort(values)  # np.median takes ten times as long for so few
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


def _order_statistics(rounds: Floats, _: tuple[int, ...]) -> tuple[float, float]:
    depth, share = _depth(len(rounds))
    ordered = np.sort(rounds)
    low = (1 - share) * ordered[depth - 1] + share * ordered[depth]
    high = (1 - share) * ordered[-depth] + share * ordered[-depth - 1]
    return float(low), float(high)


@lru_cache(maxsize=1024)
def _depth(n: int, level: float = 0.95) -> tuple[int, float]:
    """The deepest order statistic that holds the level, and the share of the next one inwards."""
    depth = int(stats.binom.ppf((1 - level) / 2, n, 0.5))
    held, less = (1 - 2 * stats.binom.cdf(d - 1, n, 0.5) for d in (depth, depth + 1))
    excess = (held - level) / (held - less)
    return depth, float((n - depth) * excess / (depth + (n - 2 * depth) * excess))


def _bootstrap(rounds: Floats, launches: tuple[int, ...]) -> tuple[float, float]:
    tail = _tail(len(rounds))
    low, high = np.percentile(_resampled(rounds, launches), [tail, 100 - tail])
    return float(low), float(high)


@lru_cache(maxsize=1024)
def _tail(n: int) -> float:
    """The percentile that the expanded interval ends at, 2.5 as n grows."""
    wider = math.sqrt(n / (n - 1)) * stats.t.ppf(0.025, n - 1)
    return float(100 * stats.norm.cdf(wider))


def _resampled(rounds: Floats, launches: tuple[int, ...], seed: int = 0) -> Floats:
    """Medians of the hierarchical bootstrap's resamples, (RESAMPLES,).

    Counted, not sorted: going through the rounds in ascending order, a resample's median is the
    one with which it has half of its rounds.
    """
    order = np.argsort(rounds, kind="stable")
    up_to = _counts(len(rounds), seed)[order]
    for fewer, more in itertools.pairwise(up_to):  # several times as fast as cumsum over axis 0
        more += fewer
    half, ordered = len(rounds) // 2, rounds[order]
    medians: Floats = ordered[(up_to <= half).sum(axis=0, dtype=up_to.dtype)]
    if len(rounds) % 2 == 0:
        medians = (ordered[(up_to < half).sum(axis=0, dtype=up_to.dtype)] + medians) / 2
    return medians if len(set(launches)) == 1 else medians + _shifts(rounds, launches, seed)


def _shifts(rounds: Floats, launches: tuple[int, ...], seed: int) -> Floats:
    """What the launches drawn add to each resample's median, (RESAMPLES,).

    For each launch one is drawn; its distance from the others' centre counts by rounds.
    """
    codes, sizes, shares = _groups(launches, seed)
    count, centre = len(sizes), _median(rounds)
    below = np.bincount(codes, weights=(rounds < centre) + (rounds == centre) / 2) / sizes
    q = float(4 * sizes @ (below - 0.5) ** 2)
    if q <= count - 1:  # the launches differ no more than their rounds make them
        return np.zeros(RESAMPLES)
    # Launches drawn with replacement vary by (count - 1) / count of what launches do.
    scale = math.sqrt((1 - (count - 1) / q) * count / (count - 1))
    centres = np.array([_median(rounds[codes == code]) for code in range(count)])
    return np.asarray(shares @ (scale * (centres - centres.mean())))


@lru_cache(maxsize=256)
def _groups(
    launches: tuple[int, ...], seed: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Each round's launch from 0, rounds of each launch, and its share of each resample."""
    _, codes, sizes = np.unique(launches, return_inverse=True, return_counts=True)
    drawn = np.random.default_rng([seed, 1]).integers(len(sizes), size=(RESAMPLES, len(sizes)))
    shares = (drawn[:, :, None] == np.arange(len(sizes))) * sizes[:, None]
    return codes, sizes, shares.sum(axis=1) / len(launches)


@lru_cache(maxsize=256)
def _counts(n: int, seed: int) -> npt.NDArray[np.unsignedinteger]:
    """How often each resample has each of n rounds, (n, RESAMPLES)."""
    drawn = np.random.default_rng([seed, 0]).integers(n, size=(n, RESAMPLES))
    counts = np.zeros((n, RESAMPLES), np.uint8 if n < 256 else np.uint32)
    np.add.at(counts, (drawn, np.arange(RESAMPLES)), 1)
    return counts


def _resampled_apart(rounds: Sequence[Floats], launches: Sequence[Launches]) -> Floats:
    """Of several independent series, (series, RESAMPLES): each has draws of its own."""
    each = enumerate(zip(rounds, launches, strict=True))
    return np.array([_resampled(own, _codes(of, len(own)), seed) for seed, (own, of) in each])


def _regression(log_lengths: Floats, logs: Floats) -> Estimate:
    fit = stats.linregress(log_lengths, logs)
    half = float(stats.t.ppf(0.975, len(logs) - 2) * fit.stderr)
    return Estimate(float(fit.slope), float(fit.slope) - half, float(fit.slope) + half)


def _zero(positions: Floats, heights: Floats) -> float:
    """The first position at which a piecewise linear curve is no longer above zero.

    A curve that starts at or below zero has its first position, one that stays above its last.
    """
    below = np.flatnonzero(heights <= 0)
    if not len(below):
        return float(positions[-1])
    if (after := int(below[0])) == 0:
        return float(positions[0])
    top, bottom = heights[after - 1], heights[after]
    step = positions[after] - positions[after - 1]
    return float(positions[after - 1] + step * top / (top - bottom))


def _autocorrelations(values: Floats) -> Floats:
    """Of every lag from 0; of constant samples only that of lag 0."""
    centred = values - values.mean()
    if not np.any(np.abs(centred) > 1e-12 * np.abs(values).max()):
        return np.ones(1)
    products = np.correlate(centred, centred, mode="full")[len(values) - 1 :]
    return np.asarray(products / products[0])


def _effective_n(correlations: Floats, n: int) -> float:
    pairs = correlations[: len(correlations) // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    positive = pairs[: ends[0]] if len(ends) else pairs
    # The pairs begin with lag 0, which is 1: 1 + 2 Σ over k ≥ 1 is 2 Σ over all - 1.
    return float(n / max(1.0, 2 * positive.sum() - 1)) if len(positive) else float(n)
