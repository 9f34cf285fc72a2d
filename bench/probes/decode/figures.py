"""The figures of decoding: time to the first token, and of every further one by its position.

Every function takes the rows of one facet and returns a figure, or None where there is nothing to
draw. A hollow marker is a measurement that was not precise enough for a claim.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.by_length import by_phase, legend_entries, line_styles, series_of
from bench.drawing.colours import PAPER
from bench.drawing.palette import colour, label
from bench.drawing.style import STYLE, grid, legend, title, titled
from bench.outcome import UNDECIDED
from bench.page.numbers import in_units

_BLOCKS = 4  # of decoded tokens, a point each


def first_token(rows: pd.DataFrame) -> Figure | None:
    """Time to the first token by length: the prompt read, and one token chosen."""
    said = "How long until the first token?"
    return by_phase(rows, "first_token_s", said, "time to the first token", _seconds)


@mpl.rc_context(STYLE)
def by_position(rows: pd.DataFrame) -> Figure | None:
    """Seconds of a decoded step by how many tokens were read before it, a line an arm.

    What was generated after each context is cut into quarters: their medians, and quartiles.

    Args:
        rows: of the table ``decode_positions``.
    """
    if rows.empty:
        return None
    figure, (here,) = grid(1)
    for (arm, kernel), series in series_of(rows):
        style, shade = line_styles(rows)[arm, kernel], colour(arm)
        middles = []
        for _, steps in series.groupby("record", sort=False):
            x, low, y, high = _quarters(steps)
            loose = (steps["status"] == UNDECIDED).any()
            here.vlines(x, low, high, color=shade, linewidth=3, alpha=0.25)
            (line,) = here.plot(
                x, y, color=shade, linestyle=style, linewidth=1.8, marker="o", markersize=3.5,
                markerfacecolor=PAPER if loose else shade,
            )  # fmt: skip
            titled(line, f"{label(arm)}, after {x[0]:.0f} to {x[-1]:.0f} tokens")
            middles.append((steps["position"].median(), steps["step_s"].median()))
        here.plot(*zip(*middles, strict=True), color=shade, linewidth=0.7, alpha=0.6)
    lengths = sorted(rows["length"].unique())
    length_axis(here, [*lengths, int(rows["position"].max())])
    here.set_xlabel("tokens read before the step (prompt and what was generated)")
    amount_axis(here, rows["step_s"], _seconds)
    here.set_ylabel("time of a decoded step")
    title(figure, "Does a token take longer, the more was read before it?")
    legend(figure, legend_entries(rows))
    return figure


def _quarters(steps: pd.DataFrame) -> tuple[Any, Any, Any, Any]:
    """Of what was generated after one context: position, lower quartile, median, upper one."""
    count = min(_BLOCKS, len(steps))
    position, seconds = (
        np.array_split(steps[name].to_numpy(), count) for name in ("position", "step_s")
    )
    low, middle, high = np.transpose([np.percentile(part, [25, 50, 75]) for part in seconds])
    return [np.median(part) for part in position], low, middle, high


def _seconds(value: float) -> str:
    return in_units(value, "s")
