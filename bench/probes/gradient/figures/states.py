"""The gradient at the states in between, layer by layer."""

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.drawing.palette import GREY, colour, label, rank
from bench.drawing.style import STYLE, legend
from bench.frames.groups import arms
from bench.outcome import DIVERGED
from bench.probes.gradient.figures import names
from bench.probes.gradient.figures.axis import LOWEST, Axis
from bench.probes.gradient.figures.curves import (
    Floats,
    endings,
    farthest,
    floats,
    in_order,
    stage_in_words,
    trained,
    where_lost,
)
from bench.probes.gradient.figures.panels import DISTANCE, remark
from bench.probes.gradient.records import of_flow
from bench.store.records import Record

_MARKERS = ("", "o", "s", "D", "v", "P")  # a kind of state each


def state_flow(records: Sequence[Record]) -> Figure | None:
    """The norm at the states in between, layer by layer, before (dashed) and after training.

    A panel an arm, of the longest window that was trained on: dL/dh, an LSTM's dL/dc, a
    transformer's residual stream.
    """
    records = [r for r in in_order(of_flow(records)) if trained(r) and r["samples"].get("states")]
    if not records:
        return None
    longest = max(r["cell"]["length"] for r in records)
    records = [r for r in records if r["cell"]["length"] == longest]
    columns = sorted(set(arms(records)), key=rank)
    norms = [
        floats(row)
        for r in records
        for number in {0, len(r["samples"]["state_norm"]) - 1}
        for row in r["samples"]["state_norm"][number]
    ]
    zero = [
        name
        for r in records
        for stage in r["samples"]["state_norm"]
        for name, row in zip(r["samples"]["states"], stage, strict=True)
        if (_followed(floats(row)) == 0).any()
    ]
    axis = Axis.holding(np.concatenate(norms), zero)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(columns), sharey=True, squeeze=False,
            figsize=(max(5.6, 3.1 * len(columns)), 3.9),
        )  # fmt: skip
        for here, arm in zip(axes[0], columns, strict=True):
            chosen = [r for r in records if r["cell"]["arm"] == arm]
            axis.apply(here, chosen[0], farthest(chosen), named=here is axes[0][0])
            _state_lines(here, axis, chosen)
            here.set_title(f"{label(arm)}, T = {longest}")
            here.set_xlabel(DISTANCE)
        axes[0][0].set_ylabel("‖∂loss/∂state‖")
        entries = [
            Line2D([], [], color=GREY, linestyle="--", label="at initialisation"),
            Line2D([], [], color=GREY, linestyle="-", label=stage_in_words("end", records)),
        ]
        legend(figure, entries)
    return figure


def _state_lines(here: Axes, axis: Axis, records: Sequence[Record]) -> None:
    """One arm: a shade a layer, the darker the nearer to the head; a marker a kind of state."""
    states = {name: names.of_state(name) for r in records for name in r["samples"]["states"]}
    layers = names.layers(list(states.values()))
    kinds = names.kinds(list(states.values()))
    arm, lost, entries = records[0]["cell"]["arm"], [], []
    for state, name in states.items():
        place = 0.5
        if name.layer is not None and len(layers) > 1:
            place = layers.index((name.stack, name.layer)) / (len(layers) - 1)
        shade = _shade(colour(arm), place)
        marker = _MARKERS[kinds.index(name.kind) % len(_MARKERS)]
        text = names.shown(state)
        entries.append(
            Line2D([], [], color=shade, marker=marker, markersize=3, linewidth=1.6, label=text)
        )
        for number, style in ((0, "--"), (-1, "-")):
            found = [_state_curve(r, number, state) for r in records]
            curves = [curve for curve in found if curve is not None]
            if not curves:
                continue
            count = min(len(curve) for curve in curves)
            middle = np.median([curve[:count] for curve in curves], axis=0)
            distance = floats(records[0]["samples"]["distance"])[:count]
            if np.isnan(middle).any():
                lost.append(f"{text}: {where_lost(middle, distance)}")
            shown = axis.shown(middle)
            if np.isfinite(shown).any():
                here.plot(
                    distance, shown, color=shade, linestyle=style, markersize=3,
                    linewidth=0.9 if number == 0 else 1.6, marker=marker, markevery=(0.05, 0.12),
                )  # fmt: skip
            said = f"{text}: " if number else None
            if state in axis.rows:
                axis.zeros(here, state, distance, _followed(middle), said, shade, colour(arm))
    remark(here, [*endings(records), *((arm, text) for text in dict.fromkeys(lost))])
    here.legend(
        handles=entries, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=7,
        handlelength=1.6,
    )  # fmt: skip


def _followed(norm: Floats) -> Floats:
    """Without the zeros that lie beyond what has left the axis: float64 has an end too."""
    gone = np.cumsum((norm > 0) & (norm < LOWEST)) > 0
    return np.where(gone & (norm == 0), np.nan, norm)


def _state_curve(record: Record, number: int, state: str) -> Floats | None:
    """One state, at initialisation or at the last stage that has numbers; None without it."""
    known = record["samples"]["states"]
    if state not in known:
        return None
    rows = [floats(stage[known.index(state)]) for stage in record["samples"]["state_norm"]]
    if number == 0:
        return rows[0]
    if record["status"] == DIVERGED:
        return next((row for row in rows[:0:-1] if np.isfinite(row).any()), None)
    return rows[-1]


def _shade(base: str, place: float) -> tuple[float, float, float]:
    """An arm's colour, paled for the first layer (0) and darkened for the last (1)."""
    target, part = ((1.0, 1.0, 1.0), 0.45 * (1 - 2 * place)) if place < 0.5 else (
        (0.0, 0.0, 0.0), 0.5 * (2 * place - 1)
    )  # fmt: skip
    red, green, blue = (c + (t - c) * part for c, t in zip(to_rgb(base), target, strict=True))
    return red, green, blue
