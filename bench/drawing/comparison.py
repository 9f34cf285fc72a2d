"""One comparison of any quantity: a line or dots for each series, up to four panels."""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.palette import GREY, colour, rank
from bench.drawing.palette import label as named

#: Okabe and Ito's palette, for series that are no arms.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")
_DASHES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D")
_WIDTH, _HEIGHT = 7.0, 4.2  # inches of one panel alone; at 100 dots an inch as wide as a page
_TITLE, _SCOPE = 80, 110  # letters of a line
_LINE = 0.21  # inches that a line of the title takes
_ENTRY = 1.5  # inches that a legend's entry takes
_BESIDE = 0.6  # of the way to the next text along x, for all series over one
_DIRECT = 8  # series that are named at their ends; more have a legend
_APART = 0.055  # of the height of a panel, between two such names


@dataclass(frozen=True)
class Series:
    """What is drawn in one colour and style.

    Args:
        of: the value that gives its colour, an arm's name or any other.
        run: the number of the run that it is from, which gives its marker and dashes.
        label: what it is called.
        x: numbers or texts, all of one kind.
        y, low, high: values and the ends of their intervals, NaN without one.
        hollow: whether a value was not measured precisely enough for a claim.
    """

    of: str
    run: int
    label: str
    x: Sequence[Any]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    hollow: Sequence[bool] = ()


@dataclass(frozen=True)
class Chart:
    """A comparison.

    Args:
        title: a plain statement of what is shown; ``scope`` where that holds.
        xlabel, ylabel: with units.
        panels: titles of panels, each with its series.
        logx, logy: scales.
        by_arm: whether colours are those of arms.
        form: how values of y are written.
        level: where a line is drawn that says no difference.
    """

    title: str
    scope: str
    xlabel: str
    ylabel: str
    panels: Mapping[str, Sequence[Series]]
    logx: bool
    logy: bool
    by_arm: bool
    form: Callable[[float], str]
    level: float | None = None


