"""Cells in groups: the arms of a group measured in turn, by passing a token between workers."""

import contextlib
import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import registry
from bench.execute.processes import Server
from bench.execute.seats import Listener, Seat
from bench.outcome import DONE, FAILED, UNSTABLE
from bench.statistics import intervals
from bench.statistics.decisions import next_look
from bench.statistics.summaries import of_turns, summarised
from bench.store import pressure
from bench.study import Cell, references

LAUNCH = 5  # rounds that the same processes measure
SETTLE_S = 0.02  # before a turn, so that the threads of the arm before it have stopped spinning
EXPECTED_ROUNDS = 20  # what most groups need, for estimates and the progress bar
_CANARIES = 1  # canaries that may fail before a group is given up


def run_group(
    server: Server,
    cells: Sequence[Cell],
    configs: dict[str, dict[str, Any]],
    *,
    corpus: str,
    threads: int,
    timeout_s: float,
    listener: Listener,
) -> None:
    """Measure the cells of one group and tell the listener of each outcome.

    An interleaved probe has all its arms alive at once and visits them in turn, see ``_in_turn``.
    Any other probe's cells run one after the other, or as many at once as there are threads for
    where nothing of them is timed, see ``abreast``.

    Args:
        server: forks the workers.
        cells: what is to be measured, alike but for arm, kernel and denormals.
        configs: cell key to the model's configuration.
        corpus: fingerprint of the corpus.
        threads: of a worker whose cell wants all.
        timeout_s: longest silence of a worker.
        listener: who is told.
    """

    def seat(cell: Cell) -> Seat:
        return Seat(server, cell, configs[cell.key], corpus, threads, timeout_s, listener)

    if registry.probes()[cells[0].probe].literals["INTERLEAVED"]:
        remaining, canaries = list(cells), 0
        while remaining:
            seats = [seat(cell) for cell in remaining]
            controls = [
                _Control(next(s for s in seats if s.cell.key == cell.key), seat(cell))
                for cell in references(remaining)
            ]
            again = _in_turn(seats, controls, listener, last_chance=canaries == _CANARIES)
            canaries += len(again) == len(remaining)  # no arm has failed, so a canary has
            remaining = again
        return
    width = abreast(cells[0], threads)
    for first in range(0, len(cells), width):
        seats = [seat(cell) for cell in cells[first : first + width]]
        for alone in seats:
            alone.attempt(alone.begin)
        for alone in seats:
            alone.attempt(alone.follow)
            done = alone.failure is None
            listener.cell_ended(
                alone.cell, alone.outcome(DONE, None, None) if done else alone.failed(None)
            )


