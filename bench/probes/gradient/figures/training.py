"""The gradient by distance as training changes the weights: a strip of stages, and a map."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator

from bench.drawing.axes import power_of_ten
from bench.drawing.colours import NO_NUMBER, ZERO
from bench.drawing.lines import MOST_PANELS, spread
from bench.drawing.palette import label, rank
from bench.drawing.style import STYLE, grid, handles, legend, title
from bench.frames.groups import arms
from bench.probes.gradient.figures.axis import Axis
from bench.probes.gradient.figures.curves import (
    Floats,
    endings,
    floats,
    followed,
    most_trained,
    seen_to,
)
from bench.probes.gradient.figures.panels import NORM, distance_of, flow_panel, remark
from bench.store.records import Record

_LEAST_COLOUR = 1e-12  # darker is not told apart, and teaches as little


@mpl.rc_context(STYLE)
def flow_strip(records: Sequence[Record]) -> Figure | None:
    """The flow as it evolves of the longest training: four stages of it, all arms in each.

    Of its longest window, with the same axes everywhere.
    """
    records = most_trained(followed(records))
    if not records:
        return None
    length = records[0]["cell"]["length"]
    stages = spread(sorted({step for r in records for step in r["samples"]["steps"]}))
    axis = Axis.of(records)
    figure, axes = grid(len(stages), height=2.6, sharey=True, sharex=True)
    for number, (here, step) in enumerate(zip(axes, stages, strict=True)):
        flow_panel(here, axis, records, step)
        when = "at initialisation" if step == 0 else f"after step {step}"
        here.set_title(f"T = {length}, {when}")
        if number % 2 == 0:
            here.set_ylabel(NORM)
    for here in axes[:-2]:
        here.set_xlabel("")
    title(figure, "What does training change about how far a gradient comes?")
    legend(figure, handles(arms(records)))
    return figure


@mpl.rc_context(STYLE | {"axes.grid": False})
def flow_heatmap(records: Sequence[Record]) -> Figure | None:
    """Distance by training step, the norm as colour: a panel an arm.

    Of the longest window of the longest training. Of several seeds the median; exact zeros have a
    colour of their own.
    """
    records = most_trained(followed(records))
    if not records:
        return None
    length = records[0]["cell"]["length"]
    columns = sorted(set(arms(records)), key=rank)[:MOST_PANELS]
    maps = {arm: _map([r for r in records if r["cell"]["arm"] == arm]) for arm in columns}
    seen = np.concatenate([values.ravel() for _, _, values in maps.values()])
    positive = seen[seen > 0]
    least, most = (positive.min(), positive.max()) if len(positive) else (0.1, 1.0)
    most = max(most, 10 * _LEAST_COLOUR)
    scale = LogNorm(max(least, _LEAST_COLOUR), most)
    figure, axes = grid(len(columns), height=2.3, sharex=True, sharey=True)
    for number, (here, arm) in enumerate(zip(axes, columns, strict=True)):
        shown = _heat(here, *maps[arm], scale)
        remark(here, endings([r for r in records if r["cell"]["arm"] == arm]))
        here.set_title(f"{label(arm)}, T = {length}")
        here.set_ylim(0, seen_to(records, _LEAST_COLOUR))
        if number % 2 == 0:
            here.set_ylabel(distance_of(records).replace(" (", "\n("))
    for here in axes[-2:]:
        here.set_xlabel("training step")
    bar = figure.colorbar(shown, ax=figure.axes, label=NORM, fraction=0.03, pad=0.01, aspect=35)
    bar.ax.yaxis.set_major_formatter(lambda value, _: _named(value, least))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    patches = [Patch(color=ZERO, label="exactly 0")] if (seen == 0).any() else []
    if np.isnan(seen).any():
        patches.append(Patch(color=NO_NUMBER, label="not finite"))
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=2)
    title(figure, "Does training carry the gradient farther?")
    return figure


def _named(value: float, least: float) -> str:
    """A tick of the colours; the darkest is of all that is smaller too."""
    power = round(math.log10(value))
    darker = least < _LEAST_COLOUR and power <= round(math.log10(_LEAST_COLOUR))
    return f"≤ {power_of_ten(power)}" if darker else power_of_ten(power)


def _map(records: Sequence[Record]) -> tuple[Floats, Floats, Floats]:
    """Steps, distances and the median norm over the seeds that came to each step."""
    steps = sorted({step for r in records for step in r["samples"]["steps"]})
    count = min(len(r["samples"]["distance"]) for r in records)
    columns = []
    for step in steps:
        norms = [
            floats(r["samples"]["norm"][r["samples"]["steps"].index(step)])[:count]
            for r in records
            if step in r["samples"]["steps"]
        ]
        columns.append(np.median(norms, axis=0))
    distance = floats(records[0]["samples"]["distance"])[:count]
    return np.asarray(steps, dtype=float), distance, np.transpose(columns)


def _heat(here: Axes, steps: Floats, distance: Floats, norms: Floats, scale: LogNorm) -> Any:
    """Each measurement fills the steps that are nearest to its own."""
    x = np.concatenate([steps[:1], (steps[1:] + steps[:-1]) / 2, steps[-1:]])
    y = np.append(distance[0] - 0.5, distance + 0.5)  # of a long window a distance ends a run
    # A long window has more cells than an SVG should have paths.
    style: dict[str, Any] = {"rasterized": True, "shading": "flat"}
    for chosen, shade in ((norms == 0, ZERO), (np.isnan(norms), NO_NUMBER)):
        if chosen.any():
            cells = np.ma.masked_where(~chosen, np.ones_like(norms))
            here.pcolormesh(x, y, cells, cmap=ListedColormap([shade]), **style)
    here.xaxis.set_minor_locator(FixedLocator(steps.tolist()))  # where it was measured
    cells = np.ma.masked_where(~(norms > 0), norms)
    return here.pcolormesh(x, y, cells, norm=scale, cmap="viridis", **style)
