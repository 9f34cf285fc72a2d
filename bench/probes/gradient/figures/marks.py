"""What figures of reach have in common: dots with their intervals, stages and fates in words."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.drawing.colours import PAPER
from bench.drawing.palette import GREY, colour, label
from bench.drawing.style import titled
from bench.page.numbers import cell_text

SETTING = ["comparison", "layers", "initialization", "clip_norm"]
_FATES = {"zero": "nothing arrives", "alone": "one token, no distance"}


def at_stage(rows: pd.DataFrame, when: str) -> pd.DataFrame:
    """For each arm, length and setting the row at initialisation, or after the last stage.

    A seed from which two trainings start is in two rows at initialisation: that of more seeds.
    """
    ended = (rows["steps"] > 0) & (rows["diverged"] < rows["seeds"])
    chosen = rows[rows["steps"] == 0] if when == "init" else rows[ended]
    first = "seeds" if when == "init" else "steps"
    return chosen.sort_values(first, ascending=False, kind="stable").drop_duplicates(
        [*SETTING, "length", "arm", "kernel"]
    )


def why(row: dict[Any, Any]) -> str:
    """Why there is no reach."""
    return _FATES.get(row["fate"], str(row["fate"]))


def in_words(when: str) -> str:
    """``init`` or ``end`` as a legend says it."""
    return "at initialisation" if when == "init" else "at the end of training"


def dot(here: Axes, place: float, row: dict[Any, Any], when: str, *, vertical: bool) -> None:
    """A reach with its interval, or with the range of its seeds."""
    shade, value = colour(row["arm"]), row["reach_tokens"]
    low, high = row["reach_tokens_low"], row["reach_tokens_high"]
    if np.isnan(low):
        low, high = row["reach_least"], row["reach_most"]
    bars = here.vlines if vertical else here.hlines
    bars(place, low, high, color=shade, linewidth=1.1, alpha=0.8)
    x, y = (place, value) if vertical else (value, place)
    (mark,) = here.plot(
        x, y, color=shade, marker="^" if row["whole_window"] else "o", markersize=6,
        markerfacecolor=PAPER if when == "init" else shade, linestyle="",
    )  # fmt: skip
    least = "at least " if row["whole_window"] else ""
    titled(
        mark,
        f"{label(row['arm'])}, T = {row['length']}, {in_words(when)}: {least}"
        f"{cell_text(value, 'reach_tokens')} tokens",
    )


def entry(marker: str, text: str, *, hollow: bool = False) -> Line2D:
    """A legend's entry for a marker that is no arm's own."""
    return Line2D(
        [], [], color=GREY, marker=marker, linestyle="", label=text,
        markerfacecolor=PAPER if hollow else GREY,
    )  # fmt: skip
