"""The vertical axis that all panels of a figure share, and the strip of exact zeros below it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from bench.drawing.palette import colour
from bench.drawing.style import note
from bench.frames.groups import arms
from bench.probes.gradient.figures.curves import Curve, Floats
from bench.probes.gradient.flow import SMALLEST_NORMAL, SMALLEST_SUBNORMAL
from bench.store.records import Record

_NEAR = 1e-20  # a figure with nothing smaller does not go down to float32's limits
LOWEST = 1e-80  # float64 goes on below; what is there is left to the table
_STRIP = 0.17  # of the axis: the strip of exact zeros


@dataclass(frozen=True)
class Axis:
    """The vertical axis that all panels of a figure share, and where zeros lie below it.

    It holds whatever is there: float32's limits and the strip of zeros where something comes near
    them, and any explosion.
    """

    floor: float
    top: float
    rows: tuple[str, ...]
    limits: bool

    @classmethod
    def of(cls, records: Sequence[Record], numbers: Sequence[int] | None = None) -> "Axis":
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
    def holding(cls, values: Floats, names: Sequence[str]) -> "Axis":
        """For these values, zeros among them."""
        positive = values[np.isfinite(values) & (values > 0)]
        least, most = (positive.min(), positive.max()) if len(positive) else (1.0, 1.0)
        limits = bool(least < _NEAR or (values == 0).any())
        floor = max(min(least, 1e-46), LOWEST) if limits else least
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
