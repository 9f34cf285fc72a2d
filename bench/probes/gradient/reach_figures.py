"""The figures of how far a gradient reaches, what that is worth, and what subnormal floats cost.

Every function takes the rows of one facet of a table of ``bench.probes.gradient.tables`` and
returns a figure, or None where there is too little to draw. Where the whole window is reached the
marker is a triangle: at least that far.
"""

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.palette import colour, label, rank
from bench.drawing.style import STYLE, handles, legend
from bench.measure.metrics import METRICS
from bench.outcome import UNSTABLE

_GREY, _SOLVED = "#555555", "#117733"
_DASHES: dict[str, Literal["--", "-"]] = {"init": "--", "end": "-"}
_SETTING = ["comparison", "layers", "initialization", "clip_norm"]
_FATES = {"zero": "nothing arrives", "alone": "one token, no distance"}
_VISIBLE = 0.1  # on the log scale: what is nearer has no room for an arrow
_APART = 0.03  # of the axis: points of the same share stand side by side
_PLACES = ("o", "s", "D", "v", "P", "X", "<", ">")  # a marker a length


def by_length(rows: pd.DataFrame) -> Figure | None:
    """Reach against window length, a line for each arm before (dashed) and after training.

    Args:
        rows: of the table ``reach``, of one comparison. Bars are the 95% interval of the median
            over seeds, from six seeds on, and their range where there are fewer.
    """
    if rows.empty or rows["length"].nunique() < 2:
        return None
    with mpl.rc_context(STYLE):
        figure, here = plt.subplots(figsize=(6.4, 4.6))
        lost, kinds = [], []
        for when, dash in _DASHES.items():
            chosen = _when(rows, when)
            if len(chosen):
                kinds.append(Line2D([], [], color=_GREY, linestyle=dash, label=_word(when)))
            names = sorted(chosen["arm"].unique(), key=rank)
            for number, arm in enumerate(names):
                series = chosen[chosen["arm"] == arm].sort_values("length")
                # Arms side by side, so that bars of equal reach can be told apart.
                nudge = 1.018 ** (number - (len(names) - 1) / 2)
                shade = colour(arm)
                x = series["length"].to_numpy(dtype=float) * nudge
                here.plot(
                    x, series["reach_tokens"], color=shade, linestyle=dash,
                    linewidth=1.7 if when == "end" else 1.0,
                )  # fmt: skip
                for place, row in zip(x, series.to_dict("records"), strict=True):
                    if np.isnan(row["reach_tokens"]) or row["reach_tokens"] == 0:
                        lost.append(
                            f"{label(arm)}, T = {row['length']}, {_word(when)}: {_why(row)}"
                        )
                    if np.isnan(row["reach_tokens"]):
                        continue
                    _dot(here, place, row, when, vertical=True)
        lengths = sorted(rows["length"].unique())
        whole = rows.groupby("length")["farthest"].max()
        here.plot(whole.index, whole, color=_GREY, linestyle=":", linewidth=1.1)
        length_axis(here, lengths)
        drawn = rows[["reach_tokens", "reach_least", "reach_most", "farthest"]]
        amount_axis(here, drawn, lambda value: f"{value:g}")
        here.set_ylabel("effective reach (tokens)")
        lost += _lost(rows)
        if lost:
            here.text(
                0.02, 0.98, "\n".join(lost), transform=here.transAxes, fontsize=7, va="top",
                color=_GREY,
            )  # fmt: skip
        entries = handles(list(rows["arm"].unique()))
        entries += kinds
        entries.append(Line2D([], [], color=_GREY, linestyle=":", label="whole window"))
        if rows["whole_window"].any():
            entries.append(_marker("^", "at least that far"))
        legend(figure, entries)
    return figure


