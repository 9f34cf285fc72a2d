"""The norms of a training's gradient by step: of all parameters, and of each group of them."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.drawing.axes import amount_axis
from bench.drawing.lines import binned, seeds_and_median
from bench.drawing.palette import colour, label, rank
from bench.drawing.style import STYLE, handles, legend
from bench.frames.groups import arms, by_arm
from bench.probes.gradient.figures import names
from bench.probes.gradient.figures.curves import endings, floats, in_order
from bench.probes.gradient.figures.panels import COLUMNS, chunked, remark
from bench.probes.gradient.records import clip_norm
from bench.store.records import Record

#: A kind of parameters each.
_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (6, 1)), (0, (3, 1, 1, 1, 1, 1)))
_EMBEDDINGS = "embeddings"


def gradient_norm(records: Sequence[Record]) -> Figure | None:
    """Global gradient norm before clipping by step, with the threshold and the clipped steps.

    Of a long training the median of each few steps, so that lines stay lines; which steps were
    clipped is drawn in full, a row a seed.
    """
    records = [r for r in in_order(records) if r["samples"].get("gradient_norm")]
    lengths = sorted({r["cell"]["length"] for r in records})
    if not lengths:
        return None
    columns = min(len(lengths), COLUMNS)
    chunks = chunked(lengths, columns)
    rows = len(set(arms(records)))
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            2 * len(chunks), columns, squeeze=False, sharex=False,
            figsize=(max(5.6, 3.9 * columns), (3.2 + 0.2 * rows) * len(chunks) + 0.5),
            height_ratios=[3.0, 0.22 * rows + 0.1] * len(chunks),
        )  # fmt: skip
        for number, chunk in enumerate(chunks):
            above, below = axes[2 * number], axes[2 * number + 1]
            for spare in (*above[len(chunk) :], *below[len(chunk) :]):
                spare.set_axis_off()
            for here, rug, length in zip(above, below, chunk, strict=False):
                chosen = [r for r in records if r["cell"]["length"] == length]
                _norm_panel(here, chosen)
                _clipped(rug, chosen)
                rug.set_xlim(here.get_xlim())
                here.set_title(f"T = {length}")
            above[0].set_ylabel("global gradient norm\nbefore clipping")
        traces = [floats(r["samples"]["gradient_norm"]) for r in records]
        every = np.concatenate([*traces, _thresholds(records)])
        for number, chunk in enumerate(chunks):
            for here in axes[2 * number][: len(chunk)]:
                amount_axis(here, every, lambda value: f"{value:g}")
        legend(figure, handles(arms(records)))
    return figure


def _norm_panel(here: Axes, records: Sequence[Record]) -> None:
    for series in by_arm(records):
        traces = [binned(r["samples"]["gradient_norm"]) for r in series]
        if known := [trace for trace in traces if len(trace[0])]:
            seeds_and_median(here, series[0]["cell"]["arm"], known)
    for clip in _thresholds(records):
        here.axhline(clip, color="#444444", linestyle="--", linewidth=0.9)
        place = here.get_yaxis_transform()
        here.text(1.0, clip, f"clipped\nabove {clip:g}", fontsize=7, va="center", transform=place)
    here.tick_params(labelbottom=False)
    remark(here, endings(records))


def _thresholds(records: Sequence[Record]) -> list[float]:
    """Norms above which these trainings were clipped, that have a place on a log axis."""
    return sorted({clip for r in records if 0 < (clip := clip_norm(r)) < math.inf})


def _clipped(here: Axes, records: Sequence[Record]) -> None:
    """Under the curves: which steps were clipped, a line a seed, and how many of them in words."""
    here.set_axisbelow(True)
    here.grid(visible=False)
    order = sorted(set(arms(records)), key=rank)
    for row, arm in enumerate(order):
        series = [r for r in records if r["cell"]["arm"] == arm]
        marks = [floats(r["samples"]["gradient_norm"]) > clip_norm(r) for r in series]
        for number, clipped in enumerate(marks):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], clipped.astype(int), [0]])))
            y = row - 0.36 + 0.72 * (number + 0.5) / len(marks)
            here.hlines(
                [y] * (len(edges) // 2), edges[::2] + 0.5, edges[1::2] + 0.5, color=colour(arm),
                linewidth=min(4.0, 9.0 / len(marks)),
            )  # fmt: skip
        share = np.concatenate(marks).mean()
        here.text(
            1.0, row, f"{share:.0%} clipped", fontsize=7, va="center", color=colour(arm),
            transform=here.get_yaxis_transform(),
        )  # fmt: skip
    here.set_ylim(len(order) - 0.4, -0.6)
    here.set_yticks([])
    here.set_xlabel("step (marked: clipped)")


def group_norms(records: Sequence[Record]) -> Figure | None:
    """The norm of each group of parameters by step, a panel an arm, of the longest window.

    Layers have colours, kinds of parameters dashes; of several seeds the median.
    """
    records = [r for r in in_order(records) if r["samples"].get("group_norms")]
    if not records:
        return None
    longest = max(r["cell"]["length"] for r in records)
    records = [r for r in records if r["cell"]["length"] == longest]
    columns = sorted(set(arms(records)), key=rank)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(columns), squeeze=False, sharey=True,
            figsize=(max(5.6, 3.2 * len(columns)), 4.3),
        )  # fmt: skip
        for here, arm in zip(axes[0], columns, strict=True):
            chosen = [r for r in records if r["cell"]["arm"] == arm]
            _group_lines(here, chosen)
            remark(here, endings(chosen))
            here.set_title(f"{label(arm)}, T = {longest}")
            here.set_xlabel("step")
            here.legend(
                handles=here.lines, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2,
                fontsize=7, handlelength=2.4,
            )  # fmt: skip
        drawn = [line.get_ydata() for here in axes[0] for line in here.lines]
        for here in axes[0]:
            amount_axis(here, np.concatenate(drawn), lambda value: f"{value:g}")
        axes[0][0].set_ylabel("gradient norm before clipping")
    return figure


def _group_lines(here: Axes, records: Sequence[Record]) -> None:
    """One arm's groups, whatever they are called."""
    traces = [{name: binned(norms) for name, norms in r["samples"]["group_norms"]} for r in records]
    for group, (shade, dash) in _looks([name for trace in traces for name in trace]).items():
        known = [trace[group] for trace in traces if group in trace]
        common = min(len(x) for x, _ in known)
        middle = np.median([values[:common] for _, values in known], axis=0)
        here.plot(
            known[0][0][:common], middle, color=shade, linestyle=dash, linewidth=1.3,
            label=names.shown(group),
        )  # fmt: skip


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
            shade: Any = mpl.colormaps["plasma"](0.05 + 0.7 * place)
            number = kinds.index(name.kind)
        elif group == _EMBEDDINGS:
            shade = "#000000"
        else:
            shade, number = "#888888", others.index(group)
        looks[group] = shade, _DASHES[number % len(_DASHES)]
    return looks
