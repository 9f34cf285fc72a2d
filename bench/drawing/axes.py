"""Axes that figures share: window lengths, and amounts on a logarithmic scale."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    LogLocator,
    NullFormatter,
    NullLocator,
    SymmetricalLogLocator,
)

_APART = 1.19  # lengths nearer than this would print their names over one another
_MARGIN = 1.2  # room beside the shortest and the longest window
_ROOM = 1.15  # above and below the values
_MANY = 1e3  # a range over which only powers of ten are named
_EXACT = 1e-9  # rounding of powers of ten


def length_axis(here: Axes, lengths: Sequence[int]) -> None:
    """Window lengths, in doublings; of those too close to be read one is named."""
    named: list[int] = []
    for length in sorted(set(lengths)):
        if not named or length >= _APART * named[-1]:
            named.append(length)
    here.set_xscale("log", base=2)
    here.set_xlim(min(lengths) / _MARGIN, max(lengths) * _MARGIN)
    here.xaxis.set_major_locator(FixedLocator(named))
    here.xaxis.set_minor_locator(NullLocator())
    here.set_xticklabels([str(length) for length in named])
    here.set_xlabel("window length T (tokens)")


def amount_axis(here: Axes, values: Any, form: Callable[[float], str]) -> None:
    """A log axis with two round numbers at least; zeros have a place below."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    positive = finite[finite > 0]
    if len(positive) == 0:
        here.set_ylim(-1, 1)
        return
    low, high = positive.min() / _ROOM, positive.max() * _ROOM
    if _round_below(_round_below(high) * 0.9) < low:  # no two round numbers in between
        low, high = _round_below(positive.min()), -_round_below(-positive.max())
    if low >= high:  # one value, and a round one
        low, high = low / 2, high * 2
    if len(positive) < len(finite):
        here.set_yscale("symlog", linthresh=low)
        here.set_ylim(-low / 4, high)
        here.yaxis.set_major_locator(
            SymmetricalLogLocator(base=10, linthresh=low, subs=[1.0, 2.0, 5.0])
        )
    else:
        here.set_yscale("log")
        here.set_ylim(low, high)
        wide = high / low > _MANY
        here.yaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    here.yaxis.set_major_formatter(lambda value, _: form(value))
    here.yaxis.set_minor_formatter(NullFormatter())


def _round_below(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten towards minus infinity."""
    power = 10.0 ** math.floor(math.log10(abs(value)))
    steps = [power * step for step in (1.0, 2.0, 5.0, 10.0)]
    if value > 0:
        return max(step for step in steps if step <= value * (1 + _EXACT))
    return -min(step for step in steps if step >= -value * (1 - _EXACT))
