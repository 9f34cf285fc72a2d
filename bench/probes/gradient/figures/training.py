"""The gradient by distance as training changes the weights: a strip of stages, and a map."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from bench.drawing.palette import label, rank
from bench.drawing.style import STYLE, handles, legend
from bench.frames.groups import arms
from bench.probes.gradient.figures.axis import Axis
from bench.probes.gradient.figures.curves import Floats, endings, floats, followed
from bench.probes.gradient.figures.panels import (
    DISTANCE,
    NORM,
    flow_panel,
    kinds,
    remark,
    say_nothing,
)
from bench.store.records import Record

_ROWS = 3  # lengths of a figure that has a row for each
_STAGES = 8  # panels of the strip
_ZERO, _NO_NUMBER = "#d9d9d9", "#882255"
_LEAST_COLOUR = 1e-250  # float64's subnormals have no logarithm that a colour bar could bear


def flow_strip(records: Sequence[Record]) -> Figure | None:
    """The flow as it evolves: a panel a stage of the training, all arms in each, the same axes.

    A row for each length, up to three of those trained on.
    """
    records = followed(records)
    if not records:
        return None
    lengths = _spread(sorted({r["cell"]["length"] for r in records}), _ROWS)
    records = [r for r in records if r["cell"]["length"] in lengths]
    stages = []  # of each length its own, as trainings need not be equally long
    for length in lengths:
        known = {s for r in records if r["cell"]["length"] == length for s in r["samples"]["steps"]}
        stages.append(_spread(sorted(known), _STAGES))
    columns = max(map(len, stages))
    axis = Axis.of(records)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(lengths), columns, sharey=True, sharex="row", squeeze=False,
            figsize=(max(6.0, 1.75 * columns + 0.8), 2.5 * len(lengths) + 0.8),
        )  # fmt: skip
        for row, length, steps in zip(axes, lengths, stages, strict=True):
            drawn = [r for r in records if r["cell"]["length"] == length]
            for here in row[len(steps) :]:
                here.set_axis_off()
            for here, step in zip(row, steps, strict=False):
                flow_panel(here, axis, drawn, step, small=True)
                here.set_title("initialisation" if step == 0 else f"step {step}")
            row[0].set_ylabel(f"T = {length}\n{NORM}")
        figure.supxlabel(DISTANCE, fontsize=9)
        legend(figure, handles(arms(records)) + kinds(figure, records))
    return figure


def flow_heatmap(records: Sequence[Record]) -> Figure | None:
    """Distance by training step, the norm as colour: a panel an arm, a row a length.

    Of several seeds the median; exact zeros have a colour of their own.
    """
    records = followed(records)
    if not records:
        return None
    lengths = _spread(sorted({r["cell"]["length"] for r in records}), _ROWS)
    columns = sorted(set(arms(records)), key=rank)
    maps = {
        (length, arm): _map(chosen)
        for length in lengths
        for arm in columns
        if (chosen := [r for r in records if _is(r, length, arm)])
    }
    seen = np.concatenate([values.ravel() for _, _, values in maps.values()])
    positive = seen[seen > 0]
    least, most = (positive.min(), positive.max()) if len(positive) else (0.1, 1.0)
    scale = LogNorm(max(least, _LEAST_COLOUR), max(most, 10 * _LEAST_COLOUR))
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure, axes = plt.subplots(
            len(lengths), len(columns), squeeze=False, sharey="row",
            figsize=(max(5.0, 2.7 * len(columns) + 1), 2.5 * len(lengths) + 0.7),
        )  # fmt: skip
        shown = None
        for row, length in zip(axes, lengths, strict=True):
            for here, arm in zip(row, columns, strict=True):
                if (length, arm) not in maps:
                    say_nothing(here, "no result")
                    continue
                shown = _heat(here, *maps[length, arm], scale)
                chosen = [r for r in records if _is(r, length, arm)]
                remark(here, endings(chosen))
                here.set_title(f"{label(arm)}, T = {length}")
            row[0].set_ylabel(DISTANCE.replace(" (", "\n("))
        for here in axes[-1]:
            here.set_xlabel("training step")
        assert shown is not None
        figure.colorbar(shown, ax=axes, label=NORM, fraction=0.03, pad=0.01, aspect=35)
        patches = [Patch(color=_ZERO, label="exactly 0")] if (seen == 0).any() else []
        if np.isnan(seen).any():
            patches.append(Patch(color=_NO_NUMBER, label="not finite"))
        if patches:
            figure.legend(handles=patches, loc="outside upper center", ncols=2)
    return figure


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
    for chosen, shade in ((norms == 0, _ZERO), (np.isnan(norms), _NO_NUMBER)):
        if chosen.any():
            cells = np.ma.masked_where(~chosen, np.ones_like(norms))
            here.pcolormesh(x, y, cells, cmap=ListedColormap([shade]), **style)
    here.xaxis.set_minor_locator(FixedLocator(steps.tolist()))  # where it was measured
    cells = np.ma.masked_where(~(norms > 0), norms)
    return here.pcolormesh(x, y, cells, norm=scale, cmap="viridis", **style)


def _is(record: Record, length: int, arm: str) -> bool:
    return bool(record["cell"]["length"] == length and record["cell"]["arm"] == arm)


def _spread(items: Sequence[int], most: int) -> list[int]:
    """So many of the items at most, first and last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]