def abreast(cell: Cell, threads: int) -> int:
    """How many cells like this one run at once, of those that the probe says may.

    Args:
        cell: one of a group.
        threads: of a worker whose cell wants all.
    """
    if not registry.probes()[cell.probe].literals.get("ABREAST", False) or cell.device != "cpu":
        return 1
    return 1 if cell.threads == "all" else max(1, threads // cell.threads)


@dataclass(frozen=True)
class _Control:
    """The reference of one setting of subnormal floats, and the canary: its cell once more."""

    base: Seat
    canary: Seat

    @property
    def failed(self) -> bool:
        return self.base.failure is not None or self.canary.failure is not None


def _in_turn(
    seats: Sequence[Seat], controls: Sequence[_Control], listener: Listener, *, last_chance: bool
) -> list[Cell]:
    """Measure the arms of a group in rounds until their ratios are precise, or the budget ends.

    A round visits every seat in a random order and then in its reverse. The canary is the
    reference's arm once more, in a process of its own: what lies between the two is noise. A group
    with subnormal floats kept and flushed has a reference and a canary of each, as what is noise to
    a slow step need not be so to a fast one. The intervals are looked at after 10, 20, 40 and 80
    rounds only, as who looks after every round stops at a lucky one, and when the budget ends,
    which no result decides. Every few rounds all arms get fresh processes, so that an interval
    knows of what differs from one start to the next.

    Returns:
        The cells to measure again from the start, because a reference or a canary has failed:
        without them the rounds compare nothing. On the last chance a canary's failure is that of
        all cells of its setting.
    """
    cells = [seat.cell for seat in seats]
    protocol, of = cells[0].protocol, {c.base.cell.denormals: c for c in controls}
    together = uuid.uuid4().hex[:12]  # only what shares it was timed in the same rounds
    order = random.Random(cells[0].group)  # the same order each time the study runs
    rounds, most = _Rounds(), protocol["rounds"]
    look = next_look(0, precise=False, most=most)
    while look is not None:
        _launch(seats, controls, min(look, rounds.count + LAUNCH), rounds, order, listener)
        for seat in seats:
            if seat.failure is not None and not seat.told:
                seat.told = True
                listener.cell_ended(seat.cell, seat.failed(together))
        lasting = [seat for seat in seats if seat.failure is None]
        if any(control.failed for control in controls):
            again = []
            for seat in lasting:
                control = of[seat.cell.denormals]
                failure = control.canary.failure
                if failure is None or control.base.failure is not None or not last_chance:
                    again.append(seat.cell)
                    continue
                reason = f"a process of its reference, its A/A control, ended: {failure.reason}"
                listener.cell_ended(seat.cell, seat.outcome(FAILED, reason, together))
            return again
        wide = _too_wide(lasting, of, rounds, protocol["precision"])
        spent = rounds.seconds >= protocol["budget_s"]
        look = None if spent else next_look(rounds.count, precise=not wide, most=most)
    for seat in lasting:
        short = wide.get(seat.cell.key)
        if short is not None and spent and rounds.count < most:
            short += f": the budget of {protocol['budget_s']:g} s ended first"
        control = of[seat.cell.denormals]
        canary = control.canary if seat is control.base else None
        listener.cell_ended(seat.cell, _timed(seat, canary, rounds, short, together))
    return []


def _launch(
    seats: Sequence[Seat],
    controls: Sequence[_Control],
    until: int,
    rounds: "_Rounds",
    order: random.Random,
    listener: Listener,
) -> None:
    """Start everyone anew and measure until there are so many rounds, or the budget ends.

    Starting anew is part of the budget, but for the first time: a budget is no limit to building.
    """
    protocol, canaries = seats[0].cell.protocol, [control.canary for control in controls]
    start = time.monotonic()
    for seat in (*seats, *canaries):
        seat.attempt(seat.start)
    if rounds.count:
        rounds.seconds += time.monotonic() - start
    before = rounds.count
    while rounds.count < until:
        if rounds.count > before and rounds.seconds >= protocol["budget_s"]:
            break  # but not before a round, as nobody is started for nothing
        if any(control.failed for control in controls):
            break
        alive = [seat for seat in (*seats, *canaries) if seat.failure is None]
        permutation = order.sample(alive, len(alive))
        with rounds.one():
            for seat in permutation + permutation[::-1]:
                time.sleep(SETTLE_S)
                seat.attempt(seat.round)
        for seat in alive:
            if seat not in canaries and seat.failure is None:
                share = rounds.count / min(protocol["rounds"], EXPECTED_ROUNDS)
                listener.cell_progress(seat.cell, min(1.0, share))
    for seat in (*seats, *canaries):
        seat.attempt(seat.finish)
    rounds.launched()


def _timed(
    seat: Seat, canary: Seat | None, rounds: "_Rounds", reason: str | None, together: str
) -> dict[str, Any]:
    """The outcome of a seat that lasted; a reason makes it unstable, a canary is a reference's."""
    literals = registry.probes()[seat.cell.probe].literals
    seat.samples |= rounds.samples()
    if canary is not None:
        for name in ("seconds", *literals.get("PARTS", {}).values()):
            if name in canary.samples:
                seat.samples[f"canary_{name}"] = canary.samples[name]
    medians = summarised(literals, seat.samples)
    seat.metrics |= of_turns(seat.samples, seat.metrics["tokens_per_step"], medians)
    return seat.outcome(DONE if reason is None else UNSTABLE, reason, together)


class _Rounds:
    """What is known of each round beside its times."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        self.launches: list[int] = []
        self._pressure = pressure.Pressure()
        self._laps: list[dict[str, float | None]] = []

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """A round: its wall time, and what other processes took of the machine meanwhile."""
        start = time.monotonic()
        self._pressure.lap()
        yield
        self._laps.append(self._pressure.lap())
        self.seconds += time.monotonic() - start
        self.count += 1

    def launched(self) -> None:
        """The rounds since the last call were measured by the same processes."""
        launch = self.launches[-1] + 1 if self.launches else 0
        self.launches += [launch] * (self.count - len(self.launches))

    def samples(self) -> dict[str, list[Any]]:
        """Traces by round, the same for every arm."""
        return {
            "launch": list(self.launches),
            **{name: [lap[name] for lap in self._laps] for name in ("steal", "psi")},
        }


def _too_wide(
    seats: Sequence[Seat], of: Mapping[str, _Control], rounds: _Rounds, precision: float
) -> dict[str, str]:
    """Key of every cell of which a ratio is not known precisely enough, to the reason.

    An arm's ratio is to the reference under its own setting, and the reference's to its canary. An
    arm with subnormals flushed has another, to itself with them kept.
    """
    kept = {(s.cell.arm, s.cell.kernel): s for s in seats if s.cell.denormals == "keep"}
    wide: dict[str, str] = {}
    for seat in seats:
        base, canary = of[seat.cell.denormals].base, of[seat.cell.denormals].canary
        name = f"{registry.label(base.cell.arm)}/{base.cell.kernel}"
        others = [("itself", canary) if seat is base else (name, base)]
        twin = kept.get((seat.cell.arm, seat.cell.kernel))
        if twin is not None and twin is not seat:
            others.append(("itself with subnormals kept", twin))
        for name, other in others:
            ratio = intervals.paired_ratio(
                other.samples["seconds"], seat.samples["seconds"], 2, rounds.launches
            )
            if not ratio.within(precision):
                wide.setdefault(
                    seat.cell.key,
                    f"its ratio to {name} is {ratio.value:.3f} {ratio.interval()} after "
                    f"{rounds.count} rounds; within ±{precision:.1%} is wanted",
                )
    return wide
