"""The norms of a training's gradient by step: of all parameters, and of each group of them."""

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
from bench.probes.gradient.figures.curves import endings, floats, in_order
from bench.probes.gradient.figures.panels import COLUMNS, chunked, remark
from bench.store.records import Record

_DASHES = ("-", "--", ":", "-.")


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
        clips = [r["cell"]["protocol"]["clip_norm"] for r in records]
        traces = [floats(r["samples"]["gradient_norm"]) for r in records]
        every = np.concatenate([*traces, [clip for clip in clips if clip > 0]])
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
    for clip in sorted({r["cell"]["protocol"]["clip_norm"] for r in records} - {0.0}):
        here.axhline(clip, color="#444444", linestyle="--", linewidth=0.9)
        place = here.get_yaxis_transform()
        here.text(1.0, clip, f"clipped\nabove {clip:g}", fontsize=7, va="center", transform=place)
    here.tick_params(labelbottom=False)
    remark(here, endings(records))


def _clipped(here: Axes, records: Sequence[Record]) -> None:
    """Under the curves: which steps were clipped, a line a seed, and how many of them in words."""
    here.set_axisbelow(True)
    here.grid(visible=False)
    names = sorted(set(arms(records)), key=rank)
    for row, arm in enumerate(names):
        series = [r for r in records if r["cell"]["arm"] == arm]
        marks = [
            floats(r["samples"]["gradient_norm"]) > r["cell"]["protocol"]["clip_norm"]
            for r in series
        ]
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
    here.set_ylim(len(names) - 0.4, -0.6)
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
                loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, fontsize=7,
                handlelength=2.4,
            )  # fmt: skip
        drawn = [line.get_ydata() for here in axes[0] for line in here.lines]
        for here in axes[0]:
            amount_axis(here, np.concatenate(drawn), lambda value: f"{value:g}")
        axes[0][0].set_ylabel("gradient norm before clipping")
    return figure


def _group_lines(here: Axes, records: Sequence[Record]) -> None:
    """One arm's groups: the embeddings and the head in greys, layers from light to dark."""
    names = [name for name, _ in records[0]["samples"]["group_norms"]]
    layered = {name: _layer(name) for name in names if name.startswith("layer ")}
    layers = sorted({layer for layer, _ in layered.values()})
    kinds = list(dict.fromkeys(kind for _, kind in layered.values()))
    for index, name in enumerate(names):
        traces = [binned(r["samples"]["group_norms"][index][1]) for r in records]
        common = min(len(x) for x, _ in traces)
        middle = np.median([values[:common] for _, values in traces], axis=0)
        shade: Any = "#000000" if name == "embeddings" else "#888888"
        dash = "-"
        if name in layered:
            layer, kind = layered[name]
            place = layers.index(layer) / max(1, len(layers) - 1)
            shade = mpl.colormaps["plasma"](0.05 + 0.7 * place)
            dash = _DASHES[kinds.index(kind) % len(_DASHES)]
        here.plot(
            traces[0][0][:common], middle, color=shade, linestyle=dash, linewidth=1.3, label=name
        )


def _layer(name: str) -> tuple[int, str]:
    """Number and kind of ``layer 1 input``; of an arm without kinds it is ``layer 1`` alone."""
    _, number, *kind = name.split(" ", 2)
    return int(number), " ".join(kind)
