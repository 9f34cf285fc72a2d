"""The figures of memory: how far a step's peak rises, and what a row keeps, by length.

Every function takes the rows of one facet and returns a figure, or None where there is nothing to
draw.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.drawing.axes import amount_axis
from bench.drawing.by_length import WIDTH, draw_lines, legend_entries, phases_of, series_of
from bench.drawing.palette import GREY, colour
from bench.drawing.style import STYLE, legend
from bench.page.numbers import in_units
from bench.probes.memory.tables import RISE


def memory(rows: pd.DataFrame) -> Figure | None:
    """Peak of a step beyond its start by length: tensors as counted, and what the system gave."""
    kinds = {
        name: title
        for name, title in RISE.items()
        if name in rows.columns and rows[name].notna().any()
    }
    phases = phases_of(rows) if kinds else {}
    if not phases:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(phases), len(kinds), figsize=(WIDTH * len(kinds), 3.3 * len(phases) + 0.5),
            squeeze=False,
        )  # fmt: skip
        for line, phase in zip(axes, phases, strict=True):
            for here, (name, title) in zip(line, kinds.items(), strict=True):
                draw_lines(here, rows[rows["phase"] == phase], name, _bytes)
                here.set_title(f"{phases[phase]}: {title}")
        for line in axes:
            line[0].set_ylabel("peak beyond the start")
        legend(figure, legend_entries(rows))
    return figure


def state(rows: pd.DataFrame) -> Figure | None:
    """What one row keeps in order to read one more token: a state, or keys and values.

    Args:
        rows: of the table ``state``; ``state_bytes`` as counted from the architecture, and
            ``measured_bytes`` of the real cache where decoding was measured.

    Returns:
        None where there is one length only: the table says it better than a few dots.
    """
    if rows.empty or rows["length"].nunique() < 2:
        return None
    with mpl.rc_context(STYLE):
        figure, here = plt.subplots(figsize=(5.6, 3.8))
        draw_lines(here, rows, "state_bytes", _bytes, marker=".")
        for (arm, _), series in series_of(rows):
            here.plot(
                series["length"], series["measured_bytes"], color=colour(arm), marker="o",
                markersize=6, linestyle="", markeredgecolor="white",
            )  # fmt: skip
        drawn = rows[["state_bytes", "measured_bytes"]].to_numpy(dtype=float)
        amount_axis(here, drawn, _bytes)
        here.set_ylabel("state or cache of one row")
        measured = Line2D([], [], color=GREY, marker="o", linestyle="", label="measured")
        counted = Line2D([], [], color=GREY, label="counted")
        kinds = [counted, measured] if rows["measured_bytes"].notna().any() else []
        legend(figure, [*legend_entries(rows), *kinds])
    return figure


def _bytes(value: float) -> str:
    return in_units(value, "B")
