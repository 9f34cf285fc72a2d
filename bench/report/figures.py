"""The figures of a report: one colour for an arm everywhere, floors and limits drawn.

Every function takes records of one facet and returns a figure, or None where there is nothing to
draw. A log axis has no place for zero, so zeros get a strip of their own below it.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

from bench import stats

# Okabe and Ito's palette, safe for colour-blind readers.
_COLOURS = {
    "rnn": "#E69F00",
    "lstm": "#0072B2",
    "gru": "#009E73",
    "transformer": "#D55E00",
    "pretrained": "#CC79A7",
}
_OTHERS = ("#56B4E9", "#000000", "#F0E442", "#999999")
_LABELS = {
    "rnn": "Elman RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "transformer": "transformer",
    "pretrained": "MiniLM (pretrained)",
}
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "svg.hashsalt": "rnn-vs-transformer",
    "savefig.dpi": 160,
}
SMALLEST_NORMAL = 1.1754943508222875e-38
SMALLEST_SUBNORMAL = 1.401298464324817e-45
_FLOOR, _CEILING = 1e-46, 1e3  # the drawn range of a gradient norm
_ZERO, _BOTTOM = 1e-53, 1e-61  # the strip of exact zeros, a row for each arm, and its lower edge
_ZERO_ROW = 1e-3  # from one arm's row to the next
_STAGES = ("init", "trained")

Record = dict[str, Any]


def label(arm: str) -> str:
    """An arm's name in a figure."""
    return _LABELS.get(arm, arm.replace("$", r"\$"))


def colour(arm: str) -> str:
    """An arm's colour in every figure."""
    return _COLOURS.get(arm) or _OTHERS[sum(arm.encode()) % len(_OTHERS)]


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as SVG and PNG, the same bytes for the same records."""
    with mpl.rc_context(_STYLE):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
    plt.close(figure)


def gradient_flow(records: Sequence[Record]) -> Figure | None:
    """Gradient norm at the input embeddings by distance from the loss.

    A column for each length, a row for before and for after training, a line for each arm.
    """
    records = sorted(records, key=lambda r: rank(r["cell"]["arm"]))
    lengths = sorted({r["cell"]["length"] for r in records})
    stages = [w for w in _STAGES if any(f"norm_{w}" in r["samples"] for r in records)]
    if not lengths or not stages:
        return None
    with mpl.rc_context(_STYLE):
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
        _legend(figure, [r["cell"]["arm"] for r in records])
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
    _note(here, length * 0.02, SMALLEST_NORMAL * 4, "float32's smallest normal, 1.2e-38")
    _note(here, length * 0.02, 1e-42, "subnormal")
    _note(here, length * 0.505, _CEILING / 20, "half the window")
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


def rank(arm: str) -> tuple[int, str]:
    """Where an arm stands in a legend: known ones in the palette's order, then by name."""
    known = list(_COLOURS)
    return (known.index(arm) if arm in known else len(known), arm)


def _note(here: Axes, x: float, y: float, text: str) -> None:
    """A small remark that stays readable over lines."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    here.text(x, y, text, fontsize=6.5, color="#555555", bbox=box)


def throughput(records: Sequence[Record]) -> Figure | None:
    """Tokens per second by length, training beside forward, with 95% bands."""
    phases = [p for p in ("training", "forward") if any(_phase(r) == p for r in records)]
    if not phases:
        return None
    lengths = sorted({r["cell"]["length"] for r in records})
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(1, len(phases), figsize=(4.2 * len(phases), 3.8), squeeze=False)
        for here, phase in zip(axes[0], phases, strict=True):
            for series in _by_arm([r for r in records if _phase(r) == phase]):
                arm = series[0]["cell"]["arm"]
                points = []
                for record in sorted(series, key=lambda r: int(r["cell"]["length"])):
                    tokens = record["metrics"]["tokens_per_step"]
                    step = stats.median(record["samples"]["seconds"], per_round=2)
                    points.append(
                        (
                            record["cell"]["length"],
                            tokens / step.value,
                            tokens / step.high,
                            tokens / step.low,
                        )
                    )
                x, y, low, high = np.asarray(points, dtype=float).T
                here.fill_between(x, low, high, color=colour(arm), alpha=0.2, linewidth=0)
                here.plot(x, y, color=colour(arm), marker="o", markersize=4)
            here.set_xscale("log", base=2)
            here.set_yscale("log")
            here.xaxis.set_major_locator(FixedLocator(lengths))
            here.xaxis.set_minor_locator(NullLocator())
            here.set_xticklabels([str(length) for length in lengths])
            here.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            here.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            here.yaxis.set_minor_formatter(NullFormatter())
            here.set_title("training step" if phase == "training" else "forward pass")
            here.set_xlabel("window length T (tokens)")
        axes[0][0].set_ylabel("tokens per second")
        _legend(figure, _arms(records))
    return figure


def learning_curves(records: Sequence[Record], floor: float) -> Figure | None:
    """Validation accuracy and training loss by step; a thin line a seed, a thick one the median."""
    lengths = sorted({r["cell"]["length"] for r in records})
    if not lengths:
        return None
    with mpl.rc_context(_STYLE):
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
            accuracy.set_ylim(0, 1)
            accuracy.set_title(f"T = {length}")
            loss.axhline(-math.log(floor), color="#444444", linestyle="--", linewidth=0.9)
            loss.set_xlabel("step")
        axes[0][0].set_ylabel("validation accuracy")
        axes[1][0].set_ylabel("training loss (mean of 5 steps)")
        _legend(figure, _arms(records))
    return figure


def gradient_norm(records: Sequence[Record]) -> Figure | None:
    """Global gradient norm before clipping, by step, with the clipping threshold."""
    lengths = sorted({r["cell"]["length"] for r in records})
    if not lengths:
        return None
    with mpl.rc_context(_STYLE):
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
        _legend(figure, _arms(records))
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


def _phase(record: Record) -> str:
    phase: str = record["cell"]["axes"]["phase"]
    return phase


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


def _legend(figure: Figure, arms: Sequence[str]) -> None:
    handles = [
        Line2D([], [], color=colour(arm), linewidth=2.2, label=label(arm))
        for arm in sorted(set(arms), key=rank)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
