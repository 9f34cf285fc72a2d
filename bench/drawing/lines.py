"""Lines that figures share: seeds and their median, traces by step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bench.drawing.palette import colour

_MOST_POINTS = 400  # of a line; a trace with more steps is binned


def seeds_and_median(here: Axes, arm: str, series: Sequence[tuple[Any, Any]]) -> None:
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


def by_step(values: Any) -> tuple[Any, Any]:
    """Steps counted from 1, and their values; those that are not numbers end the line."""
    numbers = np.asarray([v for v in values if v is not None], dtype=float)
    return np.arange(1, len(numbers) + 1), numbers


def binned(values: Any) -> tuple[Any, Any]:
    """The same, of a trace with more steps than a panel shows the median of each so many."""
    steps, numbers = by_step(values)
    width = -(-len(numbers) // _MOST_POINTS)
    if width <= 1:
        return steps, numbers
    starts = np.arange(0, len(numbers), width)
    middles = [np.median(numbers[start : start + width]) for start in starts]
    return steps[np.minimum(starts + width, len(numbers)) - 1], np.asarray(middles)
