"""How numbers are written, everywhere: in tables, sentences, captions and on axes."""

import math
from collections.abc import Iterable
from typing import Any

from bench.statistics.intervals import Estimate

_SMALL = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"))
_LARGE = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_LONG = 100  # from so many tokens on, tenths of one are not shown


def in_units(value: float, unit: str) -> str:
    """``20 ms``, ``3 MB``: a number of seconds (s) or bytes (B) with a decimal prefix."""
    if value == 0:
        return "0"
    prefixes = _SMALL if unit == "s" else _LARGE
    scale, prefix = next((p for p in prefixes if abs(value) >= p[0]), prefixes[-1])
    return f"{value / scale:.3g} {prefix}{unit}"


def cell_text(value: Any, column: str = "") -> str:
    """A value of a table as a person reads it."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if column == "match_error":
        return f"{value:+.2%}"
    if column.endswith("_share"):
        return f"{value:.1%}"
    if column == "solve_rate":
        return f"{value:.0%}"
    if column.endswith("_bytes"):
        return in_units(value, "B")
    if column.endswith("_s") and not column.endswith("_per_s"):
        return in_units(value, "s")
    if column.endswith("_tokens") or column.startswith("reach_"):
        if math.isinf(value):
            return "∞"
        return f"{value:,.0f}" if value >= _LONG else f"{value:.3g}"
    if column.endswith("_ratio") or column in ("ratio", "exponent", "speedup"):
        return f"{value:.2f}"
    if column == "at_length":
        return f"{value:.0f}"
    if column.endswith(("distance", "step")) or column in ("seed", "steps"):
        return f"{value:.0f}"
    if column == "learning_rate":
        return f"{value:g}"
    if isinstance(value, int) or column.startswith("tokens"):
        return f"{value:,.0f}"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}"
    return f"{value:.3f}" if value else "0"


def ranged(column: str, value: float, low: float, high: float) -> str:
    """``1.71 [1.66, 1.77]``, the interval only where there is one."""
    text = cell_text(value, column)
    if value != value or low != low:  # a NaN
        return text
    return f"{text} [{cell_text(low, column)}, {cell_text(high, column)}]"


def number(value: float, digits: int = 3) -> str:
    """``0.0123``: as many digits as tell, in a sentence."""
    return f"{value:.{digits}g}"


def times(ratio: Estimate) -> str:
    """A ratio and its interval, ``[1.66, 1.77]``, or why there is none."""
    return f"{ratio.value:.2f}× {ratio.interval()}"


def power(exponent: Estimate) -> str:
    """``T^1.71 [1.66, 1.77]``, or why there is no interval: what something grows with."""
    return f"T^{exponent.value:.2f} {exponent.interval()}"


def between(ratio: Estimate) -> str:
    """From one end of the interval to the other, or the value that has none."""
    if math.isnan(ratio.low):
        return f"{ratio.value:.2f} without an interval"
    return f"{ratio.low:.2f}–{ratio.high:.2f}"


def listed(items: Iterable[Any]) -> str:
    """``1, 2, 3``."""
    return ", ".join(str(item) for item in items)
