"""Reach against the length of the window, as a figure and as half of the picture on top of a page.

Where the whole window is reached the marker is a triangle: at least that far.
"""

from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench import registry
from bench.drawing.axes import amount_axis, length_axis, names_beside
from bench.drawing.palette import GREY, colour, label, labels, rank
from bench.drawing.style import SMALL, STYLE, grid, handles, legend, title
from bench.page.captions import EXPLORATORY
from bench.page.numbers import cell_text
from bench.probes.gradient.figures.marks import at_stage, dot, entry, in_words, why

_DASHES: dict[str, Literal["--", "-"]] = {"init": "--", "end": "-"}
_LONGER, _SAME = 4, 1.25  # times the window, before as much reach is "however long"
_BESIDE = 1.018  # arms side by side, so that bars of equal reach can be told apart


@mpl.rc_context(STYLE)
def by_length(rows: pd.DataFrame) -> Figure | None:
    """Reach against window length, a line for each arm before (dashed) and after training.

    After training a line joins windows that were trained for as many steps.

    Args:
        rows: of the table ``reach``, of one comparison. Bars are the 95% interval of the median
            over seeds, from six seeds on, and their range where there are fewer.
    """
    if rows.empty or rows["length"].nunique() < 2:
        return None
    figure, (here,) = grid(1, height=2.9)
    kinds = []
    for when, dash in _DASHES.items():
        chosen = at_stage(rows, when)
        if len(chosen):
            _lines(here, chosen, when, dash)
            kinds.append(entry("o", in_words(when), hollow=when == "init"))
    _whole(here, rows)
    _axes(here, rows)
    if lost := _without(rows):
        style: dict[str, Any] = {"fontsize": SMALL, "va": "top", "color": GREY}
        here.text(0.02, 0.98, "\n".join(lost), transform=here.transAxes, **style)
    entries = [*handles(list(rows["arm"].unique())), *kinds]
    entries.append(Line2D([], [], color=GREY, linestyle=":", label="whole window"))
    if rows["whole_window"].any():
        entries.append(entry("^", "at least that far"))
    title(figure, finding(rows))
    legend(figure, entries)
    return figure


@mpl.rc_context(STYLE)
def against_window(here: Axes, rows: pd.DataFrame) -> None:
    """The same at initialisation alone, names beside the lines.

    Args:
        here: axes of half a page's width.
        rows: of the table ``reach``, one for each arm and length.
    """
    _lines(here, rows, "init", "-")
    _whole(here, rows)
    _axes(here, rows)
    here.set_ylabel("reach at initialisation (tokens)")
    middle = float(np.sqrt(rows["length"].min() * rows["length"].max()))
    style: dict[str, Any] = {"fontsize": SMALL, "color": GREY, "ha": "right", "va": "bottom"}
    here.text(middle, middle, "the whole window ", **style)
    last = rows[rows["length"] == rows.groupby("arm")["length"].transform("max")]
    known = last[last["reach_tokens"] > 0]
    names_beside(here, dict(zip(known["arm"], known["reach_tokens"], strict=True)), SMALL + 0.5)


def finding(rows: pd.DataFrame, most_words: int = 20) -> str:
    """How far gradients reach that stay as the window grows, or what is asked.

    Nothing is found with fewer seeds than an interval takes, nor in windows that are alike.

    Args:
        rows: of the table ``reach``.
        most_words: arms whose names need more than that are not named.
    """
    start = rows[(rows["steps"] == 0) & (rows["seeds"] >= EXPLORATORY)]
    level = {str(arm): s["reach_tokens"] for arm, s in start.groupby("arm") if _stays(s)}
    if not level:
        return "How far does a gradient reach, as the window grows?"
    reaches = pd.concat(level.values())
    least, most = (cell_text(end, "reach_tokens") for end in (reaches.min(), reaches.max()))
    text = f"gradients reach {least if least == most else f'{least} to {most}'} tokens, however "
    text += "long the window"
    families = {registry.family(arm) for arm in level}
    alike = {arm for arm in start["arm"] if registry.family(arm) in families}
    if len(level) > 1 and len(families) == 1 and "" not in families and alike == set(level):
        return f"Untrained {families.pop()} {text}"
    named = f"Untrained {labels(level)} {text}"
    return named if len(named.split()) <= most_words else f"Some untrained {text}"


def _stays(rows: pd.DataFrame) -> bool:
    """Whether one arm's gradient vanishes, and its reach is the same in a far longer window."""
    lengths, reached = rows["length"], rows["reach_tokens"]
    longer = lengths.max() >= _LONGER * lengths.min()
    same = reached.min() > 0 and reached.max() < _SAME * reached.min()
    return bool(longer and same and (rows["fate"] == "vanishes").all())


def _lines(here: Axes, rows: pd.DataFrame, when: str, dash: Literal["--", "-"]) -> None:
    """An arm's reach with its bars, joined where it was trained alike."""
    names = sorted(rows["arm"].unique(), key=rank)
    for number, arm in enumerate(names):
        nudge = _BESIDE ** (number - (len(names) - 1) / 2)
        series = rows[rows["arm"] == arm].sort_values("length")
        series = series.assign(place=series["length"].astype(float) * nudge)
        alike = [series] if when == "init" else [s for _, s in series.groupby("training_steps")]
        for part in alike:
            here.plot(
                part["place"], part["reach_tokens"], color=colour(arm), linestyle=dash,
                linewidth=1.7 if dash == "-" else 1.0,
            )  # fmt: skip
        for row in series.to_dict("records"):
            if not np.isnan(row["reach_tokens"]):
                dot(here, row["place"], row, when, vertical=True)


def _whole(here: Axes, rows: pd.DataFrame) -> None:
    whole = rows.groupby("length")["farthest"].max()
    here.plot(whole.index, whole, color=GREY, linestyle=":", linewidth=1.1)


def _axes(here: Axes, rows: pd.DataFrame) -> None:
    length_axis(here, sorted(rows["length"].unique()))
    drawn = rows[["reach_tokens", "reach_least", "reach_most", "farthest"]]
    amount_axis(here, drawn, lambda value: f"{value:g}")
    here.set_ylabel("effective reach (tokens)")


def _without(rows: pd.DataFrame) -> list[str]:
    """Arms without a reach, or none of whose seeds came to the end of its training."""
    found = []
    for when in _DASHES:
        for row in at_stage(rows, when).to_dict("records"):
            if np.isnan(row["reach_tokens"]) or row["reach_tokens"] == 0:
                found.append(
                    f"{label(row['arm'])}, T = {row['length']}, {in_words(when)}: {why(row)}"
                )
    for (arm, length), group in rows[rows["steps"] > 0].groupby(["arm", "length"], sort=False):
        if (group["diverged"] == group["seeds"]).all():
            found.append(f"{label(str(arm))}, T = {length}: training diverged")
    return found
