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

from bench.metrics import Metric
from bench.report import scores
from bench.report.style import (
    STYLE,
    amount_axis,
    colour,
    handles,
    legend,
    length_axis,
    note,
    rank,
)

SMALLEST_NORMAL = 1.1754943508222875e-38
SMALLEST_SUBNORMAL = 1.401298464324817e-45
_FLOOR, _CEILING = 1e-46, 1e3  # the drawn range of a gradient norm
_ZERO, _BOTTOM = 1e-53, 1e-61  # the strip of exact zeros, a row for each arm, and its lower edge
_ZERO_ROW = 1e-3  # from one arm's row to the next
_STAGES = ("init", "trained")
_DARK, _SOLVED = "#444444", "#117733"
_MOST_POINTS = 400  # of a line; a trace with more steps is binned
_LOW_SHARE = 0.4  # a figure of shares below it is drawn larger

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


def learning_curves(records: Sequence[Record]) -> Figure | None:
    """The task's metric and the training loss by step, a column for each length.

    A thin line a seed, a thick one the median. The floor and the threshold from which the task
    counts as solved are drawn with their values.
    """
    lengths = sorted({r["cell"]["length"] for r in records})
    if not lengths:
        return None
    drawn = scores.of(records)
    metric = drawn[0].metric
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            2, len(lengths), figsize=(max(5.0, 4.2 * len(lengths)), 5.8), squeeze=False
        )
        for column, length in enumerate(lengths):
            above, below = axes[0][column], axes[1][column]
            here = [s for s in drawn if s.cell["length"] == length]
            for series in _by_arm([s.record for s in here]):
                arm = series[0]["cell"]["arm"]
                curves = [np.asarray(s.curve, dtype=float) for s in scores.of(series)]
                _lines(above, arm, [(curve[:, 0], curve[:, 2]) for curve in curves])
                _lines(below, arm, [_by_step(_smooth(r["samples"]["loss"])) for r in series])
            _limits(above, here)
            if (guess := _guess(here[0])) is not None:
                below.axhline(guess, color=_DARK, linestyle="--", linewidth=0.9)
                _beside(below, guess, f"guessing\n{guess:.2f}", "center")
            if metric.scale == "log":
                losses = [_smooth(s.record["samples"]["loss"]) for s in here]
                amount_axis(below, np.concatenate(losses), lambda value: f"{value:g}")
            above.set_title(_trained_on(here))
            below.set_xlabel("step")
        _score_axis(list(axes[0]), drawn, [point[2] for s in drawn for point in s.curve])
        axes[0][0].set_ylabel(f"validation {_name(metric)}")
        axes[1][0].set_ylabel("training loss (mean of 5 steps)")
        legend(figure, handles(_arms(records)))
    return figure


def out_of_distribution(records: Sequence[Record]) -> Figure | None:
    """The task's metric by the length of the window tested, a panel for each length trained on.

    A thin line a seed, a thick one the median; the lengths trained on are shaded. A line that ends
    early is of an arm that reads no longer windows.
    """
    drawn = [s for s in scores.of(records) if s.by_length]
    if not drawn:
        return None
    trained = sorted({s.cell["length"] for s in drawn})
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(trained),
            figsize=(max(5.6, 4.6 * len(trained)), 3.9),
            squeeze=False,
        )
        for panel, length in zip(axes[0], trained, strict=True):
            here = [s for s in drawn if s.cell["length"] == length]
            for series in _by_arm([s.record for s in here]):
                _by_test_length(panel, scores.of(series))
            lengths = sorted({n for s in here for n, *_ in s.by_length})
            # Of the lengths trained on as much is shown as tells where they end.
            shortest = max(min(s.shortest for s in here), min(lengths) // 2)
            length_axis(panel, [*lengths, shortest])
            panel.set_xlabel("window tested (tokens)")
            _shade(panel, here)
            _limits(panel, here, lengths)
            panel.set_title(_trained_on(here))
        reached = [score for s in drawn for _, score, _ in s.by_length]
        _score_axis(list(axes[0]), drawn, reached)
        axes[0][0].set_ylabel(f"test {_name(drawn[0].metric)}")
        legend(figure, handles([s.cell["arm"] for s in drawn]))
    return figure


def _by_test_length(here: Axes, series: Sequence[scores.Scores]) -> None:
    """One arm: every seed thin, and the median where all seeds have a score."""
    shade = colour(series[0].cell["arm"])
    lines = [
        {length: score for length, score, _ in s.by_length if score is not None} for s in series
    ]
    for line in lines:
        style: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.5} if len(lines) > 1 else {}
        if style:
            here.plot(list(line), list(line.values()), color=shade, **style)
    common = sorted(set.intersection(*(set(line) for line in lines)))
    middle = [np.median([line[length] for line in lines]) for length in common]
    here.plot(common, middle, color=shade, linewidth=1.8, marker="o", markersize=3.5)


