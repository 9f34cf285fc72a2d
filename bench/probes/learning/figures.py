"""The figures of what a model learns: its curves, floors and thresholds drawn.

Every function takes records of one facet and returns a figure, or None where there is nothing to
draw.
"""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.data.metrics import Metric
from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.lines import by_step, seeds_and_median
from bench.drawing.palette import colour
from bench.drawing.style import STYLE, handles, legend
from bench.frames import scores
from bench.frames.groups import arms, by_arm
from bench.store.records import Record

_DARK, _SOLVED = "#444444", "#117733"
_LOW_SHARE = 0.4  # a figure of shares below it is drawn larger


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
            for series in by_arm([s.record for s in here]):
                arm = series[0]["cell"]["arm"]
                curves = [np.asarray(s.curve, dtype=float) for s in scores.of(series)]
                seeds_and_median(above, arm, [(curve[:, 0], curve[:, 2]) for curve in curves])
                seeds_and_median(
                    below, arm, [by_step(_smooth(r["samples"]["loss"])) for r in series]
                )
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
        legend(figure, handles(arms(records)))
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
            for series in by_arm([s.record for s in here]):
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


def _smooth(values: Sequence[float], width: int = 5) -> Any:
    """Trailing mean over up to ``width`` steps."""
    _, numbers = by_step(values)
    sums = np.cumsum(np.insert(numbers, 0, 0.0))
    ends = np.arange(1, len(numbers) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)