def by_setting(rows: pd.DataFrame) -> Figure | None:
    """What lengthens the reach: layers, initialisation, clipping, training; a dot an arm.

    Of the length that most settings have, the longest of these: hollow at initialisation, filled
    at the end of training, an arrow between them.

    Args:
        rows: of the table ``reach``, of one task, all comparisons.
    """
    if rows.empty:
        return None
    rows = rows[rows["arm"].notna()]
    counts = rows.drop_duplicates([*_SETTING, "length"]).groupby("length").size()
    length = max(counts[counts == counts.max()].index)
    rows = rows[rows["length"] == length]
    names = _settings(rows)
    if len(names) < 2:
        return None
    groups = {key: rows[_alike(rows, key)] for key in names}
    with mpl.rc_context(STYLE):
        count = sum(group["arm"].nunique() for group in groups.values())
        figure, here = plt.subplots(figsize=(7.2, 1.5 + 0.2 * count + 0.14 * len(names)))
        y, ticks = 0.0, []
        for key, group in groups.items():
            arms = sorted(group["arm"].unique(), key=rank)
            ticks.append(y + (len(arms) - 1) / 2)
            for arm in arms:
                series = group[group["arm"] == arm]
                _setting(here, y, series, arm)
                y += 1
            y += 0.7
            if key != list(groups)[-1]:
                here.axhline(y - 0.85, color="#dddddd", linewidth=0.7)
        here.set_yticks(ticks, list(names.values()))
        here.tick_params(axis="y", length=0)
        here.grid(visible=False, axis="y")
        here.set_ylim(y - 0.7 + 0.2, -0.9)
        farthest = rows["farthest"].max()
        here.axvline(farthest, color=_GREY, linestyle=":", linewidth=1.1)
        here.set_xscale("log")
        reached = rows["reach_least"].astype(float)
        least = reached[reached > 0].min()
        here.set_xlim((1.0 if np.isnan(least) else least) / 1.4, max(farthest, 2) * 1.25)
        _plain(here)
        here.set_xlabel("effective reach (tokens)")
        here.set_title(f"T = {length}")
        entries = handles(list(rows["arm"].unique()))
        entries.append(_marker("o", "at initialisation", hollow=True))
        if (rows["steps"] > 0).any():
            entries.append(_marker("o", "at the end of training"))
        if rows["whole_window"].any():
            entries.append(_marker("^", "the whole window (dotted)"))
        legend(figure, entries)
    return figure


def _settings(rows: pd.DataFrame) -> dict[tuple[Any, ...], str]:
    """Settings by what they are, and what of it differs between them in words."""
    found = rows.drop_duplicates(_SETTING)
    several = {name for name in _SETTING if found[name].nunique() > 1}
    names = {}
    for row in found.sort_values(["layers", "initialization", "clip_norm"]).to_dict("records"):
        parts = []
        if "layers" in several:
            parts.append(f"{row['layers']} layer{'s' if row['layers'] > 1 else ''}")
        if "initialization" in several:
            parts.append(f"initialisation: {row['initialization']}")
        if "clip_norm" in several:
            parts.append(f"clipped above {row['clip_norm']:,.10g}")
        said = ",\n".join(parts)
        alike = _alike(found.assign(comparison=""), ["", *(row[n] for n in _SETTING[1:])])
        if alike.sum() > 1 or not said:  # they differ in what has no words here
            said = f"{row['comparison']}\n{said}" if said else str(row["comparison"])
        names[tuple(row[name] for name in _SETTING)] = said
    return names


def _alike(rows: pd.DataFrame, key: Sequence[Any]) -> "pd.Series[bool]":
    found = pd.Series(data=True, index=rows.index)
    for name, value in zip(_SETTING, key, strict=True):
        found &= rows[name] == value
    return found


def _setting(here: Axes, y: float, series: pd.DataFrame, arm: str) -> None:
    """One arm under one setting, before and after training."""
    places = {}
    for when in ("init", "end"):
        for row in _when(series, when).to_dict("records")[:1]:
            if np.isnan(row["reach_tokens"]) or row["reach_tokens"] == 0:  # no place on a log axis
                style: dict[str, Any] = {"fontsize": 6.5, "va": "center", "color": colour(arm)}
                text = f" {_word(when)}: {_why(row)}"
                here.text(0.0, y, text, transform=here.get_yaxis_transform(), **style)
                continue
            _dot(here, y, row, when, vertical=False)
            places[when] = row["reach_tokens"]
    if len(places) == 2 and abs(np.log(places["end"] / places["init"])) > _VISIBLE:
        arrow = {"arrowstyle": "->", "color": colour(arm), "alpha": 0.6, "shrinkA": 3, "shrinkB": 3}
        here.annotate("", (places["end"], y), (places["init"], y), arrowprops=arrow)


def _when(rows: pd.DataFrame, when: str) -> pd.DataFrame:
    """For each arm, length and setting the row at initialisation, or after the last stage.

    A seed from which two trainings start is in two rows at initialisation: that of more seeds.
    """
    ended = (rows["steps"] > 0) & (rows["diverged"] < rows["seeds"])
    chosen = rows[rows["steps"] == 0] if when == "init" else rows[ended]
    first = "seeds" if when == "init" else "steps"
    return chosen.sort_values(first, ascending=False, kind="stable").drop_duplicates(
        [*_SETTING, "length", "arm", "kernel"]
    )


def _lost(rows: pd.DataFrame) -> list[str]:
    """Arms no seed of which came to the end of its training."""
    found = []
    for (arm, length), group in rows[rows["steps"] > 0].groupby(["arm", "length"], sort=False):
        if (group["diverged"] == group["seeds"]).all():
            found.append(f"{label(str(arm))}, T = {length}: training diverged")
    return found


