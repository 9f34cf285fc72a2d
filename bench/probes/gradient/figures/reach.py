"""Reach against the length of the window.

Where the whole window is reached the marker is a triangle: at least that far.
"""

from typing import Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.palette import GREY, colour, label, rank
from bench.drawing.style import STYLE, handles, legend
from bench.probes.gradient.figures.marks import at_stage, dot, entry, in_words, why

_DASHES: dict[str, Literal["--", "-"]] = {"init": "--", "end": "-"}


def by_length(rows: pd.DataFrame) -> Figure | None:
    """Reach against window length, a line for each arm before (dashed) and after training.

    Args:
        rows: of the table ``reach``, of one comparison. Bars are the 95% interval of the median
            over seeds, from six seeds on, and their range where there are fewer.
    """
    if rows.empty or rows["length"].nunique() < 2:
        return None
    with mpl.rc_context(STYLE):
        figure, here = plt.subplots(figsize=(6.4, 4.6))
        lost, kinds = [], []
        for when, dash in _DASHES.items():
            chosen = at_stage(rows, when)
            if len(chosen):
                kinds.append(Line2D([], [], color=GREY, linestyle=dash, label=in_words(when)))
            names = sorted(chosen["arm"].unique(), key=rank)
            for number, arm in enumerate(names):
                series = chosen[chosen["arm"] == arm].sort_values("length")
                # Arms side by side, so that bars of equal reach can be told apart.
                nudge = 1.018 ** (number - (len(names) - 1) / 2)
                shade = colour(arm)
                x = series["length"].to_numpy(dtype=float) * nudge
                here.plot(
                    x, series["reach_tokens"], color=shade, linestyle=dash,
                    linewidth=1.7 if when == "end" else 1.0,
                )  # fmt: skip
                for place, row in zip(x, series.to_dict("records"), strict=True):
                    if np.isnan(row["reach_tokens"]) or row["reach_tokens"] == 0:
                        lost.append(
                            f"{label(arm)}, T = {row['length']}, {in_words(when)}: {why(row)}"
                        )
                    if np.isnan(row["reach_tokens"]):
                        continue
                    dot(here, place, row, when, vertical=True)
        lengths = sorted(rows["length"].unique())
        whole = rows.groupby("length")["farthest"].max()
        here.plot(whole.index, whole, color=GREY, linestyle=":", linewidth=1.1)
        length_axis(here, lengths)
        drawn = rows[["reach_tokens", "reach_least", "reach_most", "farthest"]]
        amount_axis(here, drawn, lambda value: f"{value:g}")
        here.set_ylabel("effective reach (tokens)")
        lost += _lost(rows)
        if lost:
            here.text(
                0.02, 0.98, "\n".join(lost), transform=here.transAxes, fontsize=7, va="top",
                color=GREY,
            )  # fmt: skip
        entries = handles(list(rows["arm"].unique()))
        entries += kinds
        entries.append(Line2D([], [], color=GREY, linestyle=":", label="whole window"))
        if rows["whole_window"].any():
            entries.append(entry("^", "at least that far"))
        legend(figure, entries)
    return figure


def _lost(rows: pd.DataFrame) -> list[str]:
    """Arms no seed of which came to the end of its training."""
    found = []
    for (arm, length), group in rows[rows["steps"] > 0].groupby(["arm", "length"], sort=False):
        if (group["diverged"] == group["seeds"]).all():
            found.append(f"{label(str(arm))}, T = {length}: training diverged")
    return found
