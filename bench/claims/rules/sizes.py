"""Sizes of two arms at the same lengths, and the powers that they grow with."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench import registry
from bench.claims.rules import timing
from bench.claims.rules.growing import LEAST_LENGTHS
from bench.claims.rules.timing import Row
from bench.statistics.growth import Apart, LogRatio, apart, growth
from bench.statistics.intervals import Estimate

#: Length to size.
Sizes = Mapping[int, float]


def pairs(frame: pd.DataFrame, scope: Sequence[str]) -> Iterator[tuple[list[Row], list[Row]]]:
    """A transformer's rows and a recurrent network's of the same scope, by length.

    Every transformer with every recurrence: kernels differ in memory.

    Args:
        frame: a table with sizes.
        scope: coordinates that both have in common.
    """
    together = timing.series(timing.rows_of(frame), (*scope, "arm", "kernel"))
    places: dict[tuple[Any, ...], dict[str, list[list[Row]]]] = {}
    for series in together:
        first = series[0]
        place = tuple(first[name] for name in (*scope, "seed"))
        kinds = places.setdefault(place, {})
        kinds.setdefault(registry.family(first["arm"]), []).append(series)
    for kinds in places.values():
        for attention in kinds.get("transformer", ()):
            for recurrence in kinds.get("recurrent", ()):
                yield attention, recurrence


def common(one: Sequence[Row], other: Sequence[Row], column: str) -> tuple[Sizes, Sizes]:
    """Sizes of both arms at the lengths at which both have one, above zero."""
    first, second = (
        {row["length"]: float(row[column]) for row in rows if row[column] and row[column] > 0}
        for rows in (one, other)
    )
    shared = [length for length in first if length in second]
    return {n: first[n] for n in shared}, {n: second[n] for n in shared}


def exponents(one: Sizes, other: Sizes) -> tuple[Estimate, Estimate] | None:
    """The powers that two arms' sizes grow with; None with fewer lengths than tell a power.

    Intervals are of the regression: how well one power describes the sizes, each of which is known.
    """
    return None if len(one) < LEAST_LENGTHS else (growth(one), growth(other))


def exponents_apart(one: Sizes, other: Sizes) -> Apart | None:
    """By how much two powers differ, the one's less the other's, of sizes that are known."""
    if len(one) < LEAST_LENGTHS:
        return None
    return apart({n: LogRatio(math.log(one[n] / other[n])) for n in one})
