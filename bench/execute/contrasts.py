"""The ratios of a group: which arm beside which other."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench import registry
from bench.execute.rounds import Rounds
from bench.execute.seats import Seat
from bench.statistics.directions import Pair
from bench.statistics.intervals import log_ratios
from bench.statistics.stopping import Ratio
from bench.statistics.summaries import PER_ROUND


@dataclass(frozen=True)
class Control:
    """The reference of one setting of subnormal floats, and the canary: its cell once more."""

    base: Seat
    canary: Seat

    @property
    def failed(self) -> bool:
        """Whether the rounds compare nothing any more."""
        return self.base.failure is not None or self.canary.failure is not None


@dataclass(frozen=True)
class Contrast:
    """Two seats timed in the same rounds.

    Args:
        seat, other: whose time is divided by whose.
        name: of the other, in words.
        asked: see :class:`bench.statistics.stopping.Ratio`.
    """

    seat: Seat
    other: Seat
    name: str
    asked: bool


def of(seats: Sequence[Seat], controls: Sequence[Control], *, alone: bool) -> list[Contrast]:
    """Every ratio of a group.

    An arm's is to the reference under its own setting. An arm with subnormals flushed has another,
    to itself with them kept. A reference's is to its canary.

    Args:
        seats: that have not failed.
        controls: of each setting of subnormal floats.
        alone: whether a control is asked, as the group has no other arm.
    """
    kept = {(s.cell.arm, s.cell.kernel): s for s in seats if s.cell.denormals == "keep"}
    found = []
    for seat in seats:
        control = next(c for c in controls if c.base.cell.denormals == seat.cell.denormals)
        base = control.base
        if seat is base:
            found.append(Contrast(seat, control.canary, "its own second process", alone))
        else:
            name = f"{registry.label(base.cell.arm)}/{base.cell.kernel}"
            found.append(Contrast(seat, base, name, True))
        twin = kept.get((seat.cell.arm, seat.cell.kernel))
        if twin is not None and seat.cell.denormals != "keep":
            found.append(Contrast(seat, twin, "itself with subnormals kept", True))
    return found


def ratio_of(contrast: Contrast, rounds: Rounds, group: str) -> Ratio:
    """A contrast's rounds so far; ``group`` is the same for all that share them."""
    seconds, others = (s.samples["seconds"] for s in (contrast.seat, contrast.other))
    logs = log_ratios(seconds, others, PER_ROUND)
    pair = Pair(logs, tuple(rounds.launches), group, pool_of(contrast.seat))
    return Ratio(pair, contrast.name, contrast.asked)


def pool_of(seat: Seat) -> tuple[str, int | str]:
    """What groups have in common whose launches spread alike, as pairs of records have it."""
    return seat.cell.device, seat.cell.threads
