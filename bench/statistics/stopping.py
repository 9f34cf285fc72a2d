"""When a group timed in turn may stop, and how its rounds are shared out among launches.

A grid wants the *direction* of its ratios, who is faster, or their *size*, by how much. A group
ends at the first look at which what is wanted of every pair is known, so one that is wanted for
directions may end with wide intervals: width never vetoes a direction. Directions are told by the
rule that a report claims them by, see :mod:`bench.statistics.directions`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.statistics.decisions import next_look
from bench.statistics.directions import ALPHA, DELTA, LEAST_RELAUNCHES, Direction, Pair, directions

DIRECTION, SIZE = "direction", "size"
#: A group ends on a direction whose p is this share of what decides. It will be claimed together
#: with others (Holm), and by the spread of all launches of the run: of directions that a group
#: just reaches a quarter to a half would be lost again.
SPARE = 0.2
#: Rounds of a launch while nothing is known of costs and spreads, and at least and at most.
USUAL, LEAST, MOST = 5, 2, 10


@dataclass(frozen=True)
class Ratio:
    """A pair of a group at a look.

    Args:
        pair: its rounds so far.
        other: whose time is the denominator, in words.
        asked: whether the group goes on until what is wanted is known. Of an A/A control it is not
            asked: it shows how far launches differ, and that the test is silent without an effect.
    """

    pair: Pair
    other: str
    asked: bool


class Course:
    """The rounds of one group, from its first launch to the look that ends it.

    Args:
        want: ``direction`` or ``size``.
        precision: half width, as a share, of the interval of a ratio whose size is known.
        most: rounds after which to stop in any case.
        earlier: pairs of the groups before, whose launches spread like this one's.

    Attributes:
        found: each ratio, from all its rounds so far.
        over: whether the group may end.
    """

    def __init__(self, want: str, precision: float, most: int, earlier: Sequence[Pair]) -> None:
        self._want, self._precision, self._most = want, precision, most
        self._earlier = list(earlier)
        self._look = next_look(0, known=False, most=most)
        self._ratios: Sequence[Ratio] = ()
        self._wanted: float = USUAL
        self.found: list[Direction] = []

    @property
    def over(self) -> bool:
        """Whether all that is wanted is known, or there are no rounds left."""
        return self._look is None

    def length(self) -> int:
        """Rounds of the next launch, as even as can be until the next look.

        Until the spread of launches can be told at all, so many are started that it can be at the
        next look: a run's first group has four of two or three rounds there, and decides like
        those after it. After a look costs and spreads decide.
        """
        assert self._look is not None, "it is over"
        left = self._look - self._rounds
        lacking = LEAST_RELAUNCHES - self._relaunches()
        launches = lacking + (not self._rounds) if lacking > 0 else math.ceil(left / self._wanted)
        return math.ceil(left / launches)

    def add(self, ratios: Sequence[Ratio], launch_s: float, round_s: float) -> None:
        """Take all rounds so far, a launch later; what they say decides at looks alone.

        Args:
            ratios: of the group.
            launch_s, round_s: seconds of starting everyone, and of a round.
        """
        self._ratios = ratios
        if self._rounds != self._look:
            return
        self.judge()
        asked = [f for r, f in zip(ratios, self.found, strict=True) if r.asked]
        self._wanted = rounds_a_launch(asked, launch_s, round_s)
        known = not any(self.open(index) for index, ratio in enumerate(ratios) if ratio.asked)
        if self._want == DIRECTION:
            known = known and all(f.same() or f.p <= SPARE * ALPHA for f in asked)
        self._look = next_look(self._rounds, known=known, most=self._most)

    def judge(self) -> None:
        """Tell what is known now: at a look, or where a budget ends that no result decides."""
        pairs = [ratio.pair for ratio in self._ratios]
        self.found = directions([*pairs, *self._earlier])[: len(pairs)]

    def open(self, index: int) -> str | None:
        """What is wanted of a ratio and not known, in words; of a control, that it can be told."""
        ratio, found = self._ratios[index], self.found[index]
        if not ratio.asked and not found.why:
            return None
        return unknown(found, ratio.other, self._want, self._precision)

    @property
    def _launches(self) -> tuple[int, ...]:
        """The launch of each round."""
        return self._ratios[0].pair.launches if self._ratios else ()

    @property
    def _rounds(self) -> int:
        return len(self._launches)

    def _relaunches(self) -> int:
        """How often fresh processes followed others, in this group and those before."""
        groups = {pair.group: pair.launches for pair in self._earlier}
        return sum(max(0, len(set(each)) - 1) for each in (*groups.values(), self._launches))


def unknown(found: Direction, other: str, want: str, precision: float) -> str | None:
    """What a pair leaves open of what is wanted of it, in words.

    Args:
        found: the ratio of times, as a look finds it.
        other: whose time is the denominator.
        want: ``direction`` or ``size``.
        precision: half width, as a share, of the interval of a ratio whose size is known.

    Returns:
        None where all that is wanted is known.
    """
    after = f"after {found.rounds} rounds"
    if found.why:
        return f"its ratio to {other} has no interval {after}: {found.why}"
    decided = found.excludes_one or found.same()
    if decided if want == DIRECTION else found.ratio.within(precision):
        return None
    size = f"{found.ratio.value:.3f} {found.ratio.interval()}"
    text = f"{_open(found, other)}: it takes {size} times as long {after}"
    return text if want == DIRECTION else f"{text}; within ±{precision:.1%} is wanted"


def _open(found: Direction, other: str) -> str:
    """Which question a ratio leaves open, in words."""
    if found.excludes_one:
        side = "slower" if found.ratio.low > 1 else "faster"
        return f"it is {side} than {other}, but by how much is open"
    if found.same():
        return f"it is as fast as {other} within {DELTA:.0%}, but the size is open"
    return f"whether it is faster or slower than {other} is open"


def rounds_a_launch(found: Sequence[Direction], launch_s: float, round_s: float) -> float:
    """Rounds for which the same processes are worth keeping: √(c_launch/c_round · T1²/T2²).

    Of all divisions of a time into launches and rounds this one leaves the least error (Kalibera
    and Jones 2013, doi:10.1145/2464157.2464160). It is kept between `LEAST` and `MOST`, as spreads
    are told from few launches, and fewer still would tell nothing of the next groups.

    Args:
        found: the pairs of a group at its last look.
        launch_s, round_s: seconds of starting everyone, and of a round.
    """
    within = sum(one.round_sd**2 for one in found)
    between = sum(one.launch_sd**2 for one in found)
    if between == 0:
        return MOST
    return min(MOST, max(LEAST, math.sqrt(launch_s / round_s * within / between)))
