"""Which of two arms timed in turn is faster, by the rules that a claim is made by.

The unit is the log of a pair's ratio in one round, and its mean is what is claimed. Fresh
processes shift it, so the error of the mean is se² = T1²/n + T2² Σnᵢ²/n²: T1 the spread of a
pair's rounds within a launch, T2 that of launches, n rounds, nᵢ those of launch i. Two or three
launches of one group cannot give T2: it is pooled over all pairs of a run, once as a number (pairs
weighted by 1/T1⁴, so that noisy ones do not drown it) and once as a multiple of each pair's T1; the
larger counts, as nobody knows which of the two launches are like.

Rounds are looked at several times, so each look has a level of its own: Lan and DeMets' spending
(1983, doi:10.1093/biomet/70.3.659) of Pocock's type. Between looks that of the next one counts.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit
from scipy.stats import binom

from bench.statistics import exact
from bench.statistics.decisions import LOOKS
from bench.statistics.intervals import LEAST_ROUNDS, Estimate
from bench.statistics.rounds import Floats

#: The share by which two times may differ and count as the same.
DELTA = 0.03
#: Of all looks together, and the two-sided share of it that each look may take.
ALPHA = 0.05
NOMINAL = dict(zip(LOOKS, (0.0097, 0.0105, 0.0171, 0.0255), strict=True))
#: Launches beyond the first of a group, all groups together, before their spread can be told.
LEAST_RELAUNCHES = 3
_LEAST = 1e-18  # a variance of logs that nobody can measure
_LARGEST = 700.0  # the log of a number that is one


@dataclass(frozen=True)
class Pair:
    """Two arms timed in the same rounds.

    Args:
        logs: of their ratio in each round.
        launches: the launch of each round, from 0.
        group: pairs that were timed in the same rounds, whose launches are the same ones.
        pool: what pairs have in common whose launches spread alike.
    """

    logs: Floats
    launches: tuple[int, ...]
    group: Hashable = None
    pool: Hashable = None


@dataclass(frozen=True)
class Direction:
    """The ratio of a pair, and what is needed to decide.

    Args:
        ratio: the geometric mean over rounds, with the interval of the look's level.
        alike: the ends of its 90% interval, which says whether the two are the same within a size.
        level: of ``ratio``'s interval.
        p: two-sided, of no difference, as a share of ``ALPHA`` over all looks.
        log_se, freedom: standard error of the mean log-ratio, its degrees of freedom.
        rounds, launches: that it is made from.
        round_sd, launch_sd: T1 of the pair, and T2 that its pool makes probable.
        why: what is missing for an interval; empty where there is one.
    """

    ratio: Estimate
    alike: tuple[float, float]
    level: float
    p: float
    log_se: float
    freedom: int
    rounds: int
    launches: int
    round_sd: float
    launch_sd: float
    why: str = ""

    @property
    def excludes_one(self) -> bool:
        """Whether the interval does; without one, it does not."""
        return self.ratio.low > 1 or self.ratio.high < 1

    def same(self, delta: float = DELTA) -> bool:
        """Whether the two are the same within a factor of 1 + delta."""
        return 1 / (1 + delta) < self.alike[0] and self.alike[1] < 1 + delta

    def beyond(self, delta: float = DELTA) -> bool:
        """Whether they differ by more than that."""
        return self.ratio.low > 1 + delta or self.ratio.high < 1 / (1 + delta)


def alpha(rounds: int) -> float:
    """The two-sided level at which so many rounds are looked at."""
    return NOMINAL[next((look for look in LOOKS if look >= rounds), LOOKS[-1])]


def directions(pairs: Sequence[Pair]) -> list[Direction]:
    """The ratio of each pair, with what launches add to its error over all of its pool."""
    found = _Moments(pairs)
    number, multiple, pooled = found.launches_spread([pair.pool for pair in pairs])
    between = np.fmax(number, multiple * found.within)
    variance = found.within / found.rounds + between * found.squares / found.rounds**2
    errors, freedom = np.sqrt(variance), np.minimum(pooled, found.rounds - found.launches)
    levels = np.array([alpha(int(n)) for n in found.rounds])
    lacks = [_lacks(*given) for given in zip(found.rounds, found.launches, pooled, strict=True)]
    errors[[bool(why) for why in lacks]] = math.nan
    known = np.maximum(freedom, 1)
    half, alike = (stdtrit(known, 1 - level / 2) * errors for level in (levels, 0.10))
    shares = np.minimum(1.0, two_sided(found.means, errors, known) * ALPHA / levels)
    return [
        Direction(
            Estimate(*map(_exp, (mean, mean - half[i], mean + half[i]))),
            alike=(_exp(mean - alike[i]), _exp(mean + alike[i])),
            level=1 - float(levels[i]),
            p=float(shares[i]),
            log_se=float(errors[i]),
            freedom=int(freedom[i]),
            rounds=int(found.rounds[i]),
            launches=int(found.launches[i]),
            round_sd=math.sqrt(found.within[i]),
            launch_sd=math.sqrt(between[i]),
            why=why,
        )
        for i, (mean, why) in enumerate(zip(found.means, lacks, strict=True))
    ]


def two_sided(values: Floats, errors: Floats, freedom: Any) -> Floats:
    """P of values as far from 0, of Student's t; of one without any error, 0 or 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 2 * stdtr(freedom, -np.abs(values) / errors)
    return np.where(errors == 0, np.where(values == 0, 1.0, 0.0), found)


