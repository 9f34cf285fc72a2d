"""How every figure looks: one colour an arm, one legend, one way to save; and common axes.

And how rows and records are brought together for a line or a sentence.
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    FixedLocator,
    LogLocator,
    NullFormatter,
    NullLocator,
    SymmetricalLogLocator,
)

from bench import registry
from bench.store.records import Record

# Okabe and Ito's palette, safe for colour-blind readers.
_COLOURS = {
    "rnn": "#E69F00",
    "lstm": "#0072B2",
    "gru": "#009E73",
    "transformer": "#D55E00",
    "pretrained": "#CC79A7",
}
_OTHERS = ("#56B4E9", "#000000", "#F0E442", "#999999")
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "svg.hashsalt": "rnn-vs-transformer",
    "savefig.dpi": 160,
}
_ENTRY = 1.5  # inches that a legend's entry takes
_APART = 1.19  # lengths nearer than this would print their names over one another
_MARGIN = 1.2  # room beside the shortest and the longest window
_ROOM = 1.15  # above and below the values
_MANY = 1e3  # a range over which only powers of ten are named
_MOST_POINTS = 400  # of a line; a trace with more steps is binned
_EXACT = 1e-9  # rounding of powers of ten
_SMALL = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"))
_LARGE = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def label(arm: str) -> str:
    """An arm's name in a figure."""
    return registry.label(arm).replace("$", r"\$")


def colour(arm: str) -> str:
    """An arm's colour in every figure."""
    return _COLOURS.get(arm) or _OTHERS[sum(arm.encode()) % len(_OTHERS)]


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as SVG and PNG, the same bytes for the same records."""
    with mpl.rc_context(STYLE):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
    plt.close(figure)


def rank(arm: str) -> tuple[int, str]:
    """Where an arm stands in a legend: known ones in the palette's order, then by name."""
    known = list(_COLOURS)
    return (known.index(arm) if arm in known else len(known), arm)


def note(here: Axes, x: float, y: float, text: str) -> None:
    """A small remark that stays readable over lines."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    here.text(x, y, text, fontsize=6.5, color="#555555", bbox=box)


def handles(arms: Sequence[str]) -> list[Line2D]:
    """A legend's lines, one an arm."""
    return [
        Line2D([], [], color=colour(arm), linewidth=2.2, label=label(arm))
        for arm in sorted(set(arms), key=rank)
    ]


def legend(figure: Figure, entries: Sequence[Line2D]) -> None:
    """One legend above all panels."""
    fitting = max(1, int(figure.get_figwidth() / _ENTRY))
    figure.legend(handles=entries, loc="outside upper center", ncols=min(len(entries), fitting))


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


def in_units(value: float, unit: str) -> str:
    """``20 ms``, ``3 MB``: a number of seconds (s) or bytes (B) with a decimal prefix."""
    if value == 0:
        return "0"
    prefixes = _SMALL if unit == "s" else _LARGE
    scale, prefix = next((p for p in prefixes if abs(value) >= p[0]), prefixes[-1])
    return f"{value / scale:.3g} {prefix}{unit}"


def seeds_and_median(here: Axes, arm: str, series: Sequence[tuple[Any, Any]]) -> None:
    """Every seed thin, a cross where it diverged, and the median as far as all seeds go."""
    longest = max(len(x) for x, _ in series)
    common = min(len(x) for x, _ in series)
    for x, values in series:
        if len(series) > 1:
            here.plot(x, values, color=colour(arm), linewidth=0.6, alpha=0.5)
        if len(x) < longest:
            here.plot(x[-1:], values[-1:], color=colour(arm), marker="x")
    middle = np.median(np.stack([values[:common] for _, values in series]), axis=0)
    here.plot(series[0][0][:common], middle, color=colour(arm), linewidth=1.8)


def by_step(values: Any) -> tuple[Any, Any]:
    """Steps counted from 1, and their values; those that are not numbers end the line."""
    numbers = np.asarray([v for v in values if v is not None], dtype=float)
    return np.arange(1, len(numbers) + 1), numbers


def binned(values: Any) -> tuple[Any, Any]:
    """The same, of a trace with more steps than a panel shows the median of each so many."""
    steps, numbers = by_step(values)
    width = -(-len(numbers) // _MOST_POINTS)
    if width <= 1:
        return steps, numbers
    starts = np.arange(0, len(numbers), width)
    middles = [np.median(numbers[start : start + width]) for start in starts]
    return steps[np.minimum(starts + width, len(numbers)) - 1], np.asarray(middles)


def arms(records: Sequence[Record]) -> list[str]:
    """Each record's arm."""
    return [r["cell"]["arm"] for r in records]


def by_arm(records: Sequence[Record]) -> list[list[Record]]:
    """Records of one arm, kernel and protocol together: a line each, its seeds inside."""
    series: dict[str, list[Record]] = {}
    for record in records:
        cell = record["cell"]
        alike = json.dumps([cell["arm"], cell["kernel"], cell["protocol"]], sort_keys=True)
        series.setdefault(alike, []).append(record)
    return list(series.values())


def groups(frame: pd.DataFrame, keys: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Rows that agree on the keys, in the order of the legend; faster than pandas' for many."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for given in frame.to_dict("records"):
        row = {str(name): value for name, value in given.items()}
        found.setdefault(tuple(row[name] for name in keys), []).append(row)
    return [sorted(rows, key=lambda row: rank(row["arm"])) for rows in found.values()]
