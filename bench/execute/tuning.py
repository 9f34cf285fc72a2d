"""Learning rates, tried once for each arm before its seeds are trained, alike for all arms.

A trial is a training of the cell at one rate, of ``trial_steps`` at most, from a seed that no other
training has, so that nothing that is tested has been tuned on. Where the best rate of any arm is
the least or the largest tried, and does not solve the task, all arms of its comparison get a
further one beyond it: none is held back by the list, and none has had more trials than another.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from bench.data.metrics import solved
from bench.outcome import DIVERGED, DONE, INVALID
from bench.study import Cell

#: Of all trials.
SEED = 2**31 - 1
#: How often a list of rates is widened, either way.
WIDENINGS = 2
_GAIN = 0.01  # of the loss: by how much a rate at the edge has to be the best

#: Learning rate, validation loss (None where it diverged) of each trial of an arm, and whether it
#: solved the task.
Trials = list[tuple[float, float | None, bool]]


def tunes(cell: Cell) -> bool:
    """Whether a cell's learning rate is to be found by trials."""
    return len(cell.protocol.get("learning_rates", ())) > 1


class Tuning:
    """The trials of a sweep.

    All arms of a comparison count, also those that are not trained now: a rate that one was tried
    at is tried with all. Once one has been trained, no list of its comparison is widened any more.

    Args:
        planned: all cells of the study.
        trained: keys of those that were trained before.
        measure: measures trials, each given with a cell of its arm, and yields them with their
            outcomes as they end.
        known: trials of before, by arm as this calls it.
        remember: called after each trial with its cell, rate and loss, and all trials.
    """

    def __init__(
        self,
        planned: Iterable[Cell],
        trained: Collection[str],
        measure: Callable[[Sequence[tuple[Cell, Cell]]], Iterable[tuple[Cell, dict[str, Any]]]],
        known: Mapping[str, Sequence[tuple[float, float | None, bool]]],
        remember: Callable[[Cell, float, float | None, dict[str, Trials]], None],
    ) -> None:
        self._measure, self._remember = measure, remember
        self._known: dict[str, Trials] = {
            arm: [(rate, loss, reached) for rate, loss, reached in trials]
            for arm, trials in known.items()
        }
        self._failed: dict[str, dict[str, Any]] = {}
        self._arms: dict[str, set[str]] = {}  # of each comparison
        self._settled: set[str] = set()
        for cell in filter(tunes, planned):
            comparison = _comparison(cell)
            self._arms.setdefault(comparison, set()).add(_arm(cell))
            if cell.key in trained:
                self._settled.add(comparison)

    def try_rates(self, cells: Sequence[Cell]) -> None:
        """Make the trials that the arms of some cells lack."""
        arms: dict[str, Cell] = {}
        for cell in filter(tunes, cells):
            arms.setdefault(_arm(cell), cell)
        comparisons: dict[str, list[str]] = {}
        for name, cell in arms.items():
            comparisons.setdefault(_comparison(cell), []).append(name)
        while wanted := [
            (_trial(arms[name], rate), name, rate)
            for comparison, names in comparisons.items()
            for name, rate in self._lacking(
                comparison, names, arms[names[0]].protocol["learning_rates"]
            )
        ]:
            of = {trial.key: (name, rate) for trial, name, rate in wanted}
            for trial, outcome in self._measure([(trial, arms[n]) for trial, n, _ in wanted]):
                name, rate = of[trial.key]
                self._take(arms[name], rate, outcome)

    def tried(self, cell: Cell) -> Trials:
        """The trials of a cell's arm, in the order of their rates."""
        return sorted(self._known.get(_arm(cell), []))

    def failure(self, cell: Cell) -> dict[str, Any] | None:
        """The outcome of a trial that failed and did not diverge, which leaves an arm no rate."""
        return self._failed.get(_arm(cell))

    def _lacking(
        self, comparison: str, names: Sequence[str], listed: Sequence[float]
    ) -> list[tuple[str, float]]:
        """Arms with rates that they have yet to be tried at; the same rates in the end."""
        names = [name for name in names if name not in self._failed]
        tried = [self._known.get(name, []) for name in sorted(self._arms[comparison])]
        rates = sorted({*listed, *(rate for trials in tried for rate, *_ in trials)})
        lacking = [
            (name, rate)
            for name in names
            for rate in rates
            if rate not in {rate for rate, *_ in self._known.get(name, [])}
        ]
        if lacking or not names or comparison in self._settled:
            return lacking
        trials = [self._known[name] for name in names]
        return [(name, rate) for rate in beyond(trials, listed) for name in names]

    def _take(self, cell: Cell, rate: float, outcome: dict[str, Any]) -> None:
        name = _arm(cell)
        if outcome["status"] not in (DONE, DIVERGED, INVALID):
            reason = f"at a trial of learning rate {rate:g}: {outcome['reason']}"
            self._failed[name] = outcome | {"reason": reason, "metrics": {}, "samples": {}}
            return
        done, metrics = outcome["status"] == DONE, outcome["metrics"]
        loss = metrics["validation_loss"] if done else None
        reached = done and bool(
            solved(metrics["metric"], metrics["validation_metric"], metrics["solved_at"])
        )
        self._known.setdefault(name, []).append((rate, loss, reached))
        self._remember(cell, rate, loss, self._known)


def listed(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """The trials that some cells will need at least, by the key of the first of each arm."""
    firsts: dict[str, Cell] = {}
    for cell in filter(tunes, cells):
        firsts.setdefault(_arm(cell), cell)
    return {
        cell.key: [_trial(cell, rate) for rate in cell.protocol["learning_rates"]]
        for cell in firsts.values()
    }


def beyond(trials: Sequence[Trials], listed: Sequence[float]) -> list[float]:
    """Further rates, where an arm's best is the least or the largest of those tried.

    Args:
        trials: of each arm, all at the same rates.
        listed: the rates that a study lists.
    """
    rates = sorted({rate for known in trials for rate, *_ in known})
    found = []
    for edge, inner, outer in (
        (rates[0], rates[1:2], [rate for rate in rates if rate < min(listed)]),
        (rates[-1], rates[-2:-1], [rate for rate in rates if rate > max(listed)]),
    ):
        if len(outer) < WIDENINGS and any(_leads(edge, known) for known in trials):
            further = float(f"{edge * edge / inner[0]:.2g}")
            found += [further] * (further not in rates)  # of rates that are all but one, none is
    return found


def _leads(rate: float, trials: Trials) -> bool:
    """Whether a rate is the best of an arm, by enough to look further, where none will do."""
    if any(reached for *_, reached in trials):
        return False
    losses = {tried: math.inf if loss is None else loss for tried, loss, _ in trials}
    rest = min(loss for tried, loss in losses.items() if tried != rate)
    return losses[rate] < (rest - _GAIN * abs(rest) if math.isfinite(rest) else rest)


def _comparison(cell: Cell) -> str:
    """The name of what an arm is compared in, whatever the seed."""
    return cell.model_copy(update={"seed": SEED}).alike


def _arm(cell: Cell) -> str:
    """The name of an arm in its comparison, the same for all its seeds."""
    return cell.model_copy(update={"seed": SEED}).key


def _trial(cell: Cell, rate: float) -> Cell:
    steps = min(cell.protocol["trial_steps"], cell.protocol["steps"])
    protocol = cell.protocol | {"learning_rates": [rate], "steps": steps, "test_lengths": []}
    return cell.model_copy(update={"seed": SEED, "protocol": protocol})
