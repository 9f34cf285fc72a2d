"""Exact tests of few seeds: sign flips of paired differences, and Holm's correction for many.

Six pairs are the fewest that can reach 5%: one in 2^5 ways of flipping their signs is as extreme as
all of one sign, counting both directions.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from bench.statistics.rounds import Floats, by_round

_MOST = 40  # pairs that are flipped; each half has 2^20 ways then


def sign_flip(differences: Sequence[float] | Floats) -> float:
    """The two-sided p that paired differences are symmetric about 0, over all flips of their signs.

    The flips of either half are summed, and those of one half counted by search in the other, so
    that 2^n are never listed. Of more than 40 pairs their sum is as good as normal.

    Args:
        differences: one a pair.

    Raises:
        ValueError: there is none, or one is not finite.
    """
    values = by_round(differences, 1)[:, 0]
    if not len(values):
        raise ValueError("expected a difference or more. Got none.")
    if not values.any():
        return 1.0
    if len(values) > _MOST:
        return float(2 * stats.norm.sf(abs(values.sum()) / np.sqrt(values @ values)))
    half = len(values) // 2
    left, right = _flips(values[:half]), np.sort(_flips(values[half:]))
    # A sum that is the observed one but for rounding is as extreme.
    extreme = abs(values.sum()) - 1e-9 * np.abs(values).sum()
    if extreme <= 0:
        return 1.0
    above = len(right) - np.searchsorted(right, extreme - left, side="left")
    return float(2 * above.sum() / 2.0 ** len(values))


def _flips(values: Floats) -> Floats:
    """The sum under each way of flipping the signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums - value, sums + value])
    return sums


def holm(ps: Sequence[float]) -> list[float]:
    """Each p corrected for being one of these (Holm 1979), in order; NaN is none and stays."""
    known = sorted((p, index) for index, p in enumerate(ps) if not math.isnan(p))
    corrected, worst = [float(p) for p in ps], 0.0
    for place, (p, index) in enumerate(known):
        worst = max(worst, min(1.0, p * (len(known) - place)))
        corrected[index] = worst
    return corrected