def _why(row: dict[Any, Any]) -> str:
    """Why there is no reach."""
    return _FATES.get(row["fate"], str(row["fate"]))


def _word(when: str) -> str:
    return "at initialisation" if when == "init" else "at the end of training"


def _dot(here: Axes, place: float, row: dict[Any, Any], when: str, *, vertical: bool) -> None:
    """A reach with its interval, or with the range of its seeds."""
    shade, value = colour(row["arm"]), row["reach_tokens"]
    low, high = row["reach_tokens_low"], row["reach_tokens_high"]
    if np.isnan(low):
        low, high = row["reach_least"], row["reach_most"]
    bars = here.vlines if vertical else here.hlines
    bars(place, low, high, color=shade, linewidth=1.1, alpha=0.8)
    x, y = (place, value) if vertical else (value, place)
    here.plot(
        x, y, color=shade, marker="^" if row["whole_window"] else "o", markersize=6,
        markerfacecolor="white" if when == "init" else shade, linestyle="",
    )  # fmt: skip


def _marker(marker: str, text: str, *, hollow: bool = False) -> Line2D:
    return Line2D(
        [], [], color=_GREY, marker=marker, linestyle="", label=text,
        markerfacecolor="white" if hollow else _GREY,
    )  # fmt: skip


def _plain(here: Axes) -> None:
    """A log axis in plain numbers."""
    here.tick_params(axis="x", which="both", length=3.0, pad=3.5)
    here.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    low, high = here.get_xlim()
    if high / low < 100:
        here.xaxis.set_minor_formatter(
            FuncFormatter(lambda value, _: f"{value:g}" if str(f"{value:e}")[0] in "25" else "")
        )
    else:
        here.xaxis.set_minor_formatter(NullFormatter())


_SHARES = {
    "subnormal_share": "of the gradient's entries at the embeddings",
    "state_subnormal_share": "of those at the states (the layer with most)",
}


def subnormals(rows: pd.DataFrame) -> Figure | None:
    """The training rate with subnormals flushed over that with them kept, by their share.

    A point for each arm and length, named by its length; hollow where it is unstable.

    Args:
        rows: of the table ``subnormals``.
    """
    shares = [name for name in _SHARES if not rows.empty and rows[name].notna().any()]
    if not shares:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(shares), sharey=True, squeeze=False, figsize=(max(5.6, 4.4 * len(shares)), 4.2)
        )
        controls = _controls(rows)
        ranks = {arm: number for number, arm in enumerate(sorted(set(rows["arm"]), key=rank))}
        rows = rows.sort_values(
            ["arm", "length"], key=lambda c: c.map(ranks) if c.name == "arm" else c
        )
        for here, name in zip(axes[0], shares, strict=True):
            here.axhline(1, color=_GREY, linewidth=0.9, linestyle="--")
            if controls is not None:
                here.axhspan(*controls, color="#e8e8e8", zorder=0)
            largest = 100 * rows[name].max() or 1.0
            shown = rows.dropna(subset=[name])
            places = _side_by_side((100 * shown[name]).tolist(), _APART * largest)
            for x, row in zip(places, shown.to_dict("records"), strict=True):
                _cost(here, x, row)
            edges = [*places, 0.0, largest if shown[name].any() else 0.0]
            here.set_xlim(min(edges) - 0.05 * largest, max(edges) + 0.05 * largest)
            if not shown[name].any():
                here.set_xticks([0.0])
            here.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}%"))
            here.set_xlabel(f"subnormal at initialisation,\n{_SHARES[name]}")
        every = [*rows["speedup"], *rows["speedup_low"], *rows["speedup_high"], *(controls or ())]
        for here in axes[0]:
            amount_axis(here, [*every, 1.0], lambda value: f"{value:g}×")
        axes[0][0].set_ylabel("training rate,\nsubnormals flushed over kept")
        entries = handles(list(rows["arm"].unique()))
        if (rows["status"] == UNSTABLE).any():
            entries.append(_marker("o", "unstable: no claim", hollow=True))
        if controls is not None:
            entries.append(Line2D([], [], color="#e8e8e8", linewidth=6, label="A/A control"))
        legend(figure, entries)
    return figure


