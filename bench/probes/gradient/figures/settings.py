"""What lengthens a reach: layers, initialisation, clipping, training."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.drawing.axes import plain_axis
from bench.drawing.colours import GRID
from bench.drawing.palette import GREY, colour, ink, rank
from bench.drawing.style import SMALL, STYLE, WIDTH, handles, legend, title
from bench.probes.gradient.figures.marks import SETTING, at_stage, dot, entry, in_words, why

_VISIBLE = 0.1  # on the log scale: what is nearer has no room for an arrow


@mpl.rc_context(STYLE)
def by_setting(rows: pd.DataFrame) -> Figure | None:
    """What lengthens the reach: layers, initialisation, clipping, training; a dot an arm.

    Of the length that most settings have, the longest of these: hollow at initialisation, filled
    at the end of training, an arrow between them.

    Args:
        rows: of the table ``reach``, of one task, all comparisons.
    """
    if rows.empty:
        return None
    rows = rows[rows["arm"].notna()]
    counts = rows.drop_duplicates([*SETTING, "length"]).groupby("length").size()
    length = max(counts[counts == counts.max()].index)
    rows = rows[rows["length"] == length]
    names = _settings(rows)
    if len(names) < 2:
        return None
    groups = {key: rows[_alike(rows, key)] for key in names}
    count = sum(group["arm"].nunique() for group in groups.values())
    figure, here = plt.subplots(figsize=(WIDTH, 1.5 + 0.2 * count + 0.14 * len(names)))
    y, ticks = 0.0, []
    for key, group in groups.items():
        arms = sorted(group["arm"].unique(), key=rank)
        ticks.append(y + (len(arms) - 1) / 2)
        for arm in arms:
            _setting(here, y, group[group["arm"] == arm], arm)
            y += 1
        y += 0.7
        if key != list(groups)[-1]:
            here.axhline(y - 0.85, color=GRID, linewidth=0.7)
    here.set_yticks(ticks, list(names.values()))
    here.tick_params(axis="y", length=0)
    here.grid(visible=False, axis="y")
    here.set_ylim(y - 0.7 + 0.2, -0.9)
    farthest = rows["farthest"].max()
    here.axvline(farthest, color=GREY, linestyle=":", linewidth=1.1)
    reached = rows["reach_least"].astype(float)
    least = reached[reached > 0].min()
    here.set_xlim((1.0 if np.isnan(least) else least) / 1.4, max(farthest, 2) * 1.25)
    plain_axis(here)
    here.set_xlabel("effective reach (tokens)")
    entries = handles(list(rows["arm"].unique()))
    entries.append(entry("o", "at initialisation", hollow=True))
    if (rows["steps"] > 0).any():
        entries.append(entry("o", "at the end of training"))
    if rows["whole_window"].any():
        entries.append(entry("^", "the whole window (dotted)"))
    title(figure, f"What lengthens a gradient's reach in a window of {length} tokens?")
    legend(figure, entries)
    return figure


def _settings(rows: pd.DataFrame) -> dict[tuple[Any, ...], str]:
    """Settings by what they are, and what of it differs between them in words."""
    found = rows.drop_duplicates(SETTING)
    several = {name for name in SETTING if found[name].nunique() > 1}
    names = {}
    for row in found.sort_values(["layers", "initialization", "clip_norm"]).to_dict("records"):
        parts = []
        if "layers" in several:
            parts.append(f"{row['layers']} layer{'s' if row['layers'] > 1 else ''}")
        if "initialization" in several:
            parts.append(f"initialisation: {row['initialization']}")
        if "clip_norm" in several:
            parts.append(f"clipped above {row['clip_norm']:,.10g}")
        said = ",\n".join(parts)
        alike = _alike(found.assign(comparison=""), ["", *(row[n] for n in SETTING[1:])])
        if alike.sum() > 1 or not said:  # they differ in what has no words here
            said = f"{row['comparison']}\n{said}" if said else str(row["comparison"])
        names[tuple(row[name] for name in SETTING)] = said
    return names


def _alike(rows: pd.DataFrame, key: Sequence[Any]) -> "pd.Series[bool]":
    found = pd.Series(data=True, index=rows.index)
    for name, value in zip(SETTING, key, strict=True):
        found &= rows[name] == value
    return found


def _setting(here: Axes, y: float, series: pd.DataFrame, arm: str) -> None:
    """One arm under one setting, before and after training."""
    places = {}
    for when in ("init", "end"):
        for row in at_stage(series, when).to_dict("records")[:1]:
            if np.isnan(row["reach_tokens"]) or row["reach_tokens"] == 0:  # no place on a log axis
                style: dict[str, Any] = {"fontsize": SMALL, "va": "center", "color": ink(arm)}
                text = f" {in_words(when)}: {why(row)}"
                here.text(0.0, y, text, transform=here.get_yaxis_transform(), **style)
                continue
            dot(here, y, row, when, vertical=False)
            places[when] = row["reach_tokens"]
    if len(places) == 2 and abs(np.log(places["end"] / places["init"])) > _VISIBLE:
        arrow = {"arrowstyle": "->", "color": colour(arm), "alpha": 0.6, "shrinkA": 3, "shrinkB": 3}
        here.annotate("", (places["end"], y), (places["init"], y), arrowprops=arrow)
