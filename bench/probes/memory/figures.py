"""The figures of memory: how far a step's peak rises, and what a row keeps, by length.

Every function takes the rows of one facet and returns a figure, or None where there is nothing to
draw, or one length only: a table says that better than a few dots.
"""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench import phases
from bench.drawing.axes import amount_axis
from bench.drawing.by_length import draw_lines, legend_entries, lines_of, series_of
from bench.drawing.colours import PAPER
from bench.drawing.lines import MOST_PANELS
from bench.drawing.palette import GREY, colour, label, labels
from bench.drawing.style import STYLE, grid, legend, title, titled
from bench.page.numbers import in_units
from bench.page.words import an
from bench.probes.memory.tables import RISE


@mpl.rc_context(STYLE)
def memory(rows: pd.DataFrame) -> Figure | None:
    """Peak of a step beyond its start by length: tensors as counted, and what the system gave.

    A panel a phase and kind; where these are more than four, the kinds that come first.
    """
    kinds = [name for name in RISE if name in rows.columns and rows[name].notna().any()]
    rows = lines_of(rows) if kinds else rows.iloc[:0]
    shown = phases.in_order(rows["phase"])[:MOST_PANELS] if len(rows) else []
    if not shown:
        return None
    kinds = kinds[: max(1, MOST_PANELS // len(shown))]
    figure, axes = grid(len(shown) * len(kinds))
    panels = [(phase, kind) for phase in shown for kind in kinds]
    for here, (phase, kind) in zip(axes, panels, strict=True):
        draw_lines(here, rows[rows["phase"] == phase], kind, _bytes)
        here.set_title(f"{phases.noun(phase)}: {RISE[kind]}")
    for here in axes[::2]:
        here.set_ylabel("peak beyond the start")
    title(figure, "How much memory does a step take, the longer the window?")
    legend(figure, legend_entries(rows))
    return figure


@mpl.rc_context(STYLE)
def state(rows: pd.DataFrame) -> Figure | None:
    """What one row keeps in order to read one more token: a state, or keys and values.

    Args:
        rows: of the table ``state``; ``state_bytes`` as counted from the architecture, and
            ``measured_bytes`` of the real cache where decoding was measured.
    """
    if rows.empty or rows["length"].nunique() < 2:
        return None
    figure, (here,) = grid(1)
    draw_lines(here, rows, "state_bytes", _bytes, marker=".")
    for (arm, _), series in series_of(rows):
        (marks,) = here.plot(
            series["length"], series["measured_bytes"], color=colour(arm), marker="o",
            markersize=6, linestyle="", markeredgecolor=PAPER,
        )  # fmt: skip
        titled(marks, f"{label(arm)}, measured")
    drawn = rows[["state_bytes", "measured_bytes"]].to_numpy(dtype=float)
    amount_axis(here, drawn, _bytes)
    here.set_ylabel("state or cache of one row")
    title(figure, _growing(rows))
    measured = Line2D([], [], color=GREY, marker="o", linestyle="", label="measured")
    counted = Line2D([], [], color=GREY, label="counted")
    kinds = [counted, measured] if rows["measured_bytes"].notna().any() else []
    legend(figure, [*legend_entries(rows), *kinds])
    return figure


def _growing(rows: pd.DataFrame) -> str:
    """Whose state stays as the window grows, and whose does not."""
    counts = rows.groupby("arm")["state_bytes"].nunique()
    stays, grows = counts[counts == 1].index, counts[counts > 1].index
    if not len(stays) or not len(grows):
        return "What must be kept in order to read one more token?"
    same, more = (
        f"{labels(map(str, arms), an)} {'keep' if len(arms) > 1 else 'keeps'}"
        for arms in (stays, grows)
    )
    return (
        f"{same[0].upper()}{same[1:]} as much of a row in every window; {more} more, the longer "
        "it is"
    )


def _bytes(value: float) -> str:
    return in_units(value, "B")
