"""How numbers are written, everywhere: in tables, sentences, captions and on axes."""

import math
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bench.statistics.intervals import Estimate

_SMALL = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"))
_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_LONG = 100  # from so many tokens on, tenths of one are not shown
_WIDE = 1.0  # an interval of powers as wide as this does not tell constant from linear


def fixed(value: float, places: int = 0) -> str:
    """``1,235`` of 1234.5: with so many decimals, a half away from zero as people round it.

    Formats of the language take a half to the even neighbour: 28.5 to 28, and 29.5 to 30.
    """
    text = f"{_rounded(value, -places):,.{places}f}"
    return text if text.strip("-0.") else text.lstrip("-")  # nothing has no sign


def significant(value: float, digits: int = 3) -> str:
    """``0.0123``: so many digits, a half away from zero; zeros at the end are left out."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{_rounded(value, _exact(value).adjusted() - digits + 1):.{digits}g}"


def scientific(value: float, places: int = 2) -> str:
    """``1.23e-04``: a half away from zero."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.{places}e}"
    return f"{_rounded(value, _exact(value).adjusted() - places):.{places}e}"


def _rounded(value: float, last: int) -> float:
    """To the digit of 10 to the power ``last``."""
    if not math.isfinite(value):
        return value
    exact = _exact(value)
    _, digits, exponent = exact.normalize().as_tuple()
    if digits[-1] != 5 or int(exponent) >= last:  # no half, so that every rounding agrees
        return float(value)
    return float(exact.quantize(Decimal(1).scaleb(last), ROUND_HALF_UP))


def _exact(value: float) -> Decimal:
    """The decimal number that is meant: its last bits are what adding and dividing left."""
    return Decimal(f"{value:.12g}")


def in_units(value: float, unit: str) -> str:
    """``20 ms``, ``3 MB``: a number of seconds (s) or bytes (B) with a decimal prefix."""
    if value == 0:
        return "0"
    prefixes = _SMALL if unit == "s" else _LARGE
    # As it is written: 999.6 ms are 1 s.
    fits = ((s, p) for s, p in prefixes if abs(float(significant(value / s))) >= 1)
    scale, prefix = next(fits, prefixes[-1])
    return f"{number(value / scale)} {prefix}{unit}"


def compact(count: float) -> str:
    """``674k``, ``1.35M``: a large count, in three digits."""
    return in_units(count, "").replace(" ", "")


def cell_text(value: Any, column: str = "") -> str:
    """A value of a table as a person reads it."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if column == "match_error":
        return f"{'+' if value >= 0 else ''}{percent(value, 2)}"
    if column.endswith("_share"):
        return percent(value, 1)
    if column == "solve_rate":
        return percent(value)
    if column.startswith("target_") and math.isinf(value):
        return "never"
    if column.endswith("_bytes"):
        return in_units(value, "B")
    if column.endswith("_s") and not column.endswith("_per_s"):
        return in_units(value, "s")
    if column.endswith("_tokens") or column.startswith("reach_"):
        if math.isinf(value):
            return "∞"
        return fixed(value) if value >= _LONG else significant(value)
    if column.endswith("_ratio") or column in ("ratio", "exponent", "speedup"):
        return fixed(value, 2)
    if column == "at_length" or column.endswith(("distance", "step")):
        return fixed(value)
    if column in ("seed", "steps"):
        return f"{value:.0f}"
    if column == "learning_rate":
        return f"{value:g}"
    if isinstance(value, int) or column.startswith("tokens") or column.endswith("_parameters"):
        return fixed(value)
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return scientific(value)
    return fixed(value, 3) if value else "0"


def ranged(column: str, value: float, low: float, high: float) -> str:
    """``1.71 [1.66, 1.77]``, the interval only where there is one."""
    text = cell_text(value, column)
    if value != value or low != low:  # a NaN
        return text
    return f"{text} [{cell_text(low, column)}, {cell_text(high, column)}]"


def percent(share: float, places: int = 0) -> str:
    """``12.5%``: a share, a half away from zero."""
    return f"{fixed(100 * share, places)}%"


def number(value: float, digits: int = 3) -> str:
    """``0.0123``, ``12,345``: as many digits as tell, in a sentence."""
    text = significant(value, digits)
    return fixed(value) if 10**digits <= abs(float(text)) < math.inf else text


def counted(count: float, noun: str) -> str:
    """``1 token``, ``12.5 tokens``: with the noun's plural but for what is written as 1."""
    text = cell_text(count, "_tokens")
    return f"{text} {noun}{'' if text == '1' else 's'}"


def interval(estimate: Estimate) -> str:
    """``[1.66, 1.77]``, or why there is none."""
    if math.isnan(estimate.low):
        return "[no interval: too few rounds or launches]"
    return f"[{fixed(estimate.low, 2)}, {fixed(estimate.high, 2)}]"


def times(ratio: Estimate) -> str:
    """A ratio and its interval, the one behind the other, or why there is none."""
    return f"{fixed(ratio.value, 2)}× {interval(ratio)}"


def power(exponent: Estimate) -> str:
    """``T^1.71 [1.66, 1.77]``, or that it cannot be told: what something grows as.

    It cannot where there is no interval, or one that holds powers a whole one apart.
    """
    if math.isnan(exponent.low) or exponent.high - exponent.low >= _WIDE:
        return f"a power of T that cannot be told {interval(exponent)}"
    return f"T^{fixed(exponent.value, 2)} {interval(exponent)}"


def between(ratio: Estimate) -> str:
    """From one end of the interval to the other, or the value that has none."""
    if math.isnan(ratio.low):
        return f"{fixed(ratio.value, 2)} without an interval"
    return f"{fixed(ratio.low, 2)}–{fixed(ratio.high, 2)}"


def listed(items: Iterable[Any]) -> str:
    """``1, 2, 3``."""
    return ", ".join(str(item) for item in items)
