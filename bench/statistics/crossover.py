"""The length at which two arms are equally fast."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.statistics import bootstrap
from bench.statistics.intervals import Estimate, of_rounds
from bench.statistics.rounds import Floats, by_round, kept, launches_of


@dataclass(frozen=True)
class Crossover:
    """Where the ratio of two arms passes 1.

    Attributes:
        state: ``crosses``; ``above`` or ``below``, the ratio being on that side of 1 at every
            length, so that there is none in range; ``undecided``, when at some length it
            straddles 1 and on no two lengths it is on different sides.
        length: of the first crossing, with its interval; None unless it crosses. It is where
            straight lines between the lengths measured have it, which may bend in between.
        between: for every crossing, from what is decided, the lengths on both sides of it.
    """

    state: Literal["crosses", "above", "below", "undecided"]
    length: Estimate | None = None
    between: tuple[tuple[int, int], ...] = ()


def crossover(
    ratios: Mapping[int, Sequence[float] | Floats],
    launches: Mapping[int, Sequence[int]] | None = None,
    sides: Mapping[int, int] | None = None,
) -> Crossover:
    """The length at which two arms are equally fast.

    A length is decided when it is known which side of 1 its ratio is on. The first
    crossing lies between two decided lengths on different sides, the next to one another of those
    decided; there the median log-ratio is piecewise linear in log length. The interval is a
    bootstrap over the rounds of each length and ends at those two lengths at the latest.

    Args:
        ratios: for each length, the `log_ratios` of its rounds.
        launches: for each length, the launch of each round.
        sides: for each length 1 where the ratio is above 1, -1 where it is below, 0 where that is
            not decided; by default as the 95% interval has it.

    Raises:
        ValueError: fewer than two lengths, or a log-ratio is not finite.
    """
    lengths = sorted(ratios)
    if len(lengths) < 2 or lengths[0] <= 0:
        raise ValueError(f"expected two lengths or more, above 0. Got {lengths}")
    rounds = [by_round(ratios[length], 1)[:, 0] for length in lengths]
    of_each = launches_of(lengths, launches)
    estimates = [of_rounds(*kept(logs, of, None)) for logs, of in zip(rounds, of_each, strict=True)]
    own = [(e.low > 0) - (e.high < 0) for e in estimates]
    side = own if sides is None else [sides[length] for length in lengths]
    decided = [index for index, known in enumerate(side) if known]
    changes = [(a, b) for a, b in itertools.pairwise(decided) if side[a] != side[b]]
    if not changes:
        if len(decided) < len(lengths):
            return Crossover("undecided")
        return Crossover("above" if side[0] > 0 else "below")
    first, last = changes[0]
    chosen = slice(first, last + 1)
    log_lengths = np.log(lengths[chosen])
    medians = np.array([estimate.value for estimate in estimates[chosen]])
    value = _zero(log_lengths, medians * side[first])
    draws = bootstrap.medians_apart(rounds[chosen], of_each[chosen]).T * side[first]
    low, high = np.percentile([_zero(log_lengths, draw) for draw in draws], [2.5, 97.5])
    return Crossover(
        "crosses",
        Estimate(value, float(low), float(high)).map(math.exp),
        tuple((lengths[a], lengths[b]) for a, b in changes),
    )


def _zero(positions: Floats, heights: Floats) -> float:
    """The first position at which a piecewise linear curve is no longer above zero.

    A curve that starts at or below zero has its first position, one that stays above its last.
    """
    below = np.flatnonzero(heights <= 0)
    if not len(below):
        return float(positions[-1])
    if (after := int(below[0])) == 0:
        return float(positions[0])
    top, bottom = heights[after - 1], heights[after]
    step = positions[after] - positions[after - 1]
    return float(positions[after - 1] + step * top / (top - bottom))
