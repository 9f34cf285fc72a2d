"""The figures of what a model learns: gradients and curves, floors and limits drawn.

Every function takes records of one facet and returns a figure, or None where there is nothing to
draw. A log axis has no place for zero, so zeros get a strip of their own below it.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from bench.report.style import STYLE, colour, handles, legend, note, rank

SMALLEST_NORMAL = 1.1754943508222875e-38
SMALLEST_SUBNORMAL = 1.401298464324817e-45
_FLOOR, _CEILING = 1e-46, 1e3  # the drawn range of a gradient norm
_ZERO, _BOTTOM = 1e-53, 1e-61  # the strip of exact zeros, a row for each arm, and its lower edge
_ZERO_ROW = 1e-3  # from one arm's row to the next
_STAGES = ("init", "trained")

Record = dict[str, Any]


def gradient_flow(records: Sequence[Record]) -> Figure | None:
    """Gradient norm at the input embeddings by distance from the loss.

    A column for each length, a row for before and for after training, a line for each arm.
    """
    records = sorted(records, key=lambda r: rank(r["cell"]["arm"]))
    lengths = sorted({r["cell"]["length"] for r in records})
    stages = [w for w in _STAGES if any(f"norm_{w}" in r["samples"] for r in records)]
    if not lengths or not stages:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(stages),
            len(lengths),
            figsize=(max(5.0, 3.6 * len(lengths)), 3.3 * len(stages) + 0.5),
            sharey=True,
            squeeze=False,
        )
        for row, when in enumerate(stages):
            for column, length in enumerate(lengths):
                here = axes[row][column]
                drawn = [
                    r
                    for r in records
                    if r["cell"]["length"] == length and f"norm_{when}" in r["samples"]
                ]
                if not drawn:
                    here.set_axis_off()
                    here.text(
                        0.5,
                        0.5,
                        f"T = {length}, {_stage(when, records)}:\nnot part of this study",
                        transform=here.transAxes,
                        ha="center",
                        color="#777777",
                    )
                    continue
                _flow_panel(here, drawn, when, length)
                here.set_title(f"T = {length}, {_stage(when, drawn)}")
                here.set_xlabel("distance from the loss (tokens)")
            axes[row][0].set_ylabel("‖∂loss/∂embedding‖")
        legend(figure, handles(_arms(records)))
    return figure


def _flow_panel(here: Axes, records: Sequence[Record], when: str, length: int) -> None:
    here.set_yscale("log")
    here.set_ylim(_BOTTOM, _CEILING)
    here.set_xlim(0, length - 1)
    here.yaxis.set_major_locator(FixedLocator([10.0**e for e in range(-40, 1, 10)] + [_ZERO]))
    here.yaxis.set_minor_locator(NullLocator())
    ticks = [rf"$10^{{{e}}}$" for e in range(-40, 0, 10)] + ["1", "exactly 0"]
    here.set_yticklabels(ticks)
    here.axhspan(_BOTTOM, _FLOOR, color="#eeeeee", zorder=0)
    here.axhspan(SMALLEST_SUBNORMAL, SMALLEST_NORMAL, color="#fff3d6", zorder=0)
    here.axhline(SMALLEST_NORMAL, color="#888888", linewidth=0.8, linestyle="--")
    here.axvline(length // 2, color="#888888", linewidth=0.8, linestyle=":")
    note(here, length * 0.02, SMALLEST_NORMAL * 4, "float32's smallest normal, 1.2e-38")
    note(here, length * 0.02, 1e-42, "subnormal")
    note(here, length * 0.505, _CEILING / 20, "half the window")
    offsets = {arm: index for index, arm in enumerate(dict.fromkeys(_arms(records)))}
    for record in records:
        arm, samples = record["cell"]["arm"], record["samples"]
        distance = np.asarray(samples[f"distance_{when}"])
        norm = np.asarray(
            [math.nan if n is None else n for n in samples[f"norm_{when}"]], dtype=float
        )
        zero = norm == 0
        shown = np.where(zero, np.nan, np.maximum(norm, _FLOOR))  # float64 may go lower than drawn
        here.plot(distance, shown, color=colour(arm), linewidth=1.6)
        if zero.any():
            level = _ZERO * _ZERO_ROW ** (offsets[arm] - 1)
            strip = np.where(zero, level, np.nan)
            here.plot(distance, strip, color=colour(arm), linewidth=3.2, solid_capstyle="butt")
            first = int(distance[zero][0])
            style: dict[str, Any] = {
                "color": colour(arm),
                "fontsize": 6.5,
                "ha": "right",
                "va": "center",
            }
            here.text(first - length * 0.01, level, f"from {first}", **style)


def _stage(when: str, records: Sequence[Record]) -> str:
    """``at initialisation``, or after how many steps."""
    if when == "init":
        return "at initialisation"
    steps = sorted({r["cell"]["protocol"]["steps"] for r in records} - {0})
    return f"after {' or '.join(map(str, steps))} training steps"


def learning_curves(records: Sequence[Record], floor: float) -> Figure | None:
    """Validation accuracy and training loss by step; a thin line a seed, a thick one the median.

    A floor that is no share, 0 or 1, is not drawn.
    """
    lengths = sorted({r["cell"]["length"] for r in records})
    if not lengths:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            2, len(lengths), figsize=(max(5.0, 4.2 * len(lengths)), 5.6), squeeze=False
        )
        for column, length in enumerate(lengths):
            accuracy, loss = axes[0][column], axes[1][column]
            for series in _by_arm([r for r in records if r["cell"]["length"] == length]):
                arm = series[0]["cell"]["arm"]
                curves = [np.asarray(r["samples"]["validation"], dtype=float) for r in series]
                _lines(accuracy, arm, [(curve[:, 0], curve[:, 2]) for curve in curves])
                _lines(loss, arm, [_by_step(_smooth(r["samples"]["loss"])) for r in series])
            if 0 < floor < 1:
                accuracy.axhline(floor, color="#444444", linestyle="--", linewidth=0.9)
                accuracy.text(
                    0.98,
                    floor - 0.015,
                    "floor: what guessing scores",
                    fontsize=7,
                    va="top",
                    ha="right",
                    transform=accuracy.get_yaxis_transform(),
                )
                loss.axhline(-math.log(floor), color="#444444", linestyle="--", linewidth=0.9)
            accuracy.set_ylim(0, 1)
            accuracy.set_title(f"T = {length}")
            loss.set_xlabel("step")
        axes[0][0].set_ylabel("validation accuracy")
        axes[1][0].set_ylabel("training loss (mean of 5 steps)")
        legend(figure, handles(_arms(records)))
    return figure


def gradient_norm(records: Sequence[Record]) -> Figure | None:
    """Global gradient norm before clipping, by step, with the clipping threshold."""
    lengths = sorted({r["cell"]["length"] for r in records})
    if not lengths:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(lengths),
            figsize=(max(5.0, 4.2 * len(lengths)), 3.6),
            sharey=True,
            squeeze=False,
        )
        for here, length in zip(axes[0], lengths, strict=True):
            chosen = [r for r in records if r["cell"]["length"] == length]
            for series in _by_arm(chosen):
                arm = series[0]["cell"]["arm"]
                _lines(here, arm, [_by_step(r["samples"]["gradient_norm"]) for r in series])
            for clip in sorted({r["cell"]["protocol"]["clip_norm"] for r in chosen}):
                here.axhline(clip, color="#444444", linestyle="--", linewidth=0.9)
                here.text(
                    1.0,
                    clip,
                    f"clipped\nabove {clip:g}",
                    fontsize=7,
                    va="center",
                    ha="left",
                    transform=here.get_yaxis_transform(),
                )
            here.set_yscale("log")
            here.set_title(f"T = {length}")
            here.set_xlabel("step")
        axes[0][0].set_ylabel("global gradient norm before clipping")
        legend(figure, handles(_arms(records)))
    return figure


def _lines(here: Axes, arm: str, series: Sequence[tuple[Any, Any]]) -> None:
    """Every seed thin, a cross where it diverged, and the median as far as all seeds go."""
    longest = max(len(x) for x, _ in series)
    common = min(len(x) for x, _ in series)
    for x, values in series:
        if len(series) > 1:
            here.plot(x, values, color=colour(arm), linewidth=0.6, alpha=0.5)
        if len(x) < longest:
            here.plot(x[-1:], values[-1:], color=colour(arm), marker="x")
    middle = np.median(np.stack([values[:common] for _, values in series]), axis=0)
    here.plot(series[0][0][:common], middle, color=colour(arm), linewidth=1.8)


def _by_step(values: Any) -> tuple[Any, Any]:
    """Steps counted from 1, and their values; those that are not numbers end the line."""
    numbers = np.asarray([v for v in values if v is not None], dtype=float)
    return np.arange(1, len(numbers) + 1), numbers


def _smooth(values: Sequence[float], width: int = 5) -> Any:
    """Trailing mean over up to ``width`` steps."""
    _, numbers = _by_step(values)
    sums = np.cumsum(np.insert(numbers, 0, 0.0))
    ends = np.arange(1, len(numbers) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _arms(records: Sequence[Record]) -> list[str]:
    return [r["cell"]["arm"] for r in records]


def _by_arm(records: Sequence[Record]) -> list[list[Record]]:
    """Records of one arm, kernel and protocol together: a line each, its seeds inside."""
    series: dict[str, list[Record]] = {}
    for record in records:
        cell = record["cell"]
        alike = json.dumps([cell["arm"], cell["kernel"], cell["protocol"]], sort_keys=True)
        series.setdefault(alike, []).append(record)
    return list(series.values())
