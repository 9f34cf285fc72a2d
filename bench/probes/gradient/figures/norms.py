"""The norms of a training's gradient by step: of all parameters, and of each group of them."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bench.drawing.axes import amount_axis
from bench.drawing.colours import INK, RULE
from bench.drawing.lines import MOST_PANELS, binned, seeds_and_median, spread
from bench.drawing.palette import GREY, colour, ink, label, rank
from bench.drawing.style import SMALL, STYLE, WIDTH, grid, handles, legend, title, titled
from bench.frames.groups import arms, by_arm
from bench.probes.gradient.figures import names
from bench.probes.gradient.figures.curves import endings, floats, in_order, most_trained
from bench.probes.gradient.figures.panels import remark
from bench.probes.gradient.records import clip_norm
from bench.store.records import Record

#: A kind of parameters each.
_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (6, 1)), (0, (3, 1, 1, 1, 1, 1)))
_EMBEDDINGS = "embeddings"
_PIXELS = 300  # of the row of clipped steps, as a long training has more steps than that


@mpl.rc_context(STYLE)
def gradient_norm(records: Sequence[Record]) -> Figure | None:
    """Global gradient norm before clipping by step, with the threshold and the clipped steps.

    Of the shortest and the longest window. Of a long training the median of each few steps, so
    that lines stay lines; which steps were clipped is drawn in full, a row a seed.
    """
    records = [r for r in in_order(records) if r["samples"].get("gradient_norm")]
    lengths = spread(sorted({r["cell"]["length"] for r in records}), MOST_PANELS // 2)
    if not lengths:
        return None
    records = [r for r in records if r["cell"]["length"] in lengths]
    rows = len(set(arms(records)))
    figure, axes = plt.subplots(
        2, len(lengths), squeeze=False, figsize=(WIDTH, 3.6 + 0.2 * rows),
        height_ratios=[3.0, 0.22 * rows + 0.1],
    )  # fmt: skip
    for above, below, length in zip(*axes, lengths, strict=True):
        chosen = [r for r in records if r["cell"]["length"] == length]
        _norm_panel(above, chosen)
        _clipped(below, chosen)
        below.set_xlim(above.get_xlim())
        above.set_title(f"T = {length}")
    axes[0][0].set_ylabel("gradient norm before clipping")
    traces = [floats(r["samples"]["gradient_norm"]) for r in records]
    for above in axes[0]:
        every = np.concatenate([*traces, _thresholds(records)])
        amount_axis(above, every, lambda value: f"{value:g}")
    title(figure, "How large is the gradient, and how often is it clipped?")
    legend(figure, handles(arms(records)))
    return figure


def _norm_panel(here: Axes, records: Sequence[Record]) -> None:
    for series in by_arm(records):
        traces = [binned(r["samples"]["gradient_norm"]) for r in series]
        if known := [trace for trace in traces if len(trace[0])]:
            seeds_and_median(here, series[0]["cell"]["arm"], known)
    for clip in _thresholds(records):
        here.axhline(clip, color=GREY, linestyle="--", linewidth=0.9)
        place = here.get_yaxis_transform()
        here.text(
            1.0,
            clip,
            f"clipped\nabove {clip:g}",
            fontsize=SMALL,
            color=GREY,
            va="center",
            transform=place,
        )
    here.tick_params(labelbottom=False)
    remark(here, endings(records))


def _thresholds(records: Sequence[Record]) -> list[float]:
    """Norms above which these trainings were clipped, that have a place on a log axis."""
    return sorted({clip for r in records if 0 < (clip := clip_norm(r)) < math.inf})


def _clipped(here: Axes, records: Sequence[Record]) -> None:
    """Under the curves: which steps were clipped, a line a seed, and how many of them in words."""
    here.grid(visible=False)
    order = sorted(set(arms(records)), key=rank)
    for row, arm in enumerate(order):
        series = [r for r in records if r["cell"]["arm"] == arm]
        marks = [floats(r["samples"]["gradient_norm"]) > clip_norm(r) for r in series]
        steps = max(map(len, marks))
        here.imshow(
            [_stripe(colour(arm), clipped, steps) for clipped in marks], aspect="auto",
            extent=(0.5, steps + 0.5, row + 0.36, row - 0.36), interpolation="nearest",
        )  # fmt: skip
        share = np.concatenate(marks).mean()
        here.text(
            1.0, row, f"{share:.0%} clipped", fontsize=SMALL, va="center", color=ink(arm),
            transform=here.get_yaxis_transform(),
        )  # fmt: skip
    here.set_ylim(len(order) - 0.4, -0.6)
    here.set_yticks([])
    here.set_xlabel("step (marked: clipped)")


def _stripe(shade: str, clipped: npt.NDArray[np.bool_], steps: int) -> npt.NDArray[np.float64]:
    """A seed's row of pixels, the fuller the more of the steps that one stands for were clipped."""
    shares = np.zeros(steps)
    shares[: len(clipped)] = clipped
    pixels = min(steps, _PIXELS)
    starts = np.arange(pixels) * steps // pixels
    alpha = np.add.reduceat(shares, starts) / np.diff([*starts, steps])
    return np.column_stack([np.tile(to_rgb(shade), (pixels, 1)), alpha])


