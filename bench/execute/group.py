"""The arms of a group, alive at once and timed in rounds until what is asked of them is known.

A round visits every seat in a random order and then in its reverse. The canary is the reference's
arm once more, in a process of its own: it says whether the test that tells arms apart is silent
where nothing differs, and is part of no other arm's bar. A group with subnormal floats kept and
flushed has a reference and a canary of each. Ratios are looked at after 10, 20, 40 and 80 rounds
only, as who looks after every round stops at a lucky one, and when the budget ends, which no result
decides. Fresh processes take over every few rounds, so that an interval knows of what differs from
one start to the next.
"""

import itertools
import math
import random
import time
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from bench import registry
from bench.execute import contrasts
from bench.execute.affinity import Place
from bench.execute.contrasts import Contrast, Control
from bench.execute.rounds import Rounds
from bench.execute.seats import Listener, Seat
from bench.outcome import DONE, FAILED, UNDECIDED
from bench.statistics import stopping
from bench.statistics.directions import Direction, Pair
from bench.statistics.summaries import of_turns, summarised
from bench.study import Cell

_SETTLE_S = 0.02
_EXPECTED_ROUNDS = {stopping.DIRECTION: 20, stopping.SIZE: 40}


def rest_s(cell: Cell) -> float:
    """Seconds before a turn, until the threads of the arm before it have stopped spinning.

    An arm of one thread has none that spin: it blocks on its socket.
    """
    return 0.0 if cell.device == "cpu" and cell.threads == 1 else _SETTLE_S


def expected_rounds(protocol: dict[str, Any]) -> int:
    """Rounds that most groups need, for estimates and the progress bar."""
    return int(min(protocol["rounds"], _EXPECTED_ROUNDS[protocol["want"]]))


def start(seats: Sequence[Seat], width: int) -> None:
    """Build and warm as many at once as there are cores for."""
    for first in range(0, len(seats), width):
        for seat in seats[first : first + width]:
            seat.attempt(seat.start)
        for seat in seats[first : first + width]:
            seat.attempt(seat.ready)


