"""The figures of speed: tokens per second, shares of the machine's ceilings, ratios of settings.

Every function takes the rows of one facet and returns a figure, or None where there is nothing to
draw. A hollow marker is a measurement that was not precise enough for a claim.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.drawing.by_length import by_phase
from bench.drawing.colours import PAPER
from bench.drawing.palette import GREY, colour, ink, label
from bench.drawing.style import SMALL

_NAME = 0.09  # of a panel's height, that the name of a crossing takes
#: A setting -> the question, and what its ratios are called.
_SETTINGS = {
    "denormals": (
        "Is it faster to take subnormal floats for zero?", "speed, flushed over kept",
    ),
    "threads": (
        "Is it faster on {setting} threads than on {against}?",
        "speed, {setting} threads over {against}",
    ),
    "dtype": ("Is {setting} faster than {against}?", "speed, {setting} over {against}"),
}  # fmt: skip


def throughput(rows: pd.DataFrame, crossings: pd.DataFrame) -> Figure | None:
    """Tokens per second by length, a panel a phase, with the lengths at which two arms are level.

    Args:
        rows: of the table ``speed`` and those of other probes taken in turn.
        crossings: of the table ``crossover``.
    """

    def crossed(here: Axes, phase: str) -> None:
        if crossings.empty:
            return
        found = crossings[(crossings["phase"] == phase) & crossings["at_length"].notna()]
        _room_below(here, _NAME * len(found))
        middle = np.sqrt(np.prod(here.get_xlim()))
        for number, row in enumerate(found.to_dict("records")):
            shade = colour(row["arm"])
            here.axvline(row["at_length"], color=shade, linestyle=":", linewidth=1.2)
            here.axvspan(row["at_length_low"], row["at_length_high"], color=shade, alpha=0.1, lw=0)
            here.text(
                row["at_length"],
                _NAME * (number + 0.25),
                f" {label(row['arm'])} = {label(row['reference'])} at {row['at_length']:.0f} ",
                ha="left" if row["at_length"] < middle else "right",
                color=ink(row["arm"]),
                fontsize=SMALL,
                transform=here.get_xaxis_transform(),
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
            )

    said = "Who reads more tokens a second, and from which length on?"
    return by_phase(rows, "tokens_per_s", said, "tokens per second", _count, crossed)


def _room_below(here: Axes, share: float) -> None:
    """So much of a panel's height free below its lines, for names that nothing crosses."""
    scale = here.yaxis.get_transform()
    low, high = scale.transform(here.get_ylim())
    (low,) = scale.inverted().transform([low - (high - low) * share / (1 - share)])
    here.set_ylim(bottom=low)


def roofline(rows: pd.DataFrame) -> Figure | None:
    """The share of the machine's own ceiling that each arm reaches, by length."""
    if "roofline_share" not in rows.columns or rows["roofline_share"].isna().all():
        return None
    said = f"At most {rows['roofline_share'].max():.0%} of what this machine can do is used"
    return by_phase(rows, "roofline_share", said, "share of the ceiling", _percent, _level)


def setting(rows: pd.DataFrame) -> Figure | None:
    """How many times as fast one setting is as another, by length; 1 is no effect.

    Args:
        rows: of the table ``settings``, of one pair of settings.
    """
    if rows.empty:
        return None
    first = rows.iloc[0]
    said, called = (text.format(**first) for text in _SETTINGS[first["coordinate"]])
    return by_phase(rows, "ratio", said, called, _times, _level)


def _level(here: Axes, phase: str) -> None:
    """A line at 1: the ceiling, or no effect."""
    here.axhline(1, color=GREY, linewidth=0.9, linestyle="--")


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _times(value: float) -> str:
    return f"{value:g}×"


def _percent(value: float) -> str:
    return f"{100 * value:g}%"
