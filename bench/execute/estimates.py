"""How long the cells of a plan will take: one step of every model is timed here."""

import contextlib
import json
import math
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from bench import registry
from bench.execute import group, tuning, turns
from bench.measure import contract, objective
from bench.measure.subject import Batch, Step, Subject, optimizer
from bench.outcome import UNAVAILABLE
from bench.statistics import stopping
from bench.store import environment
from bench.study import Cell, references
from models.checkpoints import CheckpointError
from models.heads import GENERATING

_FIXED_S = 0.4  # forking, opening the corpus, and writing the record
_FEW = 5  # steps below which a size is not timed beforehand


def add(
    cells: dict[str, Cell],
    decided: dict[str, dict[str, Any]],
    data: Callable[[Cell], Any],
    step: Callable[[], None] = lambda: None,
) -> None:
    """Add ``estimate_s`` to every cell that will run; a failing model fails its cells here.

    After each model ``step`` is called.
    """
    spent: dict[str, tuple[float, float]] = {}
    alike: dict[tuple[str, ...], list[str]] = {}
    for key, cell in cells.items():
        if "failed" not in decided[key]:
            name = json.dumps(decided[key]["config"], sort_keys=True)
            setting = (cell.device, cell.dtype, cell.denormals, str(cell.threads))
            alike.setdefault(
                (cell.arm, cell.task, cell.data, cell.kernel, *setting, name), []
            ).append(key)
    trials = tuning.listed(cells.values())
    for keys in alike.values():

        def timed(keys: list[str] = keys) -> dict[str, tuple[float, float]]:
            first = cells[keys[0]]
            with as_set(first):
                pace = Pace(first, decided[keys[0]]["config"], data(first))
                by_repeats = sorted(keys, key=lambda key: -_repeats(cells[key]))
                return {key: _spent(cells[key], pace, trials.get(key, ())) for key in by_repeats}

        try:
            # A thread starts a pool of its own, and with it what its setting does to floats.
            with ThreadPoolExecutor(1) as thread:
                spent |= thread.submit(timed).result()
        except CheckpointError as error:
            for key in keys:
                decided[key] = {"failed": UNAVAILABLE, "reason": str(error)}
        except Exception as error:
            # Out of memory, say: what cannot be timed here is for its own worker to report.
            traceback.print_exception(error)
            for key in keys:
                decided[key].setdefault("estimate_s", _FIXED_S)
        step()
    for key, seconds in shares(cells, spent).items():
        decided[key]["estimate_s"] = seconds


@contextlib.contextmanager
def as_set(cell: Cell) -> Iterator[None]:
    """A cell's threads and subnormal floats as its worker will have them; then as they were."""
    threads = torch.get_num_threads()
    if cell.threads != "all":
        torch.set_num_threads(cell.threads)
    torch.set_flush_denormal(cell.denormals == "flush")  # its worker says if it cannot
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


def _repeats(cell: Cell) -> float:
    """How often something is to run that is timed; endlessly, of cells that take turns."""
    if _in_turn(cell):
        return math.inf
    return sum(contract.load(cell.probe).work(cell.protocol, cell.axes))


def _in_turn(cell: Cell) -> bool:
    return bool(registry.probes()[cell.probe].literals["INTERLEAVED"])


def _spent(cell: Cell, pace: "Pace", trials: Sequence[Cell]) -> tuple[float, float]:
    """Seconds of a process of the cell until its first turn, and those of a turn, or of it all.

    Args:
        cell: what is to run.
        pace: of its model.
        trials: that are made before it, for the other seeds of its arm too.
    """
    probe, started_s = contract.load(cell.probe), _FIXED_S + pace.build_s
    if not _in_turn(cell):
        works = [probe.work(each.protocol, each.axes) for each in (cell, *trials)]
        steps, passes = map(sum, zip(*works, strict=True))
        return started_s * len(works), pace.seconds(cell, steps, passes)
    warmup_s, turn_s = probe.pace(
        cell.protocol, cell.axes, lambda name: pace.once(name, cell, math.inf)
    )
    return started_s + warmup_s, turn_s


