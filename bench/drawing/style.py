"""How every figure looks, its legend, and how it is saved."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.drawing.palette import GREY, colour, label, rank

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
    "svg.fonttype": "none",
    "svg.hashsalt": "rnn-vs-transformer",
    "savefig.dpi": 160,
}
_ENTRY = 1.5  # inches that a legend's entry takes


#: What is drawn on and written with, and what takes its place in the dark.
_DARK = {"#ffffff": "#15181c", "#000000": "#e6e6e6", "#222222": "#e6e6e6", "#dddddd": "#3a3f45",
         "#555555": "#aab0b6"}  # fmt: skip


def save(figure: Figure, folder: Path, stem: str, *, png: bool = False) -> None:
    """Write a figure as SVG, light and dark; in pixels too where that is wanted."""
    with mpl.rc_context(STYLE):
        figure.savefig(folder / f"{stem}.svg", metadata={"Date": None, "Creator": None})
        light = (folder / f"{stem}.svg").read_text("utf-8")
        dark = re.sub("#[0-9a-f]{6}", lambda found: _DARK.get(found[0], found[0]), light)
        (folder / f"{stem}-dark.svg").write_text(dark, "utf-8")
        for name in (stem, f"{stem}-dark") if png else ():
            figure.savefig(folder / f"{name}.png", metadata={"Software": None})
    plt.close(figure)


def note(here: Axes, x: float, y: float, text: str) -> None:
    """A small remark that stays readable over lines."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    here.text(x, y, text, fontsize=6.5, color=GREY, bbox=box)


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
