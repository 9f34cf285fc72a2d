"""The figures of what a model costs: speed, memory and state by length, with 95% bands.

Every function takes the rows of one facet of a table of ``bench.report.tables`` and returns a
figure, or None where there is nothing to draw. A hollow marker is a measurement that was not
precise enough for a claim.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.palette import colour, label, rank
from bench.drawing.style import STYLE, handles, legend
from bench.outcome import UNSTABLE
from bench.page.numbers import in_units

Dash = Literal["-", "--", ":", "-."]
PHASES = {
    "training": "training step",
    "forward": "forward pass",
    "prefill": "prefill",
    "decode": "decoding",
}
_SETTINGS = {
    "denormals": "speed, subnormals flushed over kept",
    "threads": "speed on {setting} threads over {against}",
    "dtype": "speed in {setting} over {against}",
}
_DASHES: tuple[Dash, ...] = ("-", "--", ":", "-.")
_BLOCKS = 4  # of decoded tokens, a point each
_GREY = "#555555"


def throughput(rows: pd.DataFrame, crossings: pd.DataFrame) -> Figure | None:
    """Tokens per second by length, a panel a phase, with the lengths at which two arms are level.

    Args:
        rows: of the tables ``speed`` and ``decode``.
        crossings: of the table ``crossover``.
    """

    def crossed(here: Axes, phase: str) -> None:
        if crossings.empty:
            return
        found = crossings[(crossings["phase"] == phase) & crossings["at_length"].notna()]
        middle = np.sqrt(np.prod(here.get_xlim()))
        for number, row in enumerate(found.to_dict("records")):
            shade = colour(row["arm"])
            here.axvline(row["at_length"], color=shade, linestyle=":", linewidth=1.2)
            here.axvspan(row["at_length_low"], row["at_length_high"], color=shade, alpha=0.1, lw=0)
            here.text(
                row["at_length"],
                0.02 + 0.06 * number,
                f" {label(row['arm'])} = {label(row['reference'])} at {row['at_length']:.0f} ",
                ha="left" if row["at_length"] < middle else "right",
                color=shade,
                fontsize=7,
                transform=here.get_xaxis_transform(),
            )

    return _by_phase(rows, "tokens_per_s", "tokens per second", _count, crossed)


def first_token(rows: pd.DataFrame) -> Figure | None:
    """Time to the first token by length: the prompt read, and one token chosen."""
    return _by_phase(rows, "first_token_s", "time to the first token", _seconds)


def roofline(rows: pd.DataFrame) -> Figure | None:
    """The share of the machine's own ceiling that each arm reaches, by length."""

    def ceiling(here: Axes, phase: str) -> None:
        here.axhline(1, color=_GREY, linewidth=0.9, linestyle="--")

    return _by_phase(rows, "roofline_share", "share of the ceiling", _percent, ceiling)


def setting(rows: pd.DataFrame) -> Figure | None:
    """How many times as fast one setting is as another, by length; 1 is no effect.

    Args:
        rows: of the table ``settings``, of one pair of settings.
    """
    if rows.empty:
        return None
    title = _SETTINGS[rows.iloc[0]["coordinate"]].format(**rows.iloc[0])

    def level(here: Axes, phase: str) -> None:
        here.axhline(1, color=_GREY, linewidth=0.9, linestyle="--")

    return _by_phase(rows, "ratio", title, _times, level)


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
        for (arm, kernel), series in _series(rows):
            style = _dashes(rows)[arm, kernel]
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
        legend(figure, _entries(rows))
    return figure


def memory(rows: pd.DataFrame) -> Figure | None:
    """Peak of a step beyond its start by length: tensors as counted, and what the system gave."""
    kinds = {
        name: title
        for name, title in MEMORY.items()
        if name in rows.columns and rows[name].notna().any()
    }
    phases = [phase for phase in PHASES if (rows["phase"] == phase).any()] if kinds else []
    if not phases:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(phases), len(kinds), figsize=(_WIDTH * len(kinds), 3.3 * len(phases) + 0.5),
            squeeze=False,
        )  # fmt: skip
        for line, phase in zip(axes, phases, strict=True):
            for here, (name, title) in zip(line, kinds.items(), strict=True):
                _lines(here, rows[rows["phase"] == phase], name, _bytes)
                here.set_title(f"{PHASES[phase]}: {title}")
        for line in axes:
            line[0].set_ylabel("peak beyond the start")
        legend(figure, _entries(rows))
    return figure


#: Columns of the table ``memory`` that are drawn, and what they are.
MEMORY = {
    "tensor_growth_bytes": "tensors",
    "rss_growth_bytes": "resident",
    "allocated_growth_bytes": "allocated",
}


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
        _lines(here, rows, "state_bytes", _bytes, marker=".")
        for (arm, _), series in _series(rows):
            here.plot(
                series["length"], series["measured_bytes"], color=colour(arm), marker="o",
                markersize=6, linestyle="", markeredgecolor="white",
            )  # fmt: skip
        drawn = rows[["state_bytes", "measured_bytes"]].to_numpy(dtype=float)
        amount_axis(here, drawn, _bytes)
        here.set_ylabel("state or cache of one row")
        measured = Line2D([], [], color=_GREY, marker="o", linestyle="", label="measured")
        counted = Line2D([], [], color=_GREY, label="counted")
        kinds = [counted, measured] if rows["measured_bytes"].notna().any() else []
        legend(figure, [*_entries(rows), *kinds])
    return figure


