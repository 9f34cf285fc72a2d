"""Cells in groups: arms that are timed in turn, and cells one after the other or side by side."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bench import registry
from bench.execute import affinity
from bench.execute.channel import heard
from bench.execute.contrasts import Control
from bench.execute.group import Group
from bench.execute.processes import Server
from bench.execute.seats import Listener, Seat
from bench.outcome import DONE
from bench.statistics.directions import Pair
from bench.study import Cell, references

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
    earlier: Sequence[Pair] = (),
    tried: Mapping[str, Sequence[Sequence[Any]]] = MappingProxyType({}),
    kept: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Measure the cells of one group, or of several like it, and tell the listener of each outcome.

    An interleaved probe has all its arms alive at once and visits them in turn, see
    :mod:`bench.execute.group`. Any other probe's cells run one after the other, or as many at once
    as there are threads for where the probe says that they may, see ``abreast``.

    Args:
        server: forks the workers.
        cells: what is to be measured, alike but for arm, kernel and denormals.
        configs: cell key to the model's configuration.
        corpus: fingerprint of the corpus.
        threads: of a worker whose cell wants all.
        timeout_s: longest silence of a worker.
        listener: who is told.
        earlier: pairs that the run has timed already, which say how far launches differ here.
        tried: cell key to the trials of its learning rate, where it has several.
        kept: cell key to where its training is saved while it lasts, ``path``, and ``made_with``,
            what has to be the same for another process to go on; None where none is.
    """
    if registry.probes()[cells[0].probe].literals["INTERLEAVED"]:
        place, width = affinity.place_of(cells[0]), beside(cells[0], threads)

        def timed(cell: Cell) -> Seat:
            config = configs[cell.key]
            return Seat(server, cell, config, corpus, threads, timeout_s, listener, place.core)

        remaining, canaries = list(cells), 0
        with affinity.off(place.core):
            while remaining:
                seats = [timed(cell) for cell in remaining]
                controls = [
                    Control(next(s for s in seats if s.cell.key == cell.key), timed(cell))
                    for cell in references(remaining)
                ]
                group = Group(seats, controls, listener, earlier, width, place)
                again = group.measure(last_chance=canaries == _CANARIES)
                canaries += len(again) == len(remaining)  # no arm has failed, so a canary has
                remaining = again
        return
    seats = [
        Seat(
            server, cell, configs[cell.key], corpus, threads, timeout_s, listener,
            tried=tried.get(cell.key, ()), kept=(kept or {}).get(cell.key),
        )
        for cell in cells
    ]  # fmt: skip
    for seat in side_by_side(seats, abreast(cells[0], threads)):
        listener.cell_ended(seat.cell, seat.ended_as(DONE))


def side_by_side(seats: Sequence[Seat], width: int) -> Iterator[Seat]:
    """Seats in the order in which they end; the next begins as soon as one has.

    Args:
        seats: none has begun.
        width: how many are at work at once.
    """
    waiting, working = list(reversed(seats)), list[Seat]()
    while waiting or working:
        while waiting and len(working) < width:
            working.append(waiting.pop())
            working[-1].begin()
        patience_s = max(0.0, min(seat.patience_s for seat in working))
        speaker = heard([seat.channel for seat in working], patience_s)
        for seat in working:
            seat.attempt(seat.hear if seat.channel is speaker else seat.wait)
        over = [seat for seat in working if seat.ended or seat.failure is not None]
        working = [seat for seat in working if seat not in over]
        yield from over


def batches(groups: Iterable[Sequence[Cell]], threads: int) -> list[list[Cell]]:
    """What is run together: a group, or those that differ by seed alone where cells run abreast.

    Args:
        groups: in the order of the plan.
        threads: of a worker whose cell wants all.
    """
    found: dict[str, list[Cell]] = {}
    for group in groups:
        wide = abreast(group[0], threads) > 1
        name = group[0].model_copy(update={"seed": 0}).alike if wide else group[0].alike
        found.setdefault(name, []).extend(group)
    return list(found.values())


def abreast(cell: Cell, threads: int) -> int:
    """How many cells like this one run at once, of those that the probe says may.

    Args:
        cell: one of a group.
        threads: of a worker whose cell wants all.
    """
    may = registry.probes()[cell.probe].literals.get("ABREAST", False)
    return beside(cell, threads) if may and cell.device == "cpu" else 1


def beside(cell: Cell, threads: int) -> int:
    """How many processes of such cells there are cores for.

    Args:
        cell: one of a group.
        threads: of a worker whose cell wants all.
    """
    if cell.threads == "all":
        return 1
    return max(1, threads // cell.threads)
