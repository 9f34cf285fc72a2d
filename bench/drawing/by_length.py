"""Lines by window length: one an arm and kernel, its 95% band, hollow where it is undecided."""

from collections.abc import Callable, Sequence
from typing import Literal

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench import phases
from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.colours import PAPER
from bench.drawing.lines import MOST_PANELS
from bench.drawing.palette import GREY, colour, label, rank
from bench.drawing.style import STYLE, grid, handles, legend, title, titled
from bench.outcome import UNDECIDED

Dash = Literal["-", "--", ":", "-."]
SEEDS = 12  # of which there is a line each; the tables have all
_DASHES: tuple[Dash, ...] = ("-", "--", ":", "-.")


@mpl.rc_context(STYLE)
def by_phase(
    rows: pd.DataFrame,
    value: str,
    said: str,
    called: str,
    form: Callable[[float], str],
    also: Callable[[Axes, str], None] | None = None,
) -> Figure | None:
    """A panel for each of the first four phases in which the value was measured at two lengths.

    Args:
        rows: of a table.
        value: the column that is drawn.
        said: the figure's title.
        called: the value on its axis.
        form: how it is written there.
        also: draws more into the panel of a phase.
    """
    if value not in rows.columns:
        return None
    rows = lines_of(rows[rows[value].notna()])
    shown = phases.in_order(rows["phase"])[:MOST_PANELS]
    if not shown:
        return None
    figure, axes = grid(len(shown))
    for here, phase in zip(axes, shown, strict=True):
        chosen = rows[rows["phase"] == phase]
        draw_lines(here, chosen, value, form)
        if also:
            also(here, phase)
        batches = sorted(chosen["batch_size"].unique(), key=str)
        here.set_title(f"{phases.noun(phase)}, batch {', '.join(map(str, batches))}")
    for here in axes[::2]:
        here.set_ylabel(called)
    title(figure, said)
    legend(figure, legend_entries(rows))
    return figure


def lines_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the phases that were measured at two lengths: one is a number, and no chart."""
    lengths = rows.groupby("phase")["length"].transform("nunique")
    return rows[lengths > 1]


def draw_lines(
    here: Axes, rows: pd.DataFrame, value: str, form: Callable[[float], str], marker: str = "o"
) -> None:
    """A line for each arm and kernel with its band; hollow where it is undecided."""
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
        (line,) = here.plot(x, series[value], color=shade, linestyle=style, linewidth=1.5)
        titled(line, f"{label(arm)}, {kernel}")
        loose = _open(series)
        for chosen, face in ((~loose, shade), (loose, PAPER)):
            for length, number in series.loc[chosen, ["length", value]].itertuples(index=False):
                (point,) = here.plot(
                    length, number, color=shade, marker=marker, markersize=4.5, linestyle="",
                    markerfacecolor=face,
                )  # fmt: skip
                titled(point, f"{label(arm)}, T = {length}: {form(float(f'{number:.3g}'))}")
    length_axis(here, list(rows["length"]))
    drawn = rows[[value, low, high]] if banded else rows[value]
    amount_axis(here, drawn, form)


def series_of(rows: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Rows of one arm, kernel and seed by length, in the order of the legend.

    Of many seeds the first ones: lines beyond those cover one another.
    """
    rows = rows[rows["seed"].isin(rows["seed"].drop_duplicates()[:SEEDS])]
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
    if (seeds := rows["seed"].nunique()) > SEEDS:
        entries.append(Line2D([], [], linestyle="", label=f"the first {SEEDS} of {seeds} seeds"))
    if _open(rows).any():
        hollow = Line2D([], [], color=GREY, marker="o", markerfacecolor=PAPER, linestyle="")
        hollow.set_label("undecided")
        entries.append(hollow)
    return entries


def _open(rows: pd.DataFrame) -> "pd.Series[bool]":
    if "status" not in rows.columns:
        return pd.Series(data=False, index=rows.index)
    return rows["status"] == UNDECIDED
