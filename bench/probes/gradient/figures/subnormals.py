"""What subnormal floats cost a training, by how many of them there are."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from bench.drawing.axes import amount_axis
from bench.drawing.colours import PAPER, STRIP
from bench.drawing.palette import GREY, colour, ink, label, rank
from bench.drawing.style import SMALL, STYLE, grid, handles, legend, title, titled
from bench.outcome import UNDECIDED
from bench.probes.gradient.figures.marks import entry

_APART = 0.03  # of the axis: points of the same share stand side by side
_SHARES = {
    "subnormal_share": "of the gradient's entries at the embeddings",
    "state_subnormal_share": "of those at the states (the layer with most)",
}


@mpl.rc_context(STYLE)
def subnormals(rows: pd.DataFrame) -> Figure | None:
    """The training rate with subnormals flushed over that with them kept, by their share.

    A point for each arm and length, named by its length; hollow where it is undecided.

    Args:
        rows: of the table ``subnormals``.
    """
    shares = [name for name in _SHARES if not rows.empty and rows[name].notna().any()]
    if not shares or len(rows) < 2:
        return None
    figure, axes = grid(len(shares), height=3.0, sharey=True)
    controls = _controls(rows)
    ranks = {arm: number for number, arm in enumerate(sorted(set(rows["arm"]), key=rank))}
    rows = rows.sort_values(["arm", "length"], key=lambda c: c.map(ranks) if c.name == "arm" else c)
    for here, name in zip(axes, shares, strict=True):
        here.axhline(1, color=GREY, linewidth=0.9, linestyle="--")
        if controls is not None:
            here.axhspan(*controls, color=STRIP, zorder=0)
        largest = 100 * rows[name].max() or 1.0
        shown = rows.dropna(subset=[name])
        places = _side_by_side((100 * shown[name]).tolist(), _APART * largest)
        for x, row in zip(places, shown.to_dict("records"), strict=True):
            _cost(here, x, row)
        edges = [*places, 0.0, largest if shown[name].any() else 0.0]
        here.set_xlim(min(edges) - 0.05 * largest, max(edges) + 0.05 * largest)
        if not shown[name].any():
            here.set_xticks([0.0])
        here.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}%"))
        here.set_xlabel(f"subnormal at initialisation,\n{_SHARES[name]}")
    every = [*rows["speedup"], *rows["speedup_low"], *rows["speedup_high"], *(controls or ())]
    for here in axes:
        amount_axis(here, [*every, 1.0], lambda value: f"{value:g}×")
    axes[0].set_ylabel("training rate,\nsubnormals flushed over kept")
    entries = handles(list(rows["arm"].unique()))
    if (rows["status"] == UNDECIDED).any():
        entries.append(entry("o", "undecided", hollow=True))
    if controls is not None:
        entries.append(Line2D([], [], color=STRIP, linewidth=6, label="A/A control"))
    title(figure, _finding(rows))
    legend(figure, entries)
    return figure


def _finding(rows: pd.DataFrame) -> str:
    """The largest ratio that counts as faster, or that there is none."""
    if "verdict" not in rows.columns or rows["verdict"].eq(UNDECIDED).all():
        return "Does it cost time to keep subnormal floats?"
    faster = rows[rows["verdict"] == "faster"]
    if faster.empty:
        return "Taking subnormal floats for zero makes no training here faster beyond noise"
    most = faster.sort_values("speedup").iloc[-1]
    return (
        f"Taking subnormal floats for zero trains the {label(most['arm'])} "
        f"{most['speedup']:.2f}× as fast at T = {most['length']}"
    )


def _side_by_side(values: Sequence[float], apart: float) -> list[float]:
    """Places for points at these values: those too near to one another around their middle."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    groups: list[list[int]] = []
    for index in order:
        if groups and values[index] - values[groups[-1][-1]] < apart:
            groups[-1].append(index)
        else:
            groups.append([index])
    places = list(values)
    for group in groups:
        middle = float(np.mean([values[index] for index in group]))
        for number, index in enumerate(group):
            places[index] = middle + (number - (len(group) - 1) / 2) * apart
    return places


def _controls(rows: pd.DataFrame) -> tuple[float, float] | None:
    """The A/A controls of all groups together: what noise alone makes of a ratio."""
    if "aa_ratio_low" not in rows.columns or rows["aa_ratio_low"].isna().all():
        return None
    return float(rows["aa_ratio_low"].min()), float(rows["aa_ratio_high"].max())


def _cost(here: Axes, x: float, row: dict[Any, Any]) -> None:
    shade = colour(row["arm"])
    here.vlines(x, row["speedup_low"], row["speedup_high"], color=shade, linewidth=1.1)
    (mark,) = here.plot(
        x, row["speedup"], color=shade, marker="o", markersize=6, linestyle="",
        markerfacecolor=PAPER if row["status"] == UNDECIDED else shade,
    )  # fmt: skip
    titled(mark, f"{label(row['arm'])}, T = {row['length']}: {row['speedup']:.2f}×")
    here.annotate(
        f"{row['length']}", (x, row["speedup_high"]), xytext=(0, 2), textcoords="offset points",
        fontsize=SMALL, color=ink(row["arm"]), ha="center", va="bottom", rotation=90,
    )  # fmt: skip