_WIDTH, _HEIGHT = 4.2, 3.6  # of a panel, in inches


def _by_phase(
    rows: pd.DataFrame,
    value: str,
    title: str,
    form: Callable[[float], str],
    also: Callable[[Axes, str], None] | None = None,
) -> Figure | None:
    """A panel for each phase in which the value was measured, up to two side by side."""
    if value not in rows.columns:
        return None
    rows = rows[rows[value].notna()]
    phases = [phase for phase in PHASES if (rows["phase"] == phase).any()]
    if not phases:
        return None
    columns = min(2, len(phases))
    lines = -(-len(phases) // columns)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            lines, columns, squeeze=False,
            figsize=(max(5.0, _WIDTH * columns), _HEIGHT * lines + 0.4),
        )  # fmt: skip
        for spare in axes.flat[len(phases) :]:
            spare.set_axis_off()
        for here, phase in zip(axes.flat, phases, strict=False):
            chosen = rows[rows["phase"] == phase]
            _lines(here, chosen, value, form)
            if also:
                also(here, phase)
            batches = sorted(chosen["batch_size"].unique())
            here.set_title(f"{PHASES[phase]}, batch {', '.join(map(str, batches))}")
        for line in axes:
            line[0].set_ylabel(title)
        legend(figure, _entries(rows))
    return figure


def _lines(
    here: Axes, rows: pd.DataFrame, value: str, form: Callable[[float], str], marker: str = "o"
) -> None:
    """A line for each arm and kernel with its band; hollow where it is unstable."""
    low, high = f"{value}_low", f"{value}_high"
    banded = low in rows.columns
    for (arm, kernel), series in _series(rows):
        x, shade = series["length"].to_numpy(), colour(arm)
        if banded:
            least, most = (series[end].to_numpy(dtype=float) for end in (low, high))
            if len(x) > 1:
                here.fill_between(x, least, most, color=shade, alpha=0.2, linewidth=0)
            else:
                here.vlines(x, least, most, color=shade, linewidth=1)
        style = _dashes(rows)[arm, kernel]
        here.plot(x, series[value], color=shade, linestyle=style, linewidth=1.5)
        loose = _unstable(series)
        for chosen, face in ((~loose, shade), (loose, "white")):
            points = series[chosen]
            here.plot(
                points["length"], points[value], color=shade, marker=marker, markersize=4.5,
                linestyle="", markerfacecolor=face,
            )  # fmt: skip
    length_axis(here, list(rows["length"]))
    drawn = rows[[value, low, high]] if banded else rows[value]
    amount_axis(here, drawn, form)


def _series(rows: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Rows of one arm, kernel and seed by length, in the order of the legend."""
    found = [
        ((str(arm), str(kernel)), series.sort_values("length"))
        for (arm, kernel, _), series in rows.groupby(["arm", "kernel", "seed"], sort=False)
    ]
    return sorted(found, key=lambda item: (rank(item[0][0]), item[0][1]))


def _dashes(rows: pd.DataFrame) -> dict[tuple[str, str], Dash]:
    """A line's style: an arm's kernels, in order, are drawn solid, dashed and so on."""
    styles: dict[tuple[str, str], Dash] = {}
    for arm, kernels in rows.groupby("arm", sort=False)["kernel"]:
        for number, kernel in enumerate(kernels.unique()):
            styles[str(arm), str(kernel)] = _DASHES[number % len(_DASHES)]
    return styles


def _entries(rows: pd.DataFrame) -> Sequence[Line2D]:
    """The legend: arms, their kernels where there are several, and what a hollow marker says."""
    entries = []
    dashes = _dashes(rows)
    for arm, kernel in sorted(dashes, key=lambda pair: rank(pair[0])):
        (line,) = handles([arm])
        line.set_linestyle(dashes[arm, kernel])
        if sum(other == arm for other, _ in dashes) > 1:
            line.set_label(f"{label(arm)}, {kernel}")
        entries.append(line)
    if _unstable(rows).any():
        hollow = Line2D([], [], color=_GREY, marker="o", markerfacecolor="white", linestyle="")
        hollow.set_label("unstable: no claim")
        entries.append(hollow)
    return entries


def _unstable(rows: pd.DataFrame) -> "pd.Series[bool]":
    if "status" not in rows.columns:
        return pd.Series(data=False, index=rows.index)
    return rows["status"] == UNSTABLE


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _times(value: float) -> str:
    return f"{value:g}×"


def _percent(value: float) -> str:
    return f"{100 * value:g}%"


def _seconds(value: float) -> str:
    return in_units(value, "s")


def _bytes(value: float) -> str:
    return in_units(value, "B")
