"""Where a training step's time goes: a stacked bar for each arm, a panel for each length.

In an arm's colour what its layers take, in grey what all arms have alike: tables of words and
positions, norms, head and loss.
"""

from collections import Counter
from itertools import zip_longest

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.drawing.by_length import series_of
from bench.drawing.colours import GRID, INK, MUTED, PAPER
from bench.drawing.lines import spread
from bench.drawing.palette import colour, label
from bench.drawing.style import SMALL, STYLE, grid, legend, title, titled
from bench.frames.parts import SHARES
from bench.page.contract import Facet
from bench.page.evidence import Evidence
from bench.page.numbers import in_units, percent

#: In the order of ``SHARES``: what each is called, whether it is in the arm's own colour, and how
#: strong that is, or the grey.
_SEGMENTS = (
    ("layers: forward", True, 0.4),
    ("layers: backward", True, 1.0),
    ("layers: optimizer", True, 0.65),
    ("tables and head: passes", False, 0.2),
    ("tables and head: optimizer", False, 0.45),
)
_TICKS = 3  # intervals between them, so that two panels side by side have room for their names
_STRONG = 0.9  # from here on a number in it is written in the colour of paper
_LABELLED = 0.08  # of the longest bar, below which a segment has no number in it
_BAR, _HEAD = 0.36, 0.62  # inches of a bar with its gap, and of what else a panel has


def rows(evidence: Evidence) -> pd.DataFrame:
    """Training steps all of whose parts are known, of one seed."""
    frame = evidence["parts"]
    if frame.empty or SHARES[0] not in frame.columns:
        return pd.DataFrame()
    known = (frame["phase"] == "training") & frame[SHARES[0]].notna()
    found: pd.DataFrame = frame[known & (frame["seed"] == frame["seed"][known].min())]
    return found


@mpl.rc_context(STYLE)
def draw(facet: Facet) -> Figure | None:
    """Bars of seconds, each segment with its share."""
    if facet.rows.empty:
        return None
    lengths = spread(sorted(facet.rows["length"].unique()))
    bars = max(len(series_of(facet.rows[facet.rows["length"] == n])) for n in lengths)
    figure, axes = grid(len(lengths), height=_HEAD + _BAR * bars)
    if len(lengths) == 1:
        figure.set_figheight(_HEAD + _BAR * bars + 0.9)
    for here, length in zip(axes, lengths, strict=True):
        _panel(here, facet.rows[facet.rows["length"] == length])
        here.set_title(f"T = {length:,}", loc="left")
    title(figure, _finding(facet.rows, lengths[0]))
    legend(figure, _entries(facet.rows))
    return figure


def _panel(here: Axes, frame: pd.DataFrame) -> None:
    series = series_of(frame)
    several = Counter(arm for (arm, _), _ in series)
    longest = frame["step_s"].max()
    for place, ((arm, _), found) in enumerate(series):
        row = found.iloc[0]
        end = _bar(here, place, arm, row, longest)
        here.text(end, place, f" {in_units(row['step_s'], 's')}", va="center", fontsize=SMALL)
    names = [
        label(arm) if several[arm] == 1 else f"{label(arm)}, {kernel}"
        for (arm, kernel), _ in series
    ]
    here.set_yticks(range(len(series)), names)
    here.set_ylim(len(series) - 0.4, -0.6)
    here.set_xlim(0, 1.2 * longest)
    here.tick_params(axis="y", length=0)
    here.grid(visible=False)
    here.xaxis.set_major_locator(MaxNLocator(_TICKS))
    here.xaxis.set_major_formatter(lambda value, _: in_units(value, "s"))


def _bar(here: Axes, place: int, arm: str, row: "pd.Series[float]", longest: float) -> float:
    """One arm's segments, one behind the other; where they end."""
    left = 0.0
    for share, (called, own, strength) in zip(SHARES, _SEGMENTS, strict=True):
        width = row["step_s"] * row[share]
        (bar,) = here.barh(
            place, width, 0.72, left, facecolor=_shade(arm, own, strength), edgecolor=PAPER,
            linewidth=0.8,
        )  # fmt: skip
        titled(bar, f"{label(arm)}, {called}: {percent(row[share], 1)}")
        if width > _LABELLED * longest:
            here.text(
                left + width / 2, place, percent(row[share]), ha="center", va="center",
                fontsize=SMALL, color=PAPER if strength > _STRONG else INK,
            )  # fmt: skip
        left += width
    return left


def _shade(arm: str, own: bool, strength: float) -> tuple[float, float, float, float]:
    return mpl.colors.to_rgba(colour(arm) if own else MUTED, strength)


def _entries(frame: pd.DataFrame) -> list[Line2D]:
    """What each segment is, in the first arm's colour; those of the layers in a row of their own.

    A legend is filled column by column.
    """
    (arm, _), _ = series_of(frame)[0]
    entries = [
        Line2D(
            [], [], linestyle="", marker="s", markersize=7, markeredgecolor=GRID,
            markerfacecolor=_shade(arm, own, strength), label=called,
        )
        for called, own, strength in _SEGMENTS
    ]  # fmt: skip
    layers, others = entries[:3], entries[3:]
    return [entry for both in zip_longest(layers, others) for entry in both if entry is not None]


def _finding(frame: pd.DataFrame, length: int) -> str:
    shares = frame[frame["length"] == length]["body_share"]
    ends = dict.fromkeys(percent(share) for share in (shares.min(), shares.max()))
    return f"At T={length:,} the layers' own passes take {' to '.join(ends)} of a training step"


def caption(facet: Facet) -> str:
    """What the segments are, and what does not follow."""
    return (
        "Medians over rounds, timed at seams. Tables: embeddings and positions, with norms and "
        "loss. Not shown: how long the layers would take without them."
    )
