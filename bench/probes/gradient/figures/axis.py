"""The vertical axis that all panels of a figure share, and the strip of exact zeros below it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from bench.drawing.axes import power_of_ten
from bench.drawing.colours import PAPER, RULE, STRIP, text
from bench.drawing.palette import colour
from bench.drawing.style import SMALL
from bench.frames.groups import arms
from bench.probes.gradient.figures.curves import Curve, Floats
from bench.probes.gradient.flow import SMALLEST_NORMAL
from bench.store.records import Record

_NEAR = 1e-20  # a figure with nothing smaller does not go down to float32's limit
#: The end of every axis, as smaller numbers are no normal float32's and teach nothing.
LOWEST = SMALLEST_NORMAL["float32"]
_CLEAR = 1e4  # times the end, where the next number has a place
_STRIP = 0.2  # of the axis: the strip of exact zeros


@dataclass(frozen=True)
class Axis:
    """The vertical axis that all panels of a figure share, and where zeros lie below it.

    It ends at float32's smallest normal number, where something comes near that, and has the strip
    of zeros below it; upwards it holds any explosion.
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
        return cls.holding(np.concatenate(values), arms(records))

    @classmethod
    def holding(cls, values: Floats, names: Sequence[str]) -> "Axis":
        """For these values, zeros among them."""
        positive = values[np.isfinite(values) & (values > 0)]
        least, most = (positive.min(), positive.max()) if len(positive) else (1.0, 1.0)
        limits = bool(least < _NEAR or (values == 0).any())
        return cls(
            LOWEST if limits else 10.0 ** math.floor(math.log10(least)),
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

    def apply(self, here: Axes, farthest: float) -> None:
        """Set a panel's axes up, and mark where what is drawn ends."""
        here.set_yscale("log")
        here.set_ylim(self.bottom, self.top)
        here.set_xlim(*((0, farthest) if farthest > 0 else (-1, 1)))
        decades = math.log10(self.top / self.floor)
        each = next((n for n in (1, 2, 5, 10, 20, 50) if decades / n <= 7), 100)
        powers = [p for p in range(-300, 301, each) if self.floor <= 10.0**p <= self.top]
        ticks, names = [10.0**p for p in powers], [power_of_ten(p) for p in powers]
        if self.limits:
            powers = [p for p in powers if 10.0**p > _CLEAR * self.floor]
            ticks = [*(10.0**p for p in powers), self.floor]
            names = [*map(power_of_ten, powers), power_of_ten(round(math.log10(self.floor)))]
            ticks.append(math.sqrt(self.floor * self.bottom))
            names.append("exactly 0")
            here.axhspan(self.bottom, self.floor, color=STRIP, zorder=0)
            here.axhline(self.floor, color=RULE, linewidth=0.8, linestyle="--")
        here.yaxis.set_major_locator(FixedLocator(ticks))
        here.yaxis.set_minor_locator(NullLocator())
        here.set_yticklabels(names)

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
        level, ink = self.level(row), ink or colour(row)
        shade = shade or ink
        here.plot(
            distance, np.where(zero, level, np.nan), color=shade, linewidth=3.2,
            solid_capstyle="butt", marker="s" if zero.sum() == 1 else "", markersize=3.2,
        )  # fmt: skip
        if name is None:
            return
        style: dict[str, Any] = {"color": text(ink), "fontsize": SMALL, "va": "center"}
        first = int(zero.argmax())
        if not zero[first:].all():
            return
        if zero.all():
            said = f"{name}everywhere"
        elif distance[first] == 1:  # behind the last layer no other token has a path to the loss
            said = f"{name}everywhere but at the loss"
        else:
            said = f"{name}from {distance[first]:.0f}"
        end = here.get_xlim()[1]
        if distance[first] < 0.25 * end:  # no room beside it
            middle, box = end / 2, {"facecolor": PAPER, "edgecolor": "none", "pad": 0.4}
            here.text(middle, level, said, ha="center", bbox=box, **style)
        else:
            here.text(min(distance[first], end) - end * 0.01, level, said, ha="right", **style)