def _side_by_side(values: Sequence[float], apart: float) -> list[float]:
    """Places for points at these values: those too near to one another around their middle."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    groups: list[list[int]] = []
    for index in order:
        if groups and values[index] - values[groups[-1][-1]] < apart:
            groups[-1].append(index)
        else:
            groups.append([index])
    places = list(values)
    for group in groups:
        middle = float(np.mean([values[index] for index in group]))
        for number, index in enumerate(group):
            places[index] = middle + (number - (len(group) - 1) / 2) * apart
    return places


def _controls(rows: pd.DataFrame) -> tuple[float, float] | None:
    """The A/A controls of all groups together: what noise alone makes of a ratio."""
    if "aa_ratio_low" not in rows.columns or rows["aa_ratio_low"].isna().all():
        return None
    return float(rows["aa_ratio_low"].min()), float(rows["aa_ratio_high"].max())


def _cost(here: Axes, x: float, row: dict[Any, Any]) -> None:
    shade = colour(row["arm"])
    here.vlines(x, row["speedup_low"], row["speedup_high"], color=shade, linewidth=1.1)
    here.plot(
        x, row["speedup"], color=shade, marker="o", markersize=6, linestyle="",
        markerfacecolor="white" if row["status"] == UNSTABLE else shade,
    )  # fmt: skip
    here.annotate(
        f"{row['length']}", (x, row["speedup_high"]), xytext=(0, 2), textcoords="offset points",
        fontsize=7, color=shade, ha="center", va="bottom", rotation=90,
    )  # fmt: skip


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
    whens = [
        w for w in ("init", "end") if f"reach_{w}" in rows and rows[f"reach_{w}"].notna().any()
    ]
    if not whens:
        return None
    metric = METRICS[scored.iloc[0]["metric"]]
    lengths = sorted(scored["length"].unique())
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(whens), sharey=True, sharex=True, squeeze=False,
            figsize=(max(5.6, 4.3 * len(whens)), 4.4),
        )  # fmt: skip
        ratios = pd.concat(
            [scored[f"reach_{w}"].astype(float) / scored["needed_distance"] for w in whens]
        )
        least, most = min(ratios.min(), 1.0) / 1.6, max(ratios.max(), 1.0) * 1.6
        for here, when in zip(axes[0], whens, strict=True):
            here.set_xscale("log")
            here.set_xlim(least / 1.6 if ratios.isna().any() else least, most)
            here.axvline(1, color=_GREY, linewidth=0.9, linestyle=":")
            here.axvspan(1, most, color="#eef3f8", zorder=0)
            for row in scored.to_dict("records"):
                _outcome(here, row, when, least, lengths)
            _plain(here)
            here.set_title(_word(when))
            here.set_xlabel("reach over needed distance")
        _levels(axes[0], scored)
        if metric.scale == "log" and (scored["test_metric"] > 0).all():
            known = scored[["test_metric", "floor", "solved_at"]].astype(float)
            for here in axes[0]:
                amount_axis(here, known, lambda value: f"{value:g}")
        axes[0][0].set_ylabel(
            f"test {metric.name}" + ("" if metric.higher_is_better else "\n(lower is better)")
        )
        if gone := len(rows) - len(scored):
            text = f"{gone} of {len(rows)} trainings diverged: no score"
            axes[0][0].text(0.02, 0.02, text, transform=axes[0][0].transAxes, fontsize=7)
        entries = handles(list(scored["arm"].unique()))
        entries += [
            _marker(_PLACES[n % len(_PLACES)], f"T = {length}", hollow=True)
            for n, length in enumerate(lengths)
        ]
        if scored["solved"].any():
            entries.append(_marker("o", "solved"))
        legend(figure, entries)
    return figure


def _outcome(
    here: Axes, row: dict[Any, Any], when: str, least: float, lengths: Sequence[int]
) -> None:
    """One training; where nothing arrives it stands at the left edge."""
    reach = row.get(f"reach_{when}")
    nothing = reach is None or np.isnan(reach)
    x = least if nothing else reach / row["needed_distance"]
    shade = colour(row["arm"])
    here.plot(
        x, row["test_metric"], color=shade, linestyle="", markersize=6, alpha=0.85,
        marker=_PLACES[lengths.index(row["length"]) % len(_PLACES)],
        markerfacecolor=shade if row["solved"] else "white",
    )  # fmt: skip
    if nothing:
        here.annotate(
            "nothing arrives", (x, row["test_metric"]), xytext=(5, 3), fontsize=6.5, color=shade,
            textcoords="offset points",
        )  # fmt: skip


def _levels(axes: Sequence[Axes], rows: pd.DataFrame) -> None:
    """The floor and the threshold, named to the right of the last panel."""
    style: dict[str, Any] = {"fontsize": 7, "va": "center", "ha": "left"}
    for name, word, shade, dash in (
        ("floor", "floor", _GREY, "--"), ("solved_at", "solved", _SOLVED, "-."),
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
