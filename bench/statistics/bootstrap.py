"""Bootstrap of medians over rounds, of launches and of rounds within them.

Rounds alone already make launches differ, and drawing rounds within drawn launches counts that
share twice: where launches have no effect it holds 98%. So rounds are drawn from all, and the drawn
launches add what rounds do not explain of their distances: I-squared (Higgins and Thompson 2002,
doi:10.1002/sim.1186), with Mood's median test as its Q. The percentiles are expanded for few
rounds (Hesterberg 2015, doi:10.1080/00031305.2015.1089789). Everything here is deterministic.
"""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bench.statistics.rounds import Floats, Launches, middle, numbered, percentiles

RESAMPLES = 1000


def ends(rounds: Floats, launches: tuple[int, ...]) -> tuple[float, float]:
    """The ends of the 95% interval of the median of rounds, whose launches these are."""
    tail = _tail(len(rounds))
    low, high = percentiles(_resampled(rounds, launches), [tail, 100 - tail])
    return low, high


def medians_apart(rounds: Sequence[Floats], launches: Sequence[Launches]) -> Floats:
    """Medians of resamples, (series, RESAMPLES): each series has draws of its own."""
    each = enumerate(zip(rounds, launches, strict=True))
    return np.array([_resampled(own, numbered(of, len(own)), seed) for seed, (own, of) in each])


@lru_cache(maxsize=1024)
def _tail(n: int) -> float:
    """The percentile that the expanded interval ends at, 2.5 as n grows."""
    from scipy import stats  # here, as it takes most of a second: who quotes has no use for it

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
    count, centre = len(sizes), middle(rounds)
    below = np.bincount(codes, weights=(rounds < centre) + (rounds == centre) / 2) / sizes
    q = float(4 * sizes @ (below - 0.5) ** 2)
    if q <= count - 1:  # the launches differ no more than their rounds make them
        return np.zeros(RESAMPLES)
    # Launches drawn with replacement vary by (count - 1) / count of what launches do.
    scale = math.sqrt((1 - (count - 1) / q) * count / (count - 1))
    centres = np.array([middle(rounds[codes == code]) for code in range(count)])
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
