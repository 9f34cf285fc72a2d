"""Lines by window length: one an arm and kernel, its 95% band, hollow where it is unstable."""

from collections.abc import Callable, Sequence
from typing import Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.palette import GREY, colour, label, rank
from bench.drawing.style import STYLE, handles, legend
from bench.outcome import UNSTABLE

Dash = Literal["-", "--", ":", "-."]
#: What panels are of, in this order, and their titles.
_PHASES = {
    "training": "training step",
    "forward": "forward pass",
    "prefill": "prefill",
    "decode": "decoding",
}
_DASHES: tuple[Dash, ...] = ("-", "--", ":", "-.")
WIDTH, _HEIGHT = 4.2, 3.6  # of a panel, in inches


def by_phase(
    rows: pd.DataFrame,
    value: str,
    title: str,
    form: Callable[[float], str],
    also: Callable[[Axes, str], None] | None = None,
) -> Figure | None:
    """A panel for each phase in which the value was measured, up to two side by side."""
    if value not in rows.columns:
        return None
    rows = rows[rows[value].notna()]
    phases = phases_of(rows)
    if not phases:
        return None
    columns = min(2, len(phases))
    lines = -(-len(phases) // columns)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            lines, columns, squeeze=False,
            figsize=(max(5.0, WIDTH * columns), _HEIGHT * lines + 0.4),
        )  # fmt: skip
        for spare in axes.flat[len(phases) :]:
            spare.set_axis_off()
        for here, phase in zip(axes.flat, phases, strict=False):
            chosen = rows[rows["phase"] == phase]
            draw_lines(here, chosen, value, form)
            if also:
                also(here, phase)
            batches = sorted(chosen["batch_size"].unique())
            here.set_title(f"{phases[phase]}, batch {', '.join(map(str, batches))}")
        for line in axes:
            line[0].set_ylabel(title)
        legend(figure, legend_entries(rows))
    return figure


def phases_of(rows: pd.DataFrame) -> dict[str, str]:
    """The phases of rows, in the order of panels, with their titles.

    One that only another package's probe knows comes last, under its own name.
    """
    there = dict.fromkeys(map(str, rows["phase"]))
    known = {phase: title for phase, title in _PHASES.items() if phase in there}
    return known | {phase: phase for phase in there if phase not in known}


def draw_lines(
    here: Axes, rows: pd.DataFrame, value: str, form: Callable[[float], str], marker: str = "o"
) -> None:
    """A line for each arm and kernel with its band; hollow where it is unstable."""
    low, high = f"{value}_low", f"{value}_high"
    banded = low in rows.columns
    for (arm, kernel), series in series_of(rows):
        x, shade = series["length"].to_numpy(), colour(arm)
        if banded:
            least, most = (series[end].to_numpy(dtype=float) for end in (low, high))
            if len(x) > 1:
                here.fill_between(x, least, most, color=shade, alpha=0.2, linewidth=0)
            else:
                here.vlines(x, least, most, color=shade, linewidth=1)
        style = line_styles(rows)[arm, kernel]
        here.plot(x, series[value], color=shade, linestyle=style, linewidth=1.5)
        loose = _unstable(series)
        for chosen, face in ((~loose, shade), (loose, "white")):
            points = series[chosen]
            here.plot(
                points["length"], points[value], color=shade, marker=marker, markersize=4.5,
                linestyle="", markerfacecolor=face,
            )  # fmt: skip
    length_axis(here, list(rows["length"]))
    drawn = rows[[value, low, high]] if banded else rows[value]
    amount_axis(here, drawn, form)


def series_of(rows: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Rows of one arm, kernel and seed by length, in the order of the legend."""
    found = [
        ((str(arm), str(kernel)), series.sort_values("length"))
        for (arm, kernel, _), series in rows.groupby(["arm", "kernel", "seed"], sort=False)
    ]
    return sorted(found, key=lambda item: (rank(item[0][0]), item[0][1]))


def line_styles(rows: pd.DataFrame) -> dict[tuple[str, str], Dash]:
    """A line's style: an arm's kernels, in order, are drawn solid, dashed and so on."""
    styles: dict[tuple[str, str], Dash] = {}
    for arm, kernels in rows.groupby("arm", sort=False)["kernel"]:
        for number, kernel in enumerate(kernels.unique()):
            styles[str(arm), str(kernel)] = _DASHES[number % len(_DASHES)]
    return styles


def legend_entries(rows: pd.DataFrame) -> Sequence[Line2D]:
    """The legend: arms, their kernels where there are several, and what a hollow marker says."""
    entries = []
    styles = line_styles(rows)
    for arm, kernel in sorted(styles, key=lambda pair: rank(pair[0])):
        (line,) = handles([arm])
        line.set_linestyle(styles[arm, kernel])
        if sum(other == arm for other, _ in styles) > 1:
            line.set_label(f"{label(arm)}, {kernel}")
        entries.append(line)
    if _unstable(rows).any():
        hollow = Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="")
        hollow.set_label("unstable: no claim")
        entries.append(hollow)
    return entries


def _unstable(rows: pd.DataFrame) -> "pd.Series[bool]":
    if "status" not in rows.columns:
        return pd.Series(data=False, index=rows.index)
    return rows["status"] == UNSTABLE