@mpl.rc_context(STYLE)
def group_norms(records: Sequence[Record]) -> Figure | None:
    """The norm of each group of parameters by step, a panel an arm.

    Of the longest window of the longest training. Layers have colours, kinds of parameters dashes;
    of several seeds the median.
    """
    records = [r for r in in_order(records) if r["samples"].get("group_norms")]
    if not records:
        return None
    records = most_trained(records)
    longest = records[0]["cell"]["length"]
    columns = sorted(set(arms(records)), key=rank)[:MOST_PANELS]
    figure, axes = grid(len(columns), height=3.2, sharey=True)
    for number, (here, arm) in enumerate(zip(axes, columns, strict=True)):
        chosen = [r for r in records if r["cell"]["arm"] == arm]
        _group_lines(here, chosen)
        remark(here, endings(chosen))
        here.set_title(f"{label(arm)}, T = {longest}")
        here.set_xlabel("step")
        if number % 2 == 0:
            here.set_ylabel("gradient norm before clipping")
        here.legend(
            handles=here.lines, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2,
            fontsize=SMALL, handlelength=2.4,
        )  # fmt: skip
    drawn = np.concatenate([line.get_ydata() for here in axes for line in here.lines])
    for here in axes:
        amount_axis(here, drawn, lambda value: f"{value:g}")
    title(figure, "Whose gradient is it? The norm of each group of parameters")
    return figure


def _group_lines(here: Axes, records: Sequence[Record]) -> None:
    """One arm's groups, whatever they are called."""
    traces = [{name: binned(norms) for name, norms in r["samples"]["group_norms"]} for r in records]
    for group, (shade, dash) in _looks([name for trace in traces for name in trace]).items():
        known = [trace[group] for trace in traces if group in trace]
        common = min(len(x) for x, _ in known)
        middle = np.median([values[:common] for _, values in known], axis=0)
        (line,) = here.plot(
            known[0][0][:common], middle, color=shade, linestyle=dash, linewidth=1.3,
            label=group,
        )  # fmt: skip
        titled(line, group)


def _looks(groups: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """Colour and dash of each group: layers from dark to light, what lies in none in greys."""
    parts = {group: names.of_group(group) for group in groups}
    layered = [name for name in parts.values() if name.layer is not None]
    layers, kinds = names.layers(layered), names.kinds(layered)
    others = [group for group in parts if parts[group].layer is None and group != _EMBEDDINGS]
    looks: dict[str, tuple[Any, Any]] = {}
    for group, name in parts.items():
        number = 0
        if name.layer is not None:
            place = layers.index((name.stack, name.layer)) / max(1, len(layers) - 1)
            shade: Any = mpl.colormaps["plasma"](0.05 + 0.55 * place)
            number = kinds.index(name.kind)
        elif group == _EMBEDDINGS:
            shade = INK
        else:
            shade, number = RULE, others.index(group)
        looks[group] = shade, _DASHES[number % len(_DASHES)]
    return looks
