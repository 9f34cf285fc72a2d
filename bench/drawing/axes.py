"""Axes that figures share: window lengths, amounts on a logarithmic scale, names beside lines."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    NullFormatter,
    NullLocator,
    SymmetricalLogLocator,
)

from bench.drawing.palette import ink, label

_MARGIN = 1.2  # room beside the shortest and the longest window
_ROOM = 1.15  # above and below the values
_MANY = 1e3  # a range over which only powers of ten are named
_EXACT = 1e-9  # rounding of powers of ten
_DIGIT, _GAP, _LINE = 0.62, 0.8, 1.25  # of the size of a letter: a digit, between names, a line
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def length_axis(here: Axes, lengths: Sequence[int]) -> None:
    """Window lengths, in doublings; of those whose names would touch the longer is named."""
    here.set_xscale("log", base=2)
    here.set_xlim(min(lengths) / _MARGIN, max(lengths) * _MARGIN)
    named = _apart(here, sorted(set(lengths), reverse=True))
    here.xaxis.set_major_locator(FixedLocator(named))
    here.xaxis.set_minor_locator(NullLocator())
    here.set_xticklabels([str(length) for length in named])
    here.set_xlabel("window length T (tokens)")


def _apart(here: Axes, lengths: Sequence[int]) -> list[int]:
    """Those whose names have a place beside one another on this axis."""
    low, high = here.get_xlim()
    letters = _size(here, "width") / _letter(here)
    named: list[tuple[float, int]] = []
    for length in lengths:
        place = letters * math.log(length / low) / math.log(high / low)
        half = _DIGIT * len(str(length)) / 2
        if not named or place + half + _GAP <= named[-1][0]:
            named.append((place - half, length))
    return [length for _, length in reversed(named)]


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
    here.yaxis.set_minor_locator(NullLocator())  # costs more than all else, and has no names
    here.yaxis.set_minor_formatter(NullFormatter())


def plain_axis(here: Axes) -> None:
    """A horizontal log axis in plain numbers."""
    here.set_xscale("log")
    low, high = here.get_xlim()
    here.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,)))
    here.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    here.xaxis.set_minor_locator(NullLocator())


def power_of_ten(exponent: int) -> str:
    """``10⁻³``, and ``1`` for its zeroth."""
    return f"10{str(exponent).translate(_SUPERSCRIPT)}" if exponent else "1"


def names_beside(here: Axes, heights: Mapping[str, float], size: float) -> None:
    """Arms' names to the right of the panel, at the heights where their lines end.

    Args:
        here: with its limits set, its vertical axis linear or logarithmic.
        heights: arm to where its line ends; those too near are moved apart.
        size: of the letters, in points.
    """
    fraction = here.transScale + here.transLimits
    wanted = {
        arm: float(fraction.transform((here.get_xlim()[1], height))[1])
        for arm, height in sorted(heights.items(), key=lambda item: item[1])
    }
    places = _moved(list(wanted.values()), _LINE * size / _size(here, "height"))
    for arm, place in zip(wanted, places, strict=True):
        here.annotate(
            label(arm), (1, place), xycoords="axes fraction", xytext=(4, 0), size=size,
            textcoords="offset points", color=ink(arm), va="center", annotation_clip=False,
        )  # fmt: skip


def _moved(heights: Sequence[float], apart: float) -> list[float]:
    """Growing heights with so much between them at least, each group around its own middle."""
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _top(groups[-2], apart) + apart > _bottom(groups[-1], apart):
            last = groups.pop()
            groups[-1] += last
    return [
        _bottom(group, apart) + number * apart for group in groups for number in range(len(group))
    ]


def _bottom(group: Sequence[float], apart: float) -> float:
    return sum(group) / len(group) - apart * (len(group) - 1) / 2


def _top(group: Sequence[float], apart: float) -> float:
    return _bottom(group, apart) + apart * (len(group) - 1)


def _size(here: Axes, side: str) -> float:
    """How many points wide or high a panel is, before names around it take their room."""
    inches = here.get_figure(root=True).bbox_inches  # type: ignore[union-attr]
    return 72 * float(getattr(here.get_position(), side) * getattr(inches, side))


def _letter(here: Axes) -> float:
    return float(here.xaxis.label.get_fontsize())


def _round_below(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten towards minus infinity."""
    power = 10.0 ** math.floor(math.log10(abs(value)))
    steps = [power * step for step in (1.0, 2.0, 5.0, 10.0)]
    if value > 0:
        return max(step for step in steps if step <= value * (1 + _EXACT))
    return -min(step for step in steps if step >= -value * (1 - _EXACT))
