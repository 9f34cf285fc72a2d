"""The figures of decoding: time to the first token, and of every further one by its position.

Every function takes the rows of one facet and returns a figure, or None where there is nothing to
draw. A hollow marker is a measurement that was not precise enough for a claim.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.by_length import by_phase, legend_entries, line_styles, series_of
from bench.drawing.palette import colour
from bench.drawing.style import STYLE, legend
from bench.outcome import UNSTABLE
from bench.page.numbers import in_units

_BLOCKS = 4  # of decoded tokens, a point each


def first_token(rows: pd.DataFrame) -> Figure | None:
    """Time to the first token by length: the prompt read, and one token chosen."""
    return by_phase(rows, "first_token_s", "time to the first token", _seconds)


def by_position(rows: pd.DataFrame) -> Figure | None:
    """Seconds of a decoded step by how many tokens were read before it, a line an arm.

    What was generated after each context is cut into quarters: their medians, and quartiles.

    Args:
        rows: of the table ``decode_positions``.
    """
    if rows.empty:
        return None
    with mpl.rc_context(STYLE):
        figure, here = plt.subplots(figsize=(6.2, 3.8))
        for (arm, kernel), series in series_of(rows):
            style = line_styles(rows)[arm, kernel]
            middles = []
            for _, steps in series.groupby("record", sort=False):
                count = min(_BLOCKS, len(steps))
                unstable = (steps["status"] == UNSTABLE).any()
                x, seconds = (
                    np.array_split(steps[name].to_numpy(), count) for name in ("position", "step_s")
                )
                x = [np.median(part) for part in x]
                low, y, high = np.transpose([np.percentile(s, [25, 50, 75]) for s in seconds])
                here.vlines(x, low, high, color=colour(arm), linewidth=3, alpha=0.25)
                here.plot(
                    x,
                    y,
                    color=colour(arm),
                    linestyle=style,
                    linewidth=1.8,
                    marker="o",
                    markersize=3,
                    markerfacecolor="white" if unstable else colour(arm),
                )
                middles.append((steps["position"].median(), steps["step_s"].median()))
            here.plot(*zip(*middles, strict=True), color=colour(arm), linewidth=0.7, alpha=0.6)
        lengths = sorted(rows["length"].unique())
        length_axis(here, [*lengths, int(rows["position"].max())])
        here.set_xlabel("tokens read before the step (prompt and what was generated)")
        amount_axis(here, rows["step_s"], _seconds)
        here.set_ylabel("time of a decoded step")
        legend(figure, legend_entries(rows))
    return figure


def _seconds(value: float) -> str:
    return in_units(value, "s")
