"""What panels share: all arms by distance from the loss, and remarks in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bench.drawing.colours import PAPER
from bench.drawing.lines import thinned
from bench.drawing.palette import colour, ink, label
from bench.drawing.style import SMALL, titled
from bench.frames.groups import by_arm
from bench.outcome import DIVERGED
from bench.probes.gradient.figures.axis import Axis
from bench.probes.gradient.figures.curves import (
    Curve,
    Floats,
    endings,
    once,
    seen_to,
    stage_number,
    where_lost,
)
from bench.store.records import Record

_DISTANCE = "distance from the loss (tokens)"
NORM = "‖∂loss/∂embedding‖"
_LINE = 0.085  # of a panel's height


def flow_panel(here: Axes, axis: Axis, records: Sequence[Record], when: str | int) -> None:
    """All arms at ``init``, at the ``end`` of their training, or after so many steps."""
    axis.apply(here, seen_to(records, axis.floor))
    here.set_xlabel(distance_of(records))
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
            remarks += endings(series)
        if done:
            remarks += _arm_lines(here, axis, arm, done)
    remark(here, remarks)


def _arm_lines(here: Axes, axis: Axis, arm: str, curves: Sequence[Curve]) -> list[tuple[str, str]]:
    """One arm: the median of its seeds in the band of all; what could not be drawn, in words."""
    count = min(len(curve.distance) for curve in curves)
    distance = curves[0].distance[:count]
    norms = np.stack([curve.norm[:count] for curve in curves])
    middle = np.median(norms, axis=0)
    if len(curves) == 1:  # its quartiles over rows
        low, high = curves[0].low, curves[0].high
    else:
        low, high = norms.min(axis=0), norms.max(axis=0)
    some = visible(here, distance)
    here.fill_between(
        distance[some], axis.shown(low)[some], axis.shown(high)[some], color=colour(arm),
        alpha=0.2, linewidth=0,
    )  # fmt: skip
    _line(here, axis, arm, distance, middle, linewidth=1.6)
    axis.zeros(here, arm, distance, middle)
    if np.isnan(middle).any():
        return [(arm, where_lost(middle, distance))]
    if (middle == 0).all():
        return [(arm, "all zero")]
    return [(arm, "one token, no distance")] if count == 1 else []


def _line(here: Axes, axis: Axis, arm: str, distance: Floats, norm: Floats, **style: Any) -> None:
    some = visible(here, distance)
    shown = axis.shown(norm)[some]
    finite = np.isfinite(shown)
    if not finite.any():
        return
    marker = "o" if finite.sum() == 1 else ""  # a lone point is no line
    (line,) = here.plot(
        distance[some], shown, color=colour(arm), marker=marker, markersize=4, **style
    )
    titled(line, label(arm))


def visible(here: Axes, distance: Floats) -> Any:
    """Which points of a line to draw, as far as the panel goes."""
    return thinned(distance[: np.searchsorted(distance, here.get_xlim()[1]) + 1])


def distance_of(records: Sequence[Record]) -> str:
    """The name of the axis of distances, and how far these windows go."""
    farthest = max(r["samples"]["distance"][-1] for r in records)
    return f"{_DISTANCE[:-1]}, of {farthest:,})"


def remark(here: Axes, remarks: Sequence[tuple[str, str]]) -> None:
    """What a panel has to say of arms, at its top right."""
    box = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.6}
    for row, (arm, text) in enumerate(dict.fromkeys(remarks)):
        here.text(
            0.985, 0.975 - _LINE * row, f"{label(arm)}: {text}", transform=here.transAxes,
            ha="right", va="top", fontsize=SMALL, color=ink(arm), bbox=box,
        )  # fmt: skip