def shares(cells: dict[str, Cell], spent: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Seconds that each cell will take.

    A group in turn has a canary of each reference, and starts everyone anew every few rounds, as
    many at once as there are cores for; its budget ends it after any round, and counts all starts
    but the first.
    """
    groups: dict[str, list[str]] = {}
    for key in spent:
        groups.setdefault(cells[key].alike, []).append(key)
    found = {key: sum(seconds) for key, seconds in spent.items()}
    for keys in groups.values():
        first = cells[keys[0]]
        if not _in_turn(first):
            width = min(len(keys), turns.abreast(first, environment.threads()))
            found |= {key: found[key] / width for key in keys}
            continue
        rounds, rest_s = group.expected_rounds(first.protocol), group.rest_s(first)
        width = turns.beside(first, environment.threads())
        seats = [*keys, *(c.key for c in references([cells[key] for key in keys]))]  # run twice
        each_s = sum(spent[key][0] for key in seats)
        start_s = sum(
            max(spent[key][0] for key in seats[at : at + width])
            for at in range(0, len(seats), width)
        )
        round_s = sum(2 * (rest_s + spent[key][1]) for key in seats)
        together_s = start_s
        for number in range(rounds):
            if together_s - start_s >= first.protocol["budget_s"]:
                break
            together_s += round_s + (start_s if number and not number % stopping.USUAL else 0.0)
        for key in keys:
            of_rounds = 2 * (rest_s + spent[key][1]) / round_s
            found[key] = seats.count(key) * together_s * (spent[key][0] / each_s + of_rounds) / 2
    return found


def _tokens(cell: Cell) -> int:
    size: int = cell.protocol["batch_size"] * cell.length
    return size


class Pace:
    """How long a model takes to build, to train a step and to run forward, measured here.

    Each size that many steps are to be made of is timed. One that is hardly used is scaled from
    the nearest by its tokens, as timing it might take longer than running it.
    """

    def __init__(self, cell: Cell, config: dict[str, object], data: Any) -> None:
        self._config, self._data = config, data
        start = time.perf_counter()
        subject = Subject(cell, config, data)
        model = subject.build()
        self.build_s = time.perf_counter() - start
        step = Step(model, subject.head, optimizer(model, 1e-5), 1.0, subject.precision)

        def train(batch: Batch) -> None:
            float(step(batch)[0])  # reading a number waits for the device

        read = subject.forward(model)

        def forward(batch: Batch) -> None:
            with torch.inference_mode():
                _first(read(batch))

        self._functions = {"training": train, "forward": forward}
        if subject.head in GENERATING:
            fill = objective.prefill(model, subject.head)

            def prefill(batch: Batch) -> None:
                with torch.inference_mode():
                    _first(fill(batch))

            self._functions["prefill"] = prefill
            self._functions["token"] = lambda batch: prefill(
                {"input_ids": batch["input_ids"][:, :1]}
            )
        self._known: dict[str, dict[tuple[int, int], float]] = {n: {} for n in self._functions}

    def seconds(self, cell: Cell, steps: float, passes: float) -> float:
        """Seconds of so many training steps and forward passes of the cell's size."""
        return sum(
            count * self.once(name, cell, count)
            for name, count in (("training", steps), ("forward", passes))
            if count
        )

    def once(self, name: str, cell: Cell, count: float) -> float:
        """Seconds of one of what is to run so often.

        :meth:`bench.measure.contract.Measure.pace` has the names.
        """
        known, tokens = self._known[name], _tokens(cell)
        size = (cell.length, cell.protocol["batch_size"])
        if size not in known and known and count < _FEW:
            nearest = min(known, key=lambda s: abs(math.log(s[0] * s[1] / tokens)))
            return known[nearest] * tokens / (nearest[0] * nearest[1])
        if size not in known:
            subject = Subject(cell, self._config, self._data)
            batches = subject.batches(2 if known else 3, cell.protocol["batch_size"])
            known[size] = min(_seconds(self._functions[name], batch) for batch in batches)
        return known[size]


def _first(outputs: Any) -> float:
    """A number of what a model put out, which waits for the device."""
    tensor: torch.Tensor = tree_leaves(dict(outputs) if hasattr(outputs, "keys") else outputs)[0]
    return float(tensor.reshape(-1)[0])


def _seconds(function: Callable[[Batch], None], batch: Batch) -> float:
    start = time.perf_counter()
    function(batch)
    return time.perf_counter() - start