def draw(chart: Chart, style: Mapping[Any, Any]) -> Figure:
    """The figure of a comparison, in a style."""
    columns = min(2, len(chart.panels))
    lines = -(-len(chart.panels) // columns)
    height = _HEIGHT if lines == columns == 1 else 3.2 * lines + 0.7
    with mpl.rc_context(dict(style)):
        figure, axes = plt.subplots(
            lines, columns, squeeze=False, sharey=True, figsize=(_WIDTH, height)
        )
        for spare in axes.flat[len(chart.panels) :]:
            spare.set_axis_off()
        everything = [one for panel in chart.panels.values() for one in panel]
        shades = _shades(everything, chart.by_arm)
        for here, (title, panel) in zip(axes.flat, chart.panels.items(), strict=False):
            _panel(here, panel, shades, list(dict.fromkeys(x for one in everything for x in one.x)))
            if len(chart.panels) > 1:
                here.set_title(title, loc="left")
            here.set_xlabel(chart.xlabel)
        for here in axes.flat[: len(chart.panels)]:  # all share one y axis
            _scales(here, chart, everything)
        for line in axes:
            line[0].set_ylabel(chart.ylabel)
        _titles(figure, chart, _legend(chart, shades))
        if _direct(chart):
            _at_ends(axes.flat[0], everything, shades)
    return figure


def _titles(figure: Figure, chart: Chart, entries: Sequence[Line2D]) -> None:
    """The title, the legend in a room of its own under it, and the scope at the foot."""
    columns = max(1, min(len(entries), int(_WIDTH / _ENTRY)))
    room = "\n" * -(-len(entries) // columns)
    title = "\n".join(textwrap.wrap(chart.title, _TITLE))
    figure.suptitle(title + room, x=0.01, ha="left", fontsize=11, fontweight="bold")
    scope = "\n".join(textwrap.wrap(chart.scope, _SCOPE))
    figure.supxlabel(scope, x=0.01, ha="left", fontsize=8)
    if entries:
        top = 1 - _LINE * (title.count("\n") + 1) / figure.get_figheight()
        figure.legend(
            handles=entries, loc="upper left", bbox_to_anchor=(0.0, top), ncols=columns
        ).set_in_layout(False)


def _shades(series: Sequence[Series], by_arm: bool) -> dict[str, str]:
    names = list(dict.fromkeys(one.of for one in series))
    if by_arm:
        return {name: colour(name) for name in names}
    return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}


def _panel(
    here: Axes, panel: Sequence[Series], shades: Mapping[str, str], across: Sequence[Any]
) -> None:
    """All series of a panel; over texts they stand beside one another."""
    texts = isinstance(across[0], str)
    if texts:
        here.set_xticks(range(len(across)), list(across))
    apart = 0.0 if _named_below(panel) else _BESIDE / len(panel)
    for number, one in enumerate(panel):
        shift = (number - (len(panel) - 1) / 2) * apart
        x = [across.index(text) + shift for text in one.x] if texts else one.x
        _draw(here, one, x, shades[one.of], joined=not texts)


def _draw(here: Axes, one: Series, xs: Sequence[float], shade: str, *, joined: bool) -> None:
    """One series: a line with a band through numbers, dots with bars over texts."""
    dash, marker = _DASHES[one.run % len(_DASHES)], _MARKERS[one.run % len(_MARKERS)]
    known = [not math.isnan(low) for low in one.low]
    if len(xs) > 1 and joined:
        here.plot(xs, one.y, color=shade, linestyle=dash, linewidth=1.6)
        if any(known):
            here.fill_between(xs, one.low, one.high, color=shade, alpha=0.18, linewidth=0)
    elif any(known):
        here.vlines(xs, one.low, one.high, color=shade, linewidth=1.4)
    ground = mpl.rcParams["axes.facecolor"]
    for x, y, loose in zip(xs, one.y, one.hollow, strict=True):
        here.plot(
            [x], [y], color=shade, marker=marker, markersize=5, linestyle="",
            markerfacecolor=ground if loose else shade,
        )  # fmt: skip


def _scales(here: Axes, chart: Chart, series: Sequence[Series]) -> None:
    xs = [x for one in series for x in one.x]
    if isinstance(xs[0], str):
        here.margins(x=0.08)
        here.grid(axis="x", visible=False)
    elif chart.logx and len(set(xs)) > 1 and all(float(x).is_integer() for x in xs):
        length_axis(here, [int(x) for x in xs])
        here.set_xlabel(chart.xlabel)
    elif chart.logx:
        here.set_xscale("log")
    values = [v for one in series for of in (one.y, one.low, one.high) for v in of]
    if chart.logy:
        amount_axis(here, values, chart.form)
    else:
        here.yaxis.set_major_formatter(lambda value, _: chart.form(value))
    if chart.level is not None:
        here.axhline(chart.level, color=GREY, linewidth=0.8, zorder=1)


def _direct(chart: Chart) -> bool:
    """Whether lines have their names at their ends."""
    everything = [one for panel in chart.panels.values() for one in panel]
    few = len(chart.panels) == 1 and len(everything) <= _DIRECT
    return few and all(len(one.x) > 1 and not isinstance(one.x[0], str) for one in everything)


def _legend(chart: Chart, shades: Mapping[str, str]) -> list[Line2D]:
    """An entry for each name; none where names stand at lines, or along x."""
    everything = [one for panel in chart.panels.values() for one in panel]
    if _direct(chart) or _named_below(everything):
        return []
    entries: dict[str, Line2D] = {}
    for one in sorted(everything, key=_order(chart)):
        dash, marker = _DASHES[one.run % len(_DASHES)], _MARKERS[one.run % len(_MARKERS)]
        entries.setdefault(
            one.label,
            Line2D([], [], color=shades[one.of], linestyle=dash, marker=marker, markersize=5,
                   label=one.label),
        )  # fmt: skip
    return list(entries.values())


def _named_below(series: Sequence[Series]) -> bool:
    """Whether the texts along x are the names of the series."""
    return all(set(one.x) == {one.label} for one in series)


def _order(chart: Chart) -> Any:
    return lambda one: (rank(one.of) if chart.by_arm else (0, ""), one.run)


def _at_ends(here: Axes, series: Sequence[Series], shades: Mapping[str, str]) -> None:
    """Each series named at the height of its last value, no two over one another."""
    to_axes = here.transScale + here.transLimits
    ends = sorted((float(to_axes.transform((one.x[-1], one.y[-1]))[1]), i)
                  for i, one in enumerate(series))  # fmt: skip
    heights: list[float] = []
    for height, _ in ends:
        heights.append(max(height, heights[-1] + _APART) if heights else height)
    over = max(0.0, heights[-1] - 1.0)
    for height, (_, index) in zip(heights, ends, strict=True):
        one = series[index]
        here.text(
            1.015, height - over, one.label, transform=here.transAxes, va="center",
            color=shades[one.of], fontweight="bold",
        )  # fmt: skip


def called(of: str, by_arm: bool) -> str:
    """A series' name: an arm's as in every figure."""
    return named(of).replace(r"\$", "$") if by_arm else of
