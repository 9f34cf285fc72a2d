"""The gradient at the states in between, layer by layer."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.drawing.colours import INK
from bench.drawing.lines import MOST_PANELS
from bench.drawing.palette import GREY, colour, label, rank
from bench.drawing.style import SMALL, STYLE, grid, legend, title, titled
from bench.frames.groups import arms
from bench.outcome import DIVERGED
from bench.probes.gradient.figures import names
from bench.probes.gradient.figures.axis import LOWEST, Axis
from bench.probes.gradient.figures.curves import (
    Floats,
    endings,
    floats,
    in_order,
    most_trained,
    seen_to,
    stage_in_words,
    trained,
    where_lost,
)
from bench.probes.gradient.figures.panels import distance_of, remark, visible
from bench.probes.gradient.records import of_flow
from bench.store.records import Record

_MARKERS = ("", "o", "s", "D", "v", "P")  # a kind of state each


@mpl.rc_context(STYLE)
def state_flow(records: Sequence[Record]) -> Figure | None:
    """The norm at the states in between, layer by layer, before (dashed) and after training.

    A panel an arm, of the longest window of the longest training: dL/dh, an LSTM's dL/dc, a
    transformer's residual stream.
    """
    records = [r for r in in_order(of_flow(records)) if trained(r) and r["samples"].get("states")]
    if not records:
        return None
    records = most_trained(records)
    longest = records[0]["cell"]["length"]
    columns = sorted(set(arms(records)), key=rank)[:MOST_PANELS]
    records = [r for r in records if r["cell"]["arm"] in columns]
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
    figure, axes = grid(len(columns), height=3.0, sharey=True)
    for number, (here, arm) in enumerate(zip(axes, columns, strict=True)):
        chosen = [r for r in records if r["cell"]["arm"] == arm]
        axis.apply(here, seen_to(chosen, axis.floor, "state_norm"))
        _state_lines(here, axis, chosen)
        here.set_title(f"{label(arm)}, T = {longest}")
        here.set_xlabel(distance_of(chosen))
        if number % 2 == 0:
            here.set_ylabel("‖∂loss/∂state‖")
    title(figure, "How far does the gradient come inside each model?")
    entries = [
        Line2D([], [], color=GREY, linestyle="--", label="at initialisation"),
        Line2D([], [], color=GREY, linestyle="-", label=stage_in_words("end", records)),
    ]
    legend(figure, entries)
    return figure


def _state_lines(here: Axes, axis: Axis, records: Sequence[Record]) -> None:
    """One arm: a shade a layer, from the arm's colour to ink; a marker a kind of state."""
    states = {name: names.of_state(name) for r in records for name in r["samples"]["states"]}
    layers = names.layers(list(states.values()))
    kinds = names.kinds(list(states.values()))
    arm, lost, entries = records[0]["cell"]["arm"], [], []
    for state, name in states.items():
        place = 0.0
        if name.layer is not None and len(layers) > 1:
            place = layers.index((name.stack, name.layer)) / (len(layers) - 1)
        shade = _shade(colour(arm), place)
        marker = _MARKERS[kinds.index(name.kind) % len(_MARKERS)]
        text = state
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
            some = visible(here, distance)
            shown = axis.shown(middle)[some]
            if np.isfinite(shown).any():
                (line,) = here.plot(
                    distance[some], shown, color=shade, linestyle=style, markersize=3,
                    linewidth=0.9 if number == 0 else 1.6, marker=marker, markevery=(0.05, 0.12),
                )  # fmt: skip
                titled(line, f"{label(arm)}, {text}")
            said = f"{text}: " if number else None
            if state in axis.rows:
                axis.zeros(here, state, distance, _followed(middle), said, shade, colour(arm))
    remark(here, [*endings(records), *((arm, text) for text in dict.fromkeys(lost))])
    here.legend(
        handles=entries, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=SMALL,
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


def _shade(base: str, place: float) -> str:
    """An arm's colour for the first layer (0), ink for the last (1), and what lies between."""
    parts = zip(to_rgb(base), to_rgb(INK), strict=True)
    red, green, blue = (start + (end - start) * place for start, end in parts)
    return to_hex((red, green, blue))
