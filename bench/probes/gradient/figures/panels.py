"""What panels share: all arms by distance from the loss, remarks in words, rows of panels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.drawing.palette import GREY, colour, label
from bench.frames.groups import by_arm
from bench.outcome import DIVERGED
from bench.probes.gradient.figures.axis import Axis
from bench.probes.gradient.figures.curves import (
    Curve,
    Floats,
    endings,
    farthest,
    once,
    stage_number,
    where_lost,
)
from bench.probes.gradient.flow import SMALLEST_NORMAL
from bench.store.records import Record

COLUMNS = 4  # panels side by side
DISTANCE = "distance from the loss (tokens)"
NORM = "‖∂loss/∂embedding‖"


def flow_panel(
    here: Axes, axis: Axis, records: Sequence[Record], when: str | int, named: bool = False,
    small: bool = False,
) -> None:  # fmt: skip
    """All arms at ``init``, at the ``end`` of their training, or after so many steps.

    Args:
        named: whether limits are named; small: a panel without room for words.
    """
    axis.apply(here, records[0], farthest(records), named)
    remarks: list[tuple[str, str]] = []
    for series in once(records) if when == "init" else by_arm(records):
        arm, done = series[0]["cell"]["arm"], []
        for record in series:
            if (number := stage_number(record, when)) is None:
                continue
            curve = Curve.of(record, number)
            if when == "end" and record["status"] == DIVERGED:
                _line(here, axis, arm, curve.distance, curve.norm, linewidth=0.9, linestyle="--")
            else:
                done.append(curve)
        if when == "end" or (isinstance(when, int) and when > 0):
            remarks += endings(series) if not small else [
                (arm, "diverged") for _ in endings(series)
            ]  # fmt: skip
        if done:
            remarks += _arm_lines(here, axis, arm, done, records[0]["cell"]["dtype"], not small)
    remark(here, remarks)


def _arm_lines(
    here: Axes, axis: Axis, arm: str, curves: Sequence[Curve], dtype: str, named: bool
) -> list[tuple[str, str]]:
    """One arm's seeds; what of it could not be drawn, in words."""
    shade = colour(arm)
    count = min(len(curve.distance) for curve in curves)
    distance = curves[0].distance[:count]
    middle = np.median([curve.norm[:count] for curve in curves], axis=0)
    if len(curves) == 1:
        low, high = axis.shown(curves[0].low), axis.shown(curves[0].high)
        here.fill_between(distance, low, high, color=shade, alpha=0.18, linewidth=0)
    else:
        for curve in curves:
            _line(here, axis, arm, curve.distance, curve.norm, linewidth=0.6, alpha=0.5)
    _line(here, axis, arm, distance, middle, linewidth=1.8)
    doubles = [curve.double[:count] for curve in curves if curve.double is not None]
    if doubles and dtype != "float64":
        below = np.median(doubles, axis=0)
        below = np.where(middle < SMALLEST_NORMAL[dtype], below, np.nan)
        _line(here, axis, arm, distance, below, linewidth=1.2, linestyle=":")
    axis.zeros(here, arm, distance, middle, "" if named else None)
    if np.isnan(middle).any():
        return [(arm, where_lost(middle, distance))]
    if (middle == 0).all():
        return [(arm, "all zero")]
    return [(arm, "one token, no distance")] if count == 1 and named else []


def _line(here: Axes, axis: Axis, arm: str, distance: Floats, norm: Floats, **style: Any) -> None:
    shown = axis.shown(norm)
    finite = np.isfinite(shown)
    if not finite.any():
        return
    marker = "o" if finite.sum() == 1 else ""  # a lone point is no line
    here.plot(distance, shown, color=colour(arm), marker=marker, markersize=4, **style)


def remark(here: Axes, remarks: Sequence[tuple[str, str]]) -> None:
    """What a panel has to say of arms, at its top right."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}
    for row, (arm, text) in enumerate(dict.fromkeys(remarks)):
        here.text(
            0.985, 0.975 - 0.075 * row, f"{label(arm)}: {text}", transform=here.transAxes,
            ha="right", va="top", fontsize=6.5, color=colour(arm), bbox=box,
        )  # fmt: skip


def say_nothing(here: Axes, text: str) -> None:
    """A panel without data, and why."""
    here.set_axis_off()
    style: dict[str, Any] = {"transform": here.transAxes, "ha": "center", "color": "#777777"}
    here.text(0.5, 0.5, text, **style)


def kinds(figure: Figure, records: Sequence[Record]) -> list[Line2D]:
    """The legend of lines that are no arm's own, where there are any."""
    if not any(line.get_linestyle() == ":" for here in figure.axes for line in here.lines):
        return []
    text = f"in float64, below {records[0]['cell']['dtype']}'s normals"
    return [Line2D([], [], color=GREY, linestyle=":", label=text)]


def chunked(items: Sequence[int], size: int) -> list[Sequence[int]]:
    """Items in rows of so many."""
    return [items[start : start + size] for start in range(0, len(items), size)]
