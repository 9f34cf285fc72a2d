"""What a curve of gradient norms by distance says: decay, half-life, reach, explosion.

Works on numbers alone, so that a report computes everything from the raw curves again. A curve is
norms by growing distance from the loss; the token where the loss is read, at distance 0, is left
out, as a residual path may give it far more than any other.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: What must be left of the largest norm for a distance to count as reached.
LEFT = 0.01
#: The smallest normal and subnormal numbers of the types that a gradient is taken in. In float16
#: under autocast its loss is multiplied by ``models.precision.LOSS_SCALE``, 2^10.
SMALLEST_NORMAL = {
    "float32": 2.0**-126,
    "float64": 2.0**-1022,
    "tf32": 2.0**-126,
    "bfloat16": 2.0**-126,
    "float16": 2.0**-24,
    "pure_bfloat16": 2.0**-126,
    "pure_float16": 2.0**-14,
}
SMALLEST_SUBNORMAL = {
    "float32": 2.0**-149,
    "float64": 2.0**-1074,
    "tf32": 2.0**-149,
    "bfloat16": 2.0**-133,
    "float16": 2.0**-34,
    "pure_bfloat16": 2.0**-133,
    "pure_float16": 2.0**-24,
}

_ALONE = 128  # distances that are kept one by one
_LEAST_POINTS = 3  # a slope through two points fits anything
_WINDOWS = 10  # in which a norm that is said to fall halves at least once

Floats = npt.NDArray[np.float64]


def curve(distance: Sequence[int], norm: Sequence[float | None]) -> tuple[Floats, Floats]:
    """Distances beyond 0 and their norms, NaN where a norm is not finite."""
    where = np.asarray(distance, dtype=float)
    norms = np.asarray([math.nan if n is None else n for n in norm], dtype=float)
    norms[np.isinf(norms)] = math.nan
    return where[where > 0], norms[where > 0]


def log_decay(
    distance: Sequence[int], norm: Sequence[float | None], dtype: str = "float64"
) -> float | None:
    """The slope of the norm's natural logarithm by distance: its change from token to token.

    By least squares, from the nearest token to the last before the first norm that is not a normal
    number of the type: what is subnormal has lost digits.

    Returns:
        None where fewer than three tokens are left.
    """
    where, norms = curve(distance, norm)
    lost = ~(norms >= SMALLEST_NORMAL[dtype])  # NaN is lost too
    end = int(lost.argmax()) if lost.any() else len(norms)
    if end < _LEAST_POINTS:
        return None
    x = where[:end] - where[:end].mean()
    return float(x @ np.log(norms[:end]) / (x @ x))


def half_life(
    log_decay: float | None, farthest: float = math.inf, most: float = math.nan
) -> float | None:
    """Tokens in which the norm halves; infinite where it does not fall measurably.

    It does not where the interval of its decay holds none, nor where it would take ten windows to
    halve: what falls by less than 7% along the window is no number of tokens.

    Args:
        log_decay: the change of the norm's logarithm from token to token.
        farthest: the last distance of the window.
        most: the upper end of the interval of ``log_decay``, NaN where it has none.
    """
    if log_decay is None or math.isnan(log_decay):
        return None
    if log_decay >= 0 or most >= 0:
        return math.inf
    tokens = math.log(2) / -log_decay
    return tokens if tokens <= _WINDOWS * farthest else math.inf


def reach(distance: Sequence[int], norm: Sequence[float | None]) -> int | None:
    """The farthest distance to which 1% of the largest norm beyond the loss's own token comes.

    Of means over runs of tokens the end of the last such run, see ``run_ends``.

    Returns:
        The last distance of the window where it comes that far: the reach is at least that. None
        where no norm beyond distance 0 is above zero.
    """
    return _reach(*curve(distance, norm))


def _reach(where: Floats, norms: Floats) -> int | None:
    largest = np.fmax.reduce(norms, initial=0.0)  # of those that are numbers
    if not largest > 0:
        return None
    return int(where[norms >= LEFT * largest].max())


def far_over_near(distance: Sequence[int], norm: Sequence[float | None]) -> float | None:
    """The norm at the last distances over that at the nearest: above 1 it grows on its way.

    Both are means over a tenth of the window, as single tokens differ.
    """
    near, far = _ends(*curve(distance, norm))
    if not near > 0 or math.isnan(far):
        return None
    return float(far / near)


def _ends(where: Floats, norms: Floats) -> tuple[float, float]:
    """Mean norms over the nearest and the farthest tenth of the window, NaN without a window.

    A distance stands for all tokens since the one before it, see ``run_ends``.
    """
    if not len(where):
        return math.nan, math.nan
    widths = np.ones_like(where)
    widths[1:] = where[1:] - where[:-1]
    near = where <= max(where[0], where[0] - 1 + (where[-1] - where[0] + 1) / 10)
    far = where > min(where[-1] - 1, where[-1] - (where[-1] - where[0] + 1) / 10)
    means = [float(norms[part] @ widths[part] / widths[part].sum()) for part in (near, far)]
    return means[0], means[1]


def fate(distance: Sequence[int], norm: Sequence[float | None]) -> str:
    """What becomes of a gradient on its way, in a word.

    ``vanishes``: less than 1% of the largest norm comes to the window's far end. ``explodes``: the
    far end has more than a hundred times the nearest. ``lasts``: neither. ``zero``: nothing comes
    beyond the loss's own token. ``not finite``: a norm is not a number. ``alone``: there is no
    other token.
    """
    where, norms = curve(distance, norm)
    if not len(where):
        return "alone"
    if np.isnan(norms).any():
        return "not finite"
    if _reach(where, norms) is None:
        return "zero"
    near, far = _ends(where, norms)
    if near > 0 and far / near > 1 / LEFT:
        return "explodes"
    return "vanishes" if far < LEFT * norms.max() else "lasts"


def zero_from(distance: Sequence[int], zero_share: Sequence[float | None]) -> int | None:
    """The first distance from which on every entry is exactly zero, None where there is none.

    Args:
        distance: of the curve, growing.
        zero_share: of the entries at each distance; empty where no entry is zero.
    """
    if not zero_share:
        return None
    left = [d for d, share in zip(distance, zero_share, strict=True) if share is None or share < 1]
    if not left:
        return distance[0]
    return left[-1] + 1 if left[-1] < distance[-1] else None


def run_ends(count: int) -> list[int]:
    """Where runs of neighbouring distances end, the last index of each.

    Each of the first 128 is a run of its own; beyond, a run is 1/64 of its distance long, so that a
    record of a long window can still be kept by Git, and no token is left out of a mean.
    """
    ends, start = [], 0
    while start < count:
        end = min(start + max(1, start // 64 if start >= _ALONE else 1), count) - 1
        ends.append(end)
        start = end + 1
    return ends


def run_means(values: Sequence[float], ends: Sequence[int]) -> Floats:
    """The mean of each run that ends there."""
    starts = np.asarray([0, *(end + 1 for end in ends[:-1])])
    sums = np.add.reduceat(np.asarray(values, dtype=float), starts)
    return np.asarray(sums / (np.asarray(ends) + 1 - starts))
