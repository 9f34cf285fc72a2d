"""The figures of gradients: by distance from the loss, at states, and through training.

Every function takes records of one facet and returns a figure, or None where there is too little
to draw. A log axis has no place for zero, so zeros get a strip of their own below it; what is no
number, and a training that ended early, is said in words in its panel.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator

from bench.drawing.axes import amount_axis
from bench.drawing.lines import binned, seeds_and_median
from bench.drawing.palette import colour, label, rank
from bench.drawing.style import STYLE, handles, legend, note
from bench.frames.groups import arms, by_arm
from bench.outcome import DIVERGED
from bench.probes.gradient.flow import SMALLEST_NORMAL, SMALLEST_SUBNORMAL
from bench.probes.gradient.tables import of_flow
from bench.store.records import Record

Floats = npt.NDArray[np.float64]

_NEAR = 1e-20  # a figure with nothing smaller does not go down to float32's limits
_LOWEST = 1e-80  # float64 goes on below; what is there is left to the table
_STRIP = 0.17  # of the axis: the strip of exact zeros
_COLUMNS = 4  # panels side by side
_ROWS = 3  # lengths of a figure that has a row for each
_STAGES = 8  # panels of the strip
_LEAST_STAGES = 4  # of a training that is drawn as it goes
_ZERO, _NO_NUMBER = "#d9d9d9", "#882255"
_LEAST_COLOUR = 1e-250  # float64's subnormals have no logarithm that a colour bar could bear
_GREY = "#555555"
_DISTANCE = "distance from the loss (tokens)"
_NORM = "‖∂loss/∂embedding‖"


@dataclass(frozen=True)
class Curve:
    """The norms of one measurement by distance; NaN where there is no number."""

    distance: Floats
    norm: Floats
    low: Floats
    high: Floats
    double: Floats | None  # the same weights in float64

    @classmethod
    def of(cls, record: Record, number: int) -> "Curve":
        """What a record has of one stage."""
        samples = record["samples"]
        norm = _floats(samples["norm"][number])
        low, high, double = (
            _floats(samples[name][number]) if len(samples.get(name, ())) > number else None
            for name in ("norm_low", "norm_high", "norm_float64")
        )
        distance = _floats(samples["distance"])
        return cls(
            distance, norm, norm if low is None else low, norm if high is None else high, double
        )


def _floats(values: Iterable[float | None]) -> Floats:
    return np.asarray([math.nan if v is None else v for v in values], dtype=float)


def gradient_flow(records: Sequence[Record]) -> Figure | None:
    """Gradient norm at the input embeddings by distance from the loss.

    A column for each length, a row for before and for after training, a line for each arm: the
    median over seeds bold and each seed thin, or one seed with its quartiles over rows.
    """
    records = _sorted(of_flow(records))
    if not records:
        return None
    stages = ["init", "end"] if any(_trained(r) for r in records) else ["init"]
    lengths = sorted({r["cell"]["length"] for r in records})
    columns = min(len(lengths), _COLUMNS)
    lines = [(chunk, when) for chunk in _chunks(lengths, columns) for when in stages]
    axis = _Axis.of(records, [0, -1] if len(stages) > 1 else [0])
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(lines), columns, sharey=True, squeeze=False,
            figsize=(max(5.6, 3.6 * columns), 3.2 * len(lines) + 0.6),
        )  # fmt: skip
        for row, (chunk, when) in zip(axes, lines, strict=True):
            for spare in row[len(chunk) :]:
                spare.set_axis_off()
            for here, length in zip(row, chunk, strict=False):
                drawn = [r for r in records if r["cell"]["length"] == length]
                if when == "end" and not any(_trained(r) for r in drawn):
                    _say_nothing(here, f"T = {length}: measured at\ninitialisation only")
                    continue
                _flow_panel(here, axis, drawn, when, named=here is row[0])
                here.set_title(f"T = {length}, {_stage(when, drawn)}")
                here.set_xlabel(_DISTANCE)
            row[0].set_ylabel(_NORM)
        legend(figure, handles(arms(records)) + _kinds(figure, records))
    return figure


def flow_strip(records: Sequence[Record]) -> Figure | None:
    """The flow as it evolves: a panel a stage of the training, all arms in each, the same axes.

    A row for each length, up to three of those trained on.
    """
    records = _in_stages(records)
    if not records:
        return None
    lengths = _spread(sorted({r["cell"]["length"] for r in records}), _ROWS)
    records = [r for r in records if r["cell"]["length"] in lengths]
    stages = []  # of each length its own, as trainings need not be equally long
    for length in lengths:
        known = {s for r in records if r["cell"]["length"] == length for s in r["samples"]["steps"]}
        stages.append(_spread(sorted(known), _STAGES))
    columns = max(map(len, stages))
    axis = _Axis.of(records)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(lengths), columns, sharey=True, sharex="row", squeeze=False,
            figsize=(max(6.0, 1.75 * columns + 0.8), 2.5 * len(lengths) + 0.8),
        )  # fmt: skip
        for row, length, steps in zip(axes, lengths, stages, strict=True):
            drawn = [r for r in records if r["cell"]["length"] == length]
            for here in row[len(steps) :]:
                here.set_axis_off()
            for here, step in zip(row, steps, strict=False):
                _flow_panel(here, axis, drawn, step, small=True)
                here.set_title("initialisation" if step == 0 else f"step {step}")
            row[0].set_ylabel(f"T = {length}\n{_NORM}")
        figure.supxlabel(_DISTANCE, fontsize=9)
        legend(figure, handles(arms(records)) + _kinds(figure, records))
    return figure


def flow_heatmap(records: Sequence[Record]) -> Figure | None:
    """Distance by training step, the norm as colour: a panel an arm, a row a length.

    Of several seeds the median; exact zeros have a colour of their own.
    """
    records = _in_stages(records)
    if not records:
        return None
    lengths = _spread(sorted({r["cell"]["length"] for r in records}), _ROWS)
    columns = sorted(set(arms(records)), key=rank)
    maps = {
        (length, arm): _map(chosen)
        for length in lengths
        for arm in columns
        if (chosen := [r for r in records if _is(r, length, arm)])
    }
    seen = np.concatenate([values.ravel() for _, _, values in maps.values()])
    positive = seen[seen > 0]
    least, most = (positive.min(), positive.max()) if len(positive) else (0.1, 1.0)
    scale = LogNorm(max(least, _LEAST_COLOUR), max(most, 10 * _LEAST_COLOUR))
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure, axes = plt.subplots(
            len(lengths), len(columns), squeeze=False, sharey="row",
            figsize=(max(5.0, 2.7 * len(columns) + 1), 2.5 * len(lengths) + 0.7),
        )  # fmt: skip
        shown = None
        for row, length in zip(axes, lengths, strict=True):
            for here, arm in zip(row, columns, strict=True):
                if (length, arm) not in maps:
                    _say_nothing(here, "no result")
                    continue
                shown = _heat(here, *maps[length, arm], scale)
                chosen = [r for r in records if _is(r, length, arm)]
                _remarks(here, _ends(chosen))
                here.set_title(f"{label(arm)}, T = {length}")
            row[0].set_ylabel(_DISTANCE.replace(" (", "\n("))
        for here in axes[-1]:
            here.set_xlabel("training step")
        assert shown is not None
        figure.colorbar(shown, ax=axes, label=_NORM, fraction=0.03, pad=0.01, aspect=35)
        patches = [Patch(color=_ZERO, label="exactly 0")] if (seen == 0).any() else []
        if np.isnan(seen).any():
            patches.append(Patch(color=_NO_NUMBER, label="not finite"))
        if patches:
            figure.legend(handles=patches, loc="outside upper center", ncols=2)
    return figure


def _map(records: Sequence[Record]) -> tuple[Floats, Floats, Floats]:
    """Steps, distances and the median norm over the seeds that came to each step."""
    steps = sorted({step for r in records for step in r["samples"]["steps"]})
    count = min(len(r["samples"]["distance"]) for r in records)
    columns = []
    for step in steps:
        norms = [
            _floats(r["samples"]["norm"][r["samples"]["steps"].index(step)])[:count]
            for r in records
            if step in r["samples"]["steps"]
        ]
        columns.append(np.median(norms, axis=0))
    distance = _floats(records[0]["samples"]["distance"])[:count]
    return np.asarray(steps, dtype=float), distance, np.transpose(columns)


def _heat(here: Axes, steps: Floats, distance: Floats, norms: Floats, scale: LogNorm) -> Any:
    """Each measurement fills the steps that are nearest to its own."""
    x = np.concatenate([steps[:1], (steps[1:] + steps[:-1]) / 2, steps[-1:]])
    y = np.append(distance[0] - 0.5, distance + 0.5)  # of a long window a distance ends a run
    # A long window has more cells than an SVG should have paths.
    style: dict[str, Any] = {"rasterized": True, "shading": "flat"}
    for chosen, shade in ((norms == 0, _ZERO), (np.isnan(norms), _NO_NUMBER)):
        if chosen.any():
            cells = np.ma.masked_where(~chosen, np.ones_like(norms))
            here.pcolormesh(x, y, cells, cmap=ListedColormap([shade]), **style)
    here.xaxis.set_minor_locator(FixedLocator(steps.tolist()))  # where it was measured
    cells = np.ma.masked_where(~(norms > 0), norms)
    return here.pcolormesh(x, y, cells, norm=scale, cmap="viridis", **style)


def state_flow(records: Sequence[Record]) -> Figure | None:
    """The norm at the states in between, layer by layer, before (dashed) and after training.

    A panel an arm, of the longest window that was trained on: dL/dh, an LSTM's dL/dc, a
    transformer's residual stream.
    """
    records = [r for r in _sorted(of_flow(records)) if _trained(r) and r["samples"].get("states")]
    if not records:
        return None
    longest = max(r["cell"]["length"] for r in records)
    records = [r for r in records if r["cell"]["length"] == longest]
    columns = sorted(set(arms(records)), key=rank)
    norms = [
        _floats(row)
        for r in records
        for number in {0, len(r["samples"]["state_norm"]) - 1}
        for row in r["samples"]["state_norm"][number]
    ]
    names = [
        name
        for r in records
        for stage in r["samples"]["state_norm"]
        for name, row in zip(r["samples"]["states"], stage, strict=True)
        if (_followed(_floats(row)) == 0).any()
    ]
    axis = _Axis.holding(np.concatenate(norms), names)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(columns), sharey=True, squeeze=False,
            figsize=(max(5.6, 3.1 * len(columns)), 3.9),
        )  # fmt: skip
        for here, arm in zip(axes[0], columns, strict=True):
            chosen = [r for r in records if r["cell"]["arm"] == arm]
            axis.apply(here, chosen[0], _farthest(chosen), named=here is axes[0][0])
            _state_lines(here, axis, chosen)
            here.set_title(f"{label(arm)}, T = {longest}")
            here.set_xlabel(_DISTANCE)
        axes[0][0].set_ylabel("‖∂loss/∂state‖")
        entries = [
            Line2D([], [], color=_GREY, linestyle="--", label="at initialisation"),
            Line2D([], [], color=_GREY, linestyle="-", label=_stage("end", records)),
        ]
        legend(figure, entries)
    return figure


def _state_lines(here: Axes, axis: "_Axis", records: Sequence[Record]) -> None:
    """One arm: a shade a layer, the darker the nearer to the head; a marker a kind of state."""
    names = records[0]["samples"]["states"]
    layers = [int(name.rpartition(" ")[2]) for name in names]
    kinds = list(dict.fromkeys(name.partition(",")[0] for name in names))
    arm, lost, entries = records[0]["cell"]["arm"], [], []
    for index, (name, layer) in enumerate(zip(names, layers, strict=True)):
        shade = _shade(colour(arm), layer, max(layers))
        marker = _MARKERS[kinds.index(name.partition(",")[0]) % len(_MARKERS)]
        entries.append(
            Line2D([], [], color=shade, marker=marker, markersize=3, linewidth=1.6, label=name)
        )
        for number, style in ((0, "--"), (-1, "-")):
            found = [_state_curve(r, number, index) for r in records]
            curves = [curve for curve in found if curve is not None]
            if not curves:
                continue
            count = min(len(curve) for curve in curves)
            middle = np.median([curve[:count] for curve in curves], axis=0)
            distance = _floats(records[0]["samples"]["distance"])[:count]
            if np.isnan(middle).any():
                lost.append(f"{name}: {_where_lost(middle, distance)}")
            shown = axis.shown(middle)
            if np.isfinite(shown).any():
                here.plot(
                    distance, shown, color=shade, linestyle=style, markersize=3,
                    linewidth=0.9 if number == 0 else 1.6, marker=marker, markevery=(0.05, 0.12),
                )  # fmt: skip
            said = f"{name}: " if number else None
            if name in axis.rows:
                axis.zeros(here, name, distance, _followed(middle), said, shade, colour(arm))
    _remarks(here, [*_ends(records), *((arm, text) for text in dict.fromkeys(lost))])
    here.legend(
        handles=entries, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=7,
        handlelength=1.6,
    )  # fmt: skip


_MARKERS = ("", "o", "s")  # a kind of state each


def _followed(norm: Floats) -> Floats:
    """Without the zeros that lie beyond what has left the axis: float64 has an end too."""
    gone = np.cumsum((norm > 0) & (norm < _LOWEST)) > 0
    return np.where(gone & (norm == 0), np.nan, norm)


def _state_curve(record: Record, number: int, index: int) -> Floats | None:
    """One kind of state, at initialisation or at the last stage that has numbers."""
    rows = [_floats(stage[index]) for stage in record["samples"]["state_norm"]]
    if number == 0:
        return rows[0]
    if record["status"] == DIVERGED:
        return next((row for row in rows[:0:-1] if np.isfinite(row).any()), None)
    return rows[-1]


def _shade(base: str, layer: int, layers: int) -> tuple[float, float, float]:
    """An arm's colour, darkened for the last layer and paled for the first."""
    place = 0.5 if layers == 1 else (layer - 1) / (layers - 1)
    target, part = ((1.0, 1.0, 1.0), 0.45 * (1 - 2 * place)) if place < 0.5 else (
        (0.0, 0.0, 0.0), 0.5 * (2 * place - 1)
    )  # fmt: skip
    red, green, blue = (c + (t - c) * part for c, t in zip(to_rgb(base), target, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class _Axis:
    """The vertical axis that all panels of a figure share, and where zeros lie below it.

    It holds whatever is there: float32's limits and the strip of zeros where something comes near
    them, and any explosion.
    """

    floor: float
    top: float
    rows: tuple[str, ...]
    limits: bool

    @classmethod
    def of(cls, records: Sequence[Record], numbers: Sequence[int] | None = None) -> "_Axis":
        """For the stages with these numbers, all by default."""
        values = [np.zeros(0)]
        for record in records:
            count = len(record["samples"]["steps"])
            for number in range(count) if numbers is None else numbers:
                curve = Curve.of(record, number % count)
                values += [curve.norm, curve.low, curve.high]
                values += [] if curve.double is None else [curve.double[curve.double > 0]]
        return cls.holding(np.concatenate(values), arms(records))

    @classmethod
    def holding(cls, values: Floats, names: Sequence[str]) -> "_Axis":
        """For these values, zeros among them."""
        positive = values[np.isfinite(values) & (values > 0)]
        least, most = (positive.min(), positive.max()) if len(positive) else (1.0, 1.0)
        limits = bool(least < _NEAR or (values == 0).any())
        floor = max(min(least, 1e-46), _LOWEST) if limits else least
        return cls(
            10.0 ** math.floor(math.log10(floor)),
            10.0 ** min(307, max(1, math.ceil(math.log10(most)) + 1)),
            tuple(dict.fromkeys(names)),
            limits,
        )

    @property
    def bottom(self) -> float:
        """The lower edge of the strip."""
        if not self.limits:
            return self.floor
        return float(self.floor * (self.floor / self.top) ** (_STRIP / (1 - _STRIP)))

    def level(self, name: str) -> float:
        """The row of an arm, or of a state, in the strip of zeros."""
        place = (self.rows.index(name) + 0.7) / (len(self.rows) + 0.4)
        return float(self.floor * (self.bottom / self.floor) ** place)

    def shown(self, norm: Floats) -> Floats:
        """What has a place above the strip."""
        return np.where(norm >= self.floor, norm, np.nan)

    def apply(self, here: Axes, record: Record, farthest: float, named: bool = True) -> None:
        """Set a panel's axes up, with the limits of the type that gradients were taken in."""
        here.set_yscale("log")
        here.set_ylim(self.bottom, self.top)
        here.set_xlim(*((0, farthest) if farthest > 0 else (-1, 1)))
        decades = round(math.log10(self.top / self.floor))
        each = next((n for n in (1, 2, 5, 10, 20, 50) if decades / n <= 7), 100)
        powers = [p for p in range(-300, 301, each) if self.floor <= 10.0**p <= self.top]
        ticks, names = [10.0**p for p in powers], [rf"$10^{{{p}}}$" if p else "1" for p in powers]
        if self.limits:
            ticks.append(math.sqrt(self.floor * self.bottom))
            names.append("exactly 0")
            here.axhspan(self.bottom, self.floor, color="#eeeeee", zorder=0)
            self._limits(here, record["cell"]["dtype"], farthest, named)
        elif named:
            dtype = record["cell"]["dtype"]
            text = f"far below: {dtype}'s smallest normal, {SMALLEST_NORMAL[dtype]:.1e}"
            note(here, farthest * 0.02, self.floor * (self.top / self.floor) ** 0.02, text)
        here.yaxis.set_major_locator(FixedLocator(ticks))
        here.yaxis.set_minor_locator(NullLocator())
        here.set_yticklabels(names)

    def _limits(self, here: Axes, dtype: str, farthest: float, named: bool) -> None:
        normal, least = SMALLEST_NORMAL[dtype], SMALLEST_SUBNORMAL[dtype]
        if normal < self.floor:
            return
        here.axhspan(least, normal, color="#fff3d6", zorder=0)
        for value in (normal, least):
            here.axhline(value, color="#888888", linewidth=0.8, linestyle="--")
        if named:
            x = farthest * 0.02
            note(here, x, normal * 6, f"{dtype}'s smallest normal, {normal:.1e}")
            note(here, x, least / 900, f"its smallest subnormal, {least:.1e}")

    def zeros(
        self, here: Axes, row: str, distance: Floats, norm: Floats, name: str | None = "",
        shade: Any = None, ink: Any = None,
    ) -> None:  # fmt: skip
        """Draw exact zeros in the strip, and say from where on there is nothing else.

        Args:
            name: of what is zero, before the words; None for no words. shade, ink: of
                the strip and the words, the arm's colour by default.
        """
        zero = norm == 0
        if not zero.any():
            return
        level, shade = self.level(row), shade or colour(row)
        here.plot(
            distance, np.where(zero, level, np.nan), color=shade, linewidth=3.2,
            solid_capstyle="butt", marker="s" if zero.sum() == 1 else "", markersize=3.2,
        )  # fmt: skip
        if name is None:
            return
        style: dict[str, Any] = {"color": ink or shade, "fontsize": 6.5, "va": "center"}
        first = int(zero.argmax())
        if not zero[first:].all():
            return
        text = name + ("everywhere" if zero.all() else f"from {distance[first]:.0f}")
        if distance[first] < 0.2 * distance[-1]:  # no room beside it
            middle, box = distance.mean(), {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
            here.text(middle, level, text, ha="center", bbox=box, **style)
        else:
            here.text(distance[first] - distance[-1] * 0.01, level, text, ha="right", **style)


def _flow_panel(
    here: Axes, axis: _Axis, records: Sequence[Record], when: str | int, named: bool = False,
    small: bool = False,
) -> None:  # fmt: skip
    """All arms at ``init``, at the ``end`` of their training, or after so many steps.

    Args:
        named: whether limits are named; small: a panel without room for words.
    """
    axis.apply(here, records[0], _farthest(records), named)
    remarks: list[tuple[str, str]] = []
    for series in _once(records) if when == "init" else by_arm(records):
        arm, done = series[0]["cell"]["arm"], []
        for record in series:
            if (number := _number(record, when)) is None:
                continue
            curve = Curve.of(record, number)
            if when == "end" and record["status"] == DIVERGED:
                _line(here, axis, arm, curve.distance, curve.norm, linewidth=0.9, linestyle="--")
            else:
                done.append(curve)
        if when == "end" or (isinstance(when, int) and when > 0):
            remarks += _ends(series) if not small else [
                (arm, "diverged") for _ in _ends(series)
            ]  # fmt: skip
        if done:
            remarks += _arm_lines(here, axis, arm, done, records[0]["cell"]["dtype"], not small)
    _remarks(here, remarks)


def _arm_lines(
    here: Axes, axis: _Axis, arm: str, curves: Sequence[Curve], dtype: str, named: bool
) -> list[tuple[str, str]]:
    """One arm's seeds; what of it could not be drawn, in words."""
    shade = colour(arm)
    count = min(len(curve.distance) for curve in curves)
    distance = curves[0].distance[:count]
    middle = np.median([curve.norm[:count] for curve in curves], axis=0)
    if len(curves) == 1:
        low, high = axis.shown(curves[0].low), axis.shown(curves[0].high)
        here.fill_between(distance, low, high, color=shade, alpha=0.18, linewidth=0)
    else:
        for curve in curves:
            _line(here, axis, arm, curve.distance, curve.norm, linewidth=0.6, alpha=0.5)
    _line(here, axis, arm, distance, middle, linewidth=1.8)
    doubles = [curve.double[:count] for curve in curves if curve.double is not None]
    if doubles and dtype != "float64":
        below = np.median(doubles, axis=0)
        below = np.where(middle < SMALLEST_NORMAL[dtype], below, np.nan)
        _line(here, axis, arm, distance, below, linewidth=1.2, linestyle=":")
    axis.zeros(here, arm, distance, middle, "" if named else None)
    if np.isnan(middle).any():
        return [(arm, _where_lost(middle, distance))]
    if (middle == 0).all():
        return [(arm, "all zero")]
    return [(arm, "one token, no distance")] if count == 1 and named else []


def _line(here: Axes, axis: _Axis, arm: str, distance: Floats, norm: Floats, **style: Any) -> None:
    shown = axis.shown(norm)
    finite = np.isfinite(shown)
    if not finite.any():
        return
    marker = "o" if finite.sum() == 1 else ""  # a lone point is no line
    here.plot(distance, shown, color=colour(arm), marker=marker, markersize=4, **style)


def _where_lost(norm: Floats, distance: Floats) -> str:
    """What of a curve is not a number."""
    lost = np.isnan(norm)
    if lost.all():
        return "not finite"
    first = int(lost.argmax())
    if lost[first:].all():
        return f"not finite from {distance[first]:.0f}"
    return f"not finite at {lost.sum()} of {len(norm)} distances"


def _ends(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Where trainings of one arm ended before their end, in words."""
    found = []
    for arm, group in itertools.groupby(_sorted(records), key=lambda r: r["cell"]["arm"]):
        series = list(group)
        steps = sorted(_diverged_at(r) for r in series if r["status"] == DIVERGED)
        if not steps:
            continue
        which = "" if len(series) == 1 else f"{len(steps)} of {len(series)} seeds "
        span = " to ".join(dict.fromkeys((str(steps[0]), str(steps[-1]))))
        found.append((arm, f"{which}diverged at step {span}"))
    return found


def _diverged_at(record: Record) -> int:
    step = record["metrics"].get("step")
    return int(record["samples"]["steps"][-1] if step is None else step)


def _remarks(here: Axes, remarks: Sequence[tuple[str, str]]) -> None:
    """What a panel has to say of arms, at its top right."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}
    for row, (arm, text) in enumerate(dict.fromkeys(remarks)):
        here.text(
            0.985, 0.975 - 0.075 * row, f"{label(arm)}: {text}", transform=here.transAxes,
            ha="right", va="top", fontsize=6.5, color=colour(arm), bbox=box,
        )  # fmt: skip


def _say_nothing(here: Axes, text: str) -> None:
    here.set_axis_off()
    style: dict[str, Any] = {"transform": here.transAxes, "ha": "center", "color": "#777777"}
    here.text(0.5, 0.5, text, **style)


def _kinds(figure: Figure, records: Sequence[Record]) -> list[Line2D]:
    """The legend of lines that are no arm's own, where there are any."""
    if not any(line.get_linestyle() == ":" for here in figure.axes for line in here.lines):
        return []
    text = f"in float64, below {records[0]['cell']['dtype']}'s normals"
    return [Line2D([], [], color=_GREY, linestyle=":", label=text)]


def _stage(when: str, records: Sequence[Record]) -> str:
    """``at initialisation``, or after how many steps."""
    if when == "init":
        return "at initialisation"
    steps = sorted({_planned(r) for r in records} - {0})
    return f"after {' or '.join(map(str, steps))} steps"


def _planned(record: Record) -> int:
    """The step of the last stage that a training was to have."""
    protocol = record["cell"]["protocol"]
    last = max(protocol.get("stages") or [1.0])
    return int(min(math.ceil(last * protocol["steps"]), protocol["steps"]))


def _number(record: Record, when: str | int) -> int | None:
    """Which of a record's measurements that is, None where it has no such."""
    steps = record["samples"]["steps"]
    if when == "init":
        return 0 if steps[0] == 0 else None
    if when != "end":
        return steps.index(when) if when in steps else None
    last = [n for n, norms in enumerate(record["samples"]["norm"]) if n and set(norms) != {None}]
    if record["status"] == DIVERGED:
        return last[-1] if last else None
    return len(steps) - 1 if len(steps) > 1 else None


def _trained(record: Record) -> bool:
    return bool(record["cell"]["protocol"]["steps"])


def _in_stages(records: Sequence[Record]) -> list[Record]:
    """Those of the facet that are followed through their training."""
    records = [r for r in _sorted(of_flow(records)) if _trained(r)]
    lengths = {r["cell"]["length"] for r in records if len(r["samples"]["steps"]) >= _LEAST_STAGES}
    return [r for r in records if r["cell"]["length"] in lengths]


def _once(records: Sequence[Record]) -> list[list[Record]]:
    """Arms at initialisation: a seed that two trainings start from is one."""
    found: dict[tuple[str, str], dict[int, Record]] = {}
    for record in records:
        cell = record["cell"]
        found.setdefault((cell["arm"], cell["kernel"]), {}).setdefault(cell["seed"], record)
    return [list(seeds.values()) for seeds in found.values()]


def _is(record: Record, length: int, arm: str) -> bool:
    return bool(record["cell"]["length"] == length and record["cell"]["arm"] == arm)


def _farthest(records: Sequence[Record]) -> float:
    return float(max(r["samples"]["distance"][-1] for r in records))


def _sorted(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda r: rank(r["cell"]["arm"]))


def _chunks(items: Sequence[int], size: int) -> list[Sequence[int]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _spread(items: Sequence[int], most: int) -> list[int]:
    """So many of the items at most, first and last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]


def gradient_norm(records: Sequence[Record]) -> Figure | None:
    """Global gradient norm before clipping by step, with the threshold and the clipped steps.

    Of a long training the median of each few steps, so that lines stay lines; which steps were
    clipped is drawn in full, a row a seed.
    """
    records = [r for r in _sorted(records) if r["samples"].get("gradient_norm")]
    lengths = sorted({r["cell"]["length"] for r in records})
    if not lengths:
        return None
    columns = min(len(lengths), _COLUMNS)
    chunks = _chunks(lengths, columns)
    rows = len(set(arms(records)))
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            2 * len(chunks), columns, squeeze=False, sharex=False,
            figsize=(max(5.6, 3.9 * columns), (3.2 + 0.2 * rows) * len(chunks) + 0.5),
            height_ratios=[3.0, 0.22 * rows + 0.1] * len(chunks),
        )  # fmt: skip
        for number, chunk in enumerate(chunks):
            above, below = axes[2 * number], axes[2 * number + 1]
            for spare in (*above[len(chunk) :], *below[len(chunk) :]):
                spare.set_axis_off()
            for here, rug, length in zip(above, below, chunk, strict=False):
                chosen = [r for r in records if r["cell"]["length"] == length]
                _norm_panel(here, chosen)
                _clipped(rug, chosen)
                rug.set_xlim(here.get_xlim())
                here.set_title(f"T = {length}")
            above[0].set_ylabel("global gradient norm\nbefore clipping")
        clips = [r["cell"]["protocol"]["clip_norm"] for r in records]
        traces = [_floats(r["samples"]["gradient_norm"]) for r in records]
        every = np.concatenate([*traces, [clip for clip in clips if clip > 0]])
        for number, chunk in enumerate(chunks):
            for here in axes[2 * number][: len(chunk)]:
                amount_axis(here, every, lambda value: f"{value:g}")
        legend(figure, handles(arms(records)))
    return figure


def _norm_panel(here: Axes, records: Sequence[Record]) -> None:
    for series in by_arm(records):
        traces = [binned(r["samples"]["gradient_norm"]) for r in series]
        if known := [trace for trace in traces if len(trace[0])]:
            seeds_and_median(here, series[0]["cell"]["arm"], known)
    for clip in sorted({r["cell"]["protocol"]["clip_norm"] for r in records} - {0.0}):
        here.axhline(clip, color="#444444", linestyle="--", linewidth=0.9)
        place = here.get_yaxis_transform()
        here.text(1.0, clip, f"clipped\nabove {clip:g}", fontsize=7, va="center", transform=place)
    here.tick_params(labelbottom=False)
    _remarks(here, _ends(records))


def _clipped(here: Axes, records: Sequence[Record]) -> None:
    """Under the curves: which steps were clipped, a line a seed, and how many of them in words."""
    here.set_axisbelow(True)
    here.grid(visible=False)
    names = sorted(set(arms(records)), key=rank)
    for row, arm in enumerate(names):
        series = [r for r in records if r["cell"]["arm"] == arm]
        marks = [
            _floats(r["samples"]["gradient_norm"]) > r["cell"]["protocol"]["clip_norm"]
            for r in series
        ]
        for number, clipped in enumerate(marks):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], clipped.astype(int), [0]])))
            y = row - 0.36 + 0.72 * (number + 0.5) / len(marks)
            here.hlines(
                [y] * (len(edges) // 2), edges[::2] + 0.5, edges[1::2] + 0.5, color=colour(arm),
                linewidth=min(4.0, 9.0 / len(marks)),
            )  # fmt: skip
        share = np.concatenate(marks).mean()
        here.text(
            1.0, row, f"{share:.0%} clipped", fontsize=7, va="center", color=colour(arm),
            transform=here.get_yaxis_transform(),
        )  # fmt: skip
    here.set_ylim(len(names) - 0.4, -0.6)
    here.set_yticks([])
    here.set_xlabel("step (marked: clipped)")


def group_norms(records: Sequence[Record]) -> Figure | None:
    """The norm of each group of parameters by step, a panel an arm, of the longest window.

    Layers have colours, kinds of parameters dashes; of several seeds the median.
    """
    records = [r for r in _sorted(records) if r["samples"].get("group_norms")]
    if not records:
        return None
    longest = max(r["cell"]["length"] for r in records)
    records = [r for r in records if r["cell"]["length"] == longest]
    columns = sorted(set(arms(records)), key=rank)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(columns), squeeze=False, sharey=True,
            figsize=(max(5.6, 3.2 * len(columns)), 4.3),
        )  # fmt: skip
        for here, arm in zip(axes[0], columns, strict=True):
            chosen = [r for r in records if r["cell"]["arm"] == arm]
            _group_lines(here, chosen)
            _remarks(here, _ends(chosen))
            here.set_title(f"{label(arm)}, T = {longest}")
            here.set_xlabel("step")
            here.legend(
                loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, fontsize=7,
                handlelength=2.4,
            )  # fmt: skip
        drawn = [line.get_ydata() for here in axes[0] for line in here.lines]
        for here in axes[0]:
            amount_axis(here, np.concatenate(drawn), lambda value: f"{value:g}")
        axes[0][0].set_ylabel("gradient norm before clipping")
    return figure


_DASHES = ("-", "--", ":", "-.")


def _group_lines(here: Axes, records: Sequence[Record]) -> None:
    """One arm's groups: the embeddings and the head in greys, layers from light to dark."""
    names = [name for name, _ in records[0]["samples"]["group_norms"]]
    layered = [name.split(" ", 2) for name in names if name.startswith("layer ")]
    layers = sorted({int(parts[1]) for parts in layered})
    kinds = list(dict.fromkeys(parts[2] for parts in layered))
    for index, name in enumerate(names):
        traces = [binned(r["samples"]["group_norms"][index][1]) for r in records]
        common = min(len(x) for x, _ in traces)
        middle = np.median([values[:common] for _, values in traces], axis=0)
        shade: Any = "#000000" if name == "embeddings" else "#888888"
        dash = "-"
        if name.startswith("layer "):
            _, layer, kind = name.split(" ", 2)
            place = layers.index(int(layer)) / max(1, len(layers) - 1)
            shade = mpl.colormaps["plasma"](0.05 + 0.7 * place)
            dash = _DASHES[kinds.index(kind) % len(_DASHES)]
        here.plot(
            traces[0][0][:common], middle, color=shade, linestyle=dash, linewidth=1.3, label=name
        )
