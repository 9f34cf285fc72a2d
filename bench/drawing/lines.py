"""Lines that figures share: seeds and their median, traces by step, as many points as one sees."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes

from bench.drawing.palette import colour, label
from bench.drawing.style import titled

Item = TypeVar("Item")
MOST_PANELS = 4  # of a figure, as more cannot be read on a page
_MOST_POINTS = 200  # of a line across half a page; a trace with more steps is binned
_SEED_POINTS = 100  # of each of the thin ones


def spread(items: Sequence[Item], most: int = MOST_PANELS) -> list[Item]:
    """So many of the items at most, first and last among them; of one, the last."""
    if len(items) <= most:
        return list(items)
    if most == 1:
        return [items[-1]]
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]


def thinned(x: Any, most: int = _MOST_POINTS) -> Any:
    """Which points of a growing x to draw: so many, evenly along the axis, both ends among them."""
    places = np.asarray(x, dtype=float)
    if len(places) <= most:
        return np.arange(len(places))
    return np.unique(np.searchsorted(places, np.linspace(places[0], places[-1], most)))


def seeds_and_median(
    here: Axes,
    arm: str,
    series: Sequence[tuple[Any, Any]],
    ended: Sequence[bool] = (),
    places: Any = None,
) -> None:
    """Every seed thin, a cross where it diverged, and the median as far as all seeds go.

    Args:
        here: where to draw.
        arm: whose.
        series: places and values of each seed.
        ended: of each whether it ended because it was done: the median goes on with what it had.
        places: of the median, as many as the longest has; by default the longest's, where a
            shorter one's places are the first of a longer one's.
    """
    done = ended or [False] * len(series)
    places = max((x for x, _ in series), key=len) if places is None else places
    common = min(
        [len(places), *(len(x) for (x, _), own in zip(series, done, strict=True) if not own)]
    )
    lasting = []
    for (x, values), own in zip(series, done, strict=True):
        if len(series) > 1:
            some = thinned(x, _SEED_POINTS)
            here.plot(x[some], values[some], color=colour(arm), linewidth=0.5, alpha=0.45)
        if len(x) < len(places) and not own:
            here.plot(x[-1:], values[-1:], color=colour(arm), marker="x")
        lasting.append(np.pad(values, (0, max(0, common - len(x))), mode="edge")[:common])
    middle = np.median(np.stack(lasting), axis=0)
    some = thinned(places[:common])
    (line,) = here.plot(places[some], middle[some], color=colour(arm), linewidth=1.6)
    titled(line, f"{label(arm)}, {len(series)} seed{'s' if len(series) > 1 else ''}")


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