def _shade(here: Axes, drawn: Sequence[scores.Scores]) -> None:
    """The lengths trained on, to the left of the longest of them."""
    shortest, longest = min(s.shortest for s in drawn), drawn[0].cell["length"]
    if shortest < longest:
        here.axvspan(shortest, longest, color="#eef3f8", zorder=0)
    here.axvline(longest, color="#888888", linewidth=0.9, linestyle=":")
    style: dict[str, Any] = {"fontsize": 7, "color": _DARK, "va": "bottom", "ha": "left"}
    text = f" trained to {longest}"
    here.text(longest, 0.02, text, transform=here.get_xaxis_transform(), **style)


def _limits(here: Axes, drawn: Sequence[scores.Scores], lengths: Sequence[int] = ()) -> None:
    """The floor, at every length where it depends on that, and the threshold, with their values."""
    first = next((s for s in drawn if s.floor is not None), drawn[0])
    # Each name on its own side of the two levels, so that near ones can be read.
    below, above = ("top", "bottom") if first.metric.higher_is_better else ("bottom", "top")
    floors = [first.floor_at(length) for length in lengths]
    known = [floor for floor in floors if floor is not None]
    if len(set(known)) > 1 and len(known) == len(lengths):
        here.plot(lengths, known, color=_DARK, linestyle="--", linewidth=0.9)
        # At its start, as at its end the threshold may be near.
        here.annotate(
            "floor ", (lengths[0], known[0]), fontsize=7, color=_DARK, va="center", ha="right"
        )
    elif first.floor is not None:
        here.axhline(first.floor, color=_DARK, linestyle="--", linewidth=0.9)
        _beside(here, first.floor, f"floor\n{first.floor:.3g}", below)
    if first.solved_at is not None:
        here.axhline(first.solved_at, color=_SOLVED, linestyle="-.", linewidth=0.9)
        _beside(here, first.solved_at, f"solved\n{first.solved_at:.3g}", above, _SOLVED)


def _beside(here: Axes, height: float, text: str, side: str, shade: str = _DARK) -> None:
    """A level's name, to the right of the panel, where no line crosses it."""
    place = here.get_yaxis_transform()
    style: dict[str, Any] = {"fontsize": 7, "va": side, "ha": "left", "color": shade}
    here.text(1.01, height, text, transform=place, **style)


def _score_axis(
    axes: Sequence[Axes], drawn: Sequence[scores.Scores], reached: Sequence[float | None]
) -> None:
    """One axis for all panels: shares from 0, to 1 unless nothing comes near; others as they grow.

    Args:
        axes: the panels; drawn: what they show; reached: every score in them.
    """
    levels = [s.floor for s in drawn] + [s.solved_at for s in drawn]
    values = [v for v in (*reached, *levels) if v is not None and math.isfinite(v)]
    if not values:
        return
    scale = drawn[0].metric.scale
    low, high = min(values), max(values)
    for here in axes:
        if scale == "share":
            top = 1.0 if high > _LOW_SHARE else max(1.3 * high, 0.02)
            here.set_ylim(-0.02 * top, 1.02 * top)
        elif scale == "log" and low > 0:
            amount_axis(here, values, lambda value: f"{value:g}")
        else:
            room = 0.06 * (high - low or abs(high) or 1.0)
            here.set_ylim(low - room, high + room)


def _trained_on(drawn: Sequence[scores.Scores]) -> str:
    """``T = 40``, or the lengths of its training windows."""
    shortest, longest = min(s.shortest for s in drawn), drawn[0].cell["length"]
    return f"T = {longest}" if shortest == longest else f"trained on T = {shortest} to {longest}"


def _name(metric: Metric) -> str:
    return metric.name if metric.higher_is_better else f"{metric.name}\n(lower is better)"


def _guess(trained: scores.Scores) -> float | None:
    """The loss of guessing among classes that are equally likely; None where they are not."""
    classes, floor = len(trained.literals.get("LABELS", ())), trained.floor
    if classes < 2 or floor is None or trained.metric.name != "accuracy":
        return None
    return math.log(classes) if math.isclose(floor * classes, 1) else None


def gradient_norm(records: Sequence[Record]) -> Figure | None:
    """Global gradient norm before clipping, by step, with the clipping threshold.

    Of a long training the median of each few steps, so that lines stay lines.
    """
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
                _lines(here, arm, [_binned(r["samples"]["gradient_norm"]) for r in series])
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


def _binned(values: Any) -> tuple[Any, Any]:
    """The same, of a trace with more steps than a panel shows the median of each so many."""
    steps, numbers = _by_step(values)
    width = -(-len(numbers) // _MOST_POINTS)
    if width <= 1:
        return steps, numbers
    starts = np.arange(0, len(numbers), width)
    middles = [np.median(numbers[start : start + width]) for start in starts]
    return steps[np.minimum(starts + width, len(numbers)) - 1], np.asarray(middles)


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