class Group:
    """The seats of a group, and what their rounds have left so far.

    Args:
        seats: one a cell.
        controls: of each setting of subnormal floats.
        listener: who is told.
        earlier: pairs that the run has timed already; those of other devices or numbers of
            threads are left out.
        width: how many are built at once.
        place: where the workers run.
    """

    def __init__(
        self,
        seats: Sequence[Seat],
        controls: Sequence[Control],
        listener: Listener,
        earlier: Sequence[Pair],
        width: int,
        place: Place,
    ) -> None:
        cell, pool = seats[0].cell, contrasts.pool_of(seats[0])
        self._seats, self._controls, self._listener = seats, controls, listener
        self._canaries = [control.canary for control in controls]
        self._width, self._place, self._protocol = width, place, cell.protocol
        self._together = uuid.uuid4().hex[:12]  # only what shares it was timed in the same rounds
        self._order = random.Random(cell.group)  # the same order each time the study runs
        self._rounds = Rounds()
        self._contrasts: list[Contrast] = []
        self._course = stopping.Course(
            self._protocol["want"],
            self._protocol["precision"],
            self._protocol["rounds"],
            [pair for pair in earlier if pair.pool == pool],
        )

    def measure(self, *, last_chance: bool) -> list[Cell]:
        """Measure until what is asked of every ratio is known, or rounds or the budget end.

        Returns:
            The cells to measure again from the start, because a reference or a canary has failed:
            without them the rounds compare nothing. On the last chance a canary's failure is that
            of all cells of its setting.
        """
        lasting: list[Seat] = []
        while not (self._course.over or self._spent):
            self._launch(self._course.length())
            lasting = self._lasting()
            if any(control.failed for control in self._controls):
                return self._given_up(lasting, last_chance)
            # Of a group of one arm its control is asked.
            self._contrasts = contrasts.of(lasting, self._controls, alone=len(self._seats) == 1)
            ratios = [contrasts.ratio_of(c, self._rounds, self._together) for c in self._contrasts]
            self._course.add(ratios, *self._rounds.costs)
        self._course.judge()
        for seat in lasting:
            self._listener.cell_ended(seat.cell, self._timed(seat))
        return []

    @property
    def _spent(self) -> bool:
        """Whether the budget is; no part of it is before there is a round."""
        return bool(self._rounds.count and self._rounds.seconds >= self._protocol["budget_s"])

    def _launch(self, length: int) -> None:
        """Start everyone anew, and measure so many rounds, or until the budget ends."""
        everyone = (*self._seats, *self._canaries)
        before = self._rounds.count
        with self._rounds.launch():
            start([seat for seat in everyone if seat.failure is None], self._width)
        while self._rounds.count < before + length:
            if self._rounds.count > before and self._spent:
                break  # but not before a round, as nobody is started for nothing
            if any(control.failed for control in self._controls):
                break
            self._round([seat for seat in everyone if seat.failure is None])
        for seat in everyone:  # the first launch says for all which kernel an arm has run
            ran = before == 0 and seat not in self._canaries
            seat.attempt(partial(seat.finish, ran=ran))

    def _round(self, alive: Sequence[Seat]) -> None:
        permutation = self._order.sample(alive, len(alive))
        with self._rounds.one():
            for seat in permutation + permutation[::-1]:
                time.sleep(rest_s(seat.cell))
                seat.attempt(seat.round)
        share = min(1.0, self._rounds.count / expected_rounds(self._protocol))
        for seat in alive:
            if seat not in self._canaries and seat.failure is None:
                self._listener.cell_progress(seat.cell, share)

    def _lasting(self) -> list[Seat]:
        """The seats that have not failed; of the others the listener is told."""
        for seat in self._seats:
            if seat.failure is not None and not seat.told:
                seat.told = True
                self._listener.cell_ended(seat.cell, seat.failed(self._together))
        return [seat for seat in self._seats if seat.failure is None]

    def _given_up(self, lasting: Sequence[Seat], last_chance: bool) -> list[Cell]:
        """Cells to measure again without the reference or the canary that has failed."""
        of, again = {c.base.cell.denormals: c for c in self._controls}, []
        for seat in lasting:
            control = of[seat.cell.denormals]
            failure = control.canary.failure
            if failure is None or control.base.failure is not None or not last_chance:
                again.append(seat.cell)
                continue
            reason = f"a process of its reference, its A/A control, ended: {failure.reason}"
            self._listener.cell_ended(seat.cell, seat.outcome(FAILED, reason, self._together))
        return again

    def _timed(self, seat: Seat) -> dict[str, Any]:
        """The outcome of a seat that lasted."""
        own = [index for index, contrast in enumerate(self._contrasts) if contrast.seat is seat]
        reason = next((why for index in own if (why := self._course.open(index))), None)
        if reason is not None and self._spent and self._rounds.count < self._protocol["rounds"]:
            first = ", in the first launch" if max(self._rounds.launches) == 0 else ""
            reason += f": the budget of {self._protocol['budget_s']:g} s ended first{first}"
        seat.samples |= self._rounds.samples()
        literals = registry.probes()[seat.cell.probe].literals
        for control in self._controls:
            if control.base is seat:
                again = control.canary.samples
                kinds = (literals.get(kind, {}).values() for kind in ("SUMMARIES", "PARTS"))
                timed = ("seconds", *itertools.chain.from_iterable(kinds))
                seat.samples |= {f"canary_{name}": again[name] for name in timed if name in again}
        medians = summarised(literals, seat.samples)
        seat.metrics |= of_turns(seat.samples, seat.metrics["tokens_per_step"], medians)
        seat.metrics |= self._spreads(self._course.found[own[0]])
        return seat.outcome(DONE if reason is None else UNDECIDED, reason, self._together)

    def _spreads(self, found: Direction) -> dict[str, Any]:
        """What rounds and launches cost, how far they spread, and where they ran.

        Spreads are of the log of the arm's ratio to its reference, a reference's to its canary;
        that of launches is the one that all groups of the run so far make probable.
        """
        launch_s, round_s = self._rounds.costs
        return {
            "round_sd": _finite(found.round_sd),
            "launch_sd": None if found.why else _finite(found.launch_sd),
            "launch_cost_s": launch_s,
            "round_cost_s": round_s,
            "core": self._place.core,
            "place": self._place.said,
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