def holm(shares: Sequence[float], level: float = ALPHA) -> list[bool]:
    """Which of several p-values stand together (Holm 1979); NaN is none of them."""
    return [p <= level for p in exact.holm(shares)]


def silent(controls: Sequence[Direction]) -> bool:
    """Whether arms beside themselves differ no more often than by chance; without any, not."""
    known = [control for control in controls if not math.isnan(control.p)]
    fired = sum(control.p <= ALPHA for control in known)
    return bool(known) and fired <= binom.ppf(1 - ALPHA, len(known), ALPHA)


class _Moments:
    """Of each pair: rounds, launches, mean, and sums of squares within and between launches.

    Attributes:
        within: T1².
        between: Σ nᵢ (mean of launch i - mean)².
        squares: Σ nᵢ².
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._groups = [pair.group for pair in pairs]
        count = len(pairs)
        self.rounds, self.launches = np.zeros(count, int), np.zeros(count, int)
        self.means, self.within, self.between, self.squares = np.full((4, count), math.nan)
        together: dict[tuple[int, ...], list[int]] = {}
        for index, pair in enumerate(pairs):
            if pair.launches:
                together.setdefault(pair.launches, []).append(index)
        for launches, at in together.items():
            self._fill(np.array(at), launches, np.array([pairs[index].logs for index in at]))

    def _fill(self, at: Any, launches: tuple[int, ...], logs: Floats) -> None:
        """Of pairs whose rounds have the same launches: logs are (pairs, rounds)."""
        _, codes, sizes = np.unique(launches, return_inverse=True, return_counts=True)
        each = np.eye(len(sizes))[codes]  # (rounds, launches)
        means, centres = logs.mean(axis=1), logs @ each / sizes
        self.rounds[at], self.launches[at] = len(codes), len(sizes)
        self.means[at], self.squares[at] = means, sizes @ sizes
        self.between[at] = (centres - means[:, None]) ** 2 @ sizes
        rest = ((logs - centres[:, codes]) ** 2).sum(axis=1)
        self.within[at] = rest / max(1, len(codes) - len(sizes))

    def launches_spread(self, pools: Sequence[Hashable]) -> tuple[Floats, Floats, Any]:
        """T2² of each pair's pool as a number, as a multiple of T1², and its freedom."""
        number, multiple = np.zeros((2, len(pools)))
        freedom = np.zeros(len(pools), int)
        members: dict[Hashable, list[int]] = {}
        for index in np.flatnonzero(self.rounds > self.launches):
            members.setdefault(pools[int(index)], []).append(int(index))
        for at in members.values():
            number[at], multiple[at], freedom[at] = self._pooled(at)
        return number, multiple, freedom

    def _pooled(self, at: list[int]) -> tuple[float, float, int]:
        again, own = self.launches[at] - 1, (self.rounds - self.launches)[at]
        # Pairs of the same rounds share arms, so they are not independent: they count as one.
        each = {self._groups[i]: int(n) for i, n in zip(at, again, strict=True)}
        if not (freedom := sum(each.values())):
            return 0.0, 0.0, 0
        within = np.maximum(self.within[at], _LEAST)
        counts = self.rounds[at] - self.squares[at] / self.rounds[at]
        weights = within**-2
        number = weights @ (self.between[at] - again * within) / (weights @ counts)
        shrunk = np.maximum(own - 2, 0) / own  # 1/T1² is larger on average than it is
        multiple = (self.between[at] / within * shrunk - again).sum() / counts.sum()
        return max(0.0, float(number)), max(0.0, float(multiple)), freedom


def _lacks(rounds: int, launches: int, pooled: int) -> str:
    if rounds < LEAST_ROUNDS:
        return f"fewer than {LEAST_ROUNDS} rounds"
    if pooled < LEAST_RELAUNCHES or rounds == launches:
        return f"fewer than {LEAST_RELAUNCHES} relaunches"
    return ""


def _exp(value: float) -> float:
    """Infinite where it is too large."""
    return math.inf if value > _LARGEST else math.exp(value)
