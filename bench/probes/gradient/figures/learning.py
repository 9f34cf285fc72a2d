"""What a reach is worth: the score of every training by how much of the needed distance it has."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.data.metrics import METRICS, Metric
from bench.drawing.axes import amount_axis, plain_axis
from bench.drawing.colours import PAPER, REGION, SOLVED
from bench.drawing.palette import GREY, colour, ink, label
from bench.drawing.style import SMALL, STYLE, grid, handles, legend, title, titled
from bench.probes.gradient.figures.marks import entry, in_words

_PLACES = ("o", "s", "D", "v", "P", "X", "<", ">")  # a marker a length


@mpl.rc_context(STYLE)
def reach_and_learning(rows: pd.DataFrame) -> Figure | None:
    """The score of every training by how much of the needed distance its gradient reaches.

    A point a seed, a marker a length, filled where the task is solved; at initialisation, and at
    the end of the training. To the right of 1 the needed distance lies inside the reach.

    Args:
        rows: of the table ``reach_and_learning``, of one task, all comparisons.
    """
    if rows.empty or "test_metric" not in rows or rows["test_metric"].isna().all():
        return None
    scored = rows.dropna(subset=["test_metric"])
    if len(scored) < 2:
        return None
    whens = [
        w for w in ("init", "end") if f"reach_{w}" in rows and rows[f"reach_{w}"].notna().any()
    ]
    if not whens:
        return None
    name = str(scored.iloc[0]["metric"])
    metric = METRICS.get(name) or Metric(name, name, scale="linear")
    lengths = sorted(scored["length"].unique())
    figure, axes = grid(len(whens), height=3.0, sharey=True, sharex=True)
    ratios = pd.concat(
        [scored[f"reach_{w}"].astype(float) / scored["needed_distance"] for w in whens]
    )
    least, most = min(ratios.min(), 1.0) / 1.6, max(ratios.max(), 1.0) * 1.6
    for here, when in zip(axes, whens, strict=True):
        here.set_xscale("log")
        here.set_xlim(least / 1.6 if ratios.isna().any() else least, most)
        here.axvline(1, color=GREY, linewidth=0.9, linestyle=":")
        here.axvspan(1, most, color=REGION, zorder=0)
        for row in scored.to_dict("records"):
            _outcome(here, row, when, least, lengths)
        plain_axis(here)
        here.set_title(in_words(when))
        here.set_xlabel("reach over needed distance")
    _levels(axes, scored)
    if metric.scale == "log" and (scored["test_metric"] > 0).all():
        known = scored[["test_metric", "floor", "solved_at"]].astype(float)
        for here in axes:
            amount_axis(here, known, lambda value: f"{value:g}")
    axes[0].set_ylabel(
        f"test {metric.name}" + ("" if metric.higher_is_better else "\n(lower is better)")
    )
    if gone := len(rows) - len(scored):
        text = f"{gone} of {len(rows)} trainings diverged: no score"
        axes[0].text(0.02, 0.02, text, transform=axes[0].transAxes, fontsize=SMALL)
    entries = handles(list(scored["arm"].unique()))
    entries += [
        entry(_PLACES[n % len(_PLACES)], f"T = {length}", hollow=True)
        for n, length in enumerate(lengths)
    ]
    if scored["solved"].any():
        entries.append(entry("o", "solved"))
    title(figure, _finding(scored))
    legend(figure, entries)
    return figure


def _finding(rows: pd.DataFrame) -> str:
    """Who solved the task with the needed distance inside the reach from the start, and who not."""
    known = rows.dropna(subset=["inside_init"])
    inside = known["inside_init"].astype(bool)
    if not inside.any() or inside.all():
        return "Does the reach say who learns the task?"
    near, far = known.loc[inside, "solved"], known.loc[~inside, "solved"]
    return (
        f"{int(near.sum())} of {len(near)} trainings whose gradient starts with enough reach "
        f"solve the task, {int(far.sum())} of the other {len(far)} do"
    )


def _outcome(
    here: Axes, row: dict[Any, Any], when: str, least: float, lengths: Sequence[int]
) -> None:
    """One training; where nothing arrives it stands at the left edge."""
    reach = row.get(f"reach_{when}")
    nothing = reach is None or np.isnan(reach)
    x = least if nothing else reach / row["needed_distance"]
    shade = colour(row["arm"])
    (mark,) = here.plot(
        x, row["test_metric"], color=shade, linestyle="", markersize=6, alpha=0.85,
        marker=_PLACES[lengths.index(row["length"]) % len(_PLACES)],
        markerfacecolor=shade if row["solved"] else PAPER,
    )  # fmt: skip
    outcome = "solved" if row["solved"] else "not solved"
    titled(mark, f"{label(row['arm'])}, T = {row['length']}, seed {row['seed']}: {outcome}")
    if nothing:
        here.annotate(
            "nothing arrives", (x, row["test_metric"]), xytext=(5, 3), fontsize=SMALL,
            color=ink(row["arm"]), textcoords="offset points",
        )  # fmt: skip


def _levels(axes: Sequence[Axes], rows: pd.DataFrame) -> None:
    """The floor and the threshold, named to the right of the last panel."""
    style: dict[str, Any] = {"fontsize": SMALL, "va": "center", "ha": "left"}
    for name, word, shade, dash in (
        ("floor", "floor", GREY, "--"), ("solved_at", "solved", SOLVED, "-."),
    ):  # fmt: skip
        values = sorted(rows[name].dropna().astype(float).unique())
        for here in axes:
            for value in values:
                here.axhline(value, color=shade, linestyle=dash, linewidth=0.9)
        if values:
            place = axes[-1].get_yaxis_transform()
            value = values[len(values) // 2]
            axes[-1].text(
                1.01, value, f"{word}\n{value:.3g}", transform=place, color=shade, **style
            )
