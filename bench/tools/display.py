"""What a person sees while a sweep runs: the plan, a progress bar with time left, a line a cell."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from bench import registry, tasks
from bench.outcome import MEASURED, UNDECIDED
from bench.page.numbers import counted, listed
from bench.store.records import held
from bench.study import Cell, Study

_QUANTITIES = {"params": "body parameters", "flops": "forward FLOPs", "state": "state"}
_TRUST = 0.05  # share of a sweep after which its own pace corrects the estimate


def duration(seconds: float) -> str:
    """``75`` as ``1 min 15 s``."""
    whole = math.floor(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours} h {rest // 60} min"
    return f"{rest // 60} min {rest % 60} s"


class _TimeLeft(ProgressColumn):
    """Estimated seconds left, corrected by how the sweep has kept to its estimate so far."""

    def render(self, task: Task) -> Text:
        if not task.total or not task.elapsed:
            return Text("")
        share = task.completed / task.total
        pace = task.elapsed / task.completed if share > _TRUST else 1.0
        return Text(f"{duration(max(0.0, task.total - task.completed) * pace)} left")


class Display:
    """Plan, progress and messages on one console.

    Args:
        console: written to; one that takes no name for markup, see :mod:`bench.tools.console`.
        clock: seconds, from anywhere on.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._clock = clock
        self._progress: Progress | None = None
        self._parts: dict[str, float] = {}
        self._done_s = 0.0

    def say(self, text: str) -> None:
        """One plain line."""
        self.console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def plan(
        self,
        study: Study,
        cells: Sequence[Cell],
        answers: dict[str, dict[str, Any]],
        estimate_s: float,
        bodies: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """The cells by probe and comparison, sizes, what cannot run and why, and the time.

        Args:
            study, cells: what is planned.
            answers: what was decided of each cell.
            estimate_s: of all, pretraining included.
            bodies: what is to be pretrained first.
        """
        table = Table(
            "probe", "comparison", "cells", "lengths", "a step", "arms", "seeds", "estimate"
        )
        rows: dict[tuple[str, str], list[Cell]] = {}
        for cell in cells:
            rows.setdefault((cell.probe, cell.comparison), []).append(cell)
        for (probe, comparison), members in rows.items():
            seconds = sum(answers[cell.key].get("estimate_s", 0.0) for cell in members)
            table.add_row(
                probe,
                comparison,
                str(len(members)),
                listed(sorted({cell.length for cell in members})),
                listed(dict.fromkeys(_step(cell) for cell in members)),
                listed(dict.fromkeys(cell.arm for cell in members)),
                str(len({cell.seed for cell in members})),
                duration(seconds),
            )
        self.console.print(table)
        for line in _sizes(cells, answers):
            self.say(line)
        read = {cell.comparison for cell in cells if tasks.reads_text(cell.task)}
        for name in sorted(read):
            whose = study.comparisons[name].tokenizer
            self.say(f"{name}: text is read through the {whose}'s tokenizer")
        reasons: dict[str, list[str]] = {}
        for cell in cells:
            if "failed" in answers[cell.key]:
                reason = f"{answers[cell.key]['failed']}: {answers[cell.key]['reason']}"
                reasons.setdefault(reason, []).append(cell.name)
        for reason, names in reasons.items():
            others = f" and {len(names) - 1} more" if len(names) > 1 else ""
            self.say(f"{reason}\n  ({names[0]}{others})")
        first = ""
        if bodies:
            spent = duration(sum(body["estimate_s"] for body in bodies))
            what = "1 body" if len(bodies) == 1 else f"{len(bodies)} bodies"
            first = f", of them {spent} for pretraining {what} of {_arms(bodies)} first"
        self.say(f"estimate: {duration(estimate_s)} for {len(cells)} cells{first}")

    @contextlib.contextmanager
    def progress(self, total_s: float) -> Iterator[None]:
        """A bar over the estimate where there is a terminal; a line a cell anywhere."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            _TimeLeft(),
        )
        self._parts, self._done_s, self._start = {}, 0.0, self._clock()
        self._total_s = max(total_s, 1e-3)
        with Progress(
            *columns,
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
            auto_refresh=False,  # a thread that draws would disturb what is being timed
            get_time=self._clock,
        ) as bar:
            self._progress = bar
            self._task = bar.add_task("starting", total=self._total_s)
            try:
                yield
            finally:
                self._progress = None

    def advance(self, cell: Cell, seconds: float) -> None:
        """A cell is worth this much of its estimate so far."""
        self._parts[cell.key] = seconds
        self._update(cell.name)

    def ended(self, cell: Cell, outcome: dict[str, Any], estimate_s: float) -> None:
        """A cell has ended."""
        self._parts.pop(cell.key, None)
        self._done_s += estimate_s
        status = outcome["status"]
        text = _headline(cell, outcome) if status in MEASURED else f"{status}: {outcome['reason']}"
        if status == UNDECIDED:
            text += f", undecided: {outcome['reason']}"
        left = ""
        if self._progress is not None and not self.console.is_terminal:
            share = self._done_s / self._total_s
            elapsed = self._clock() - self._start
            pace = elapsed / self._done_s if share > _TRUST else 1.0
            left = f"  [{duration(max(0.0, self._total_s - self._done_s) * pace)} left]"
        self.say(f"{cell.name}: {text}{left}")
        self._update(cell.name)

    def pretraining(self, body: Mapping[str, Any], share: float) -> None:
        """A body that cells start from is this far."""
        self._parts[body["key"]] = body["estimate_s"] * share
        self._update(_body(body))

    def pretrained(
        self, body: Mapping[str, Any], made: Mapping[str, Any] | None, reason: str
    ) -> None:
        """A body has ended: how it was made, or None and why not."""
        self._parts.pop(body["key"], None)
        self._done_s += body["estimate_s"]
        told = reason
        if made is not None:
            told = f"loss {made['loss']:.3g} on validation text, {duration(made['seconds'])}"
        self.say(f"{_body(body)}: {told}")
        self._update(_body(body))

    def _update(self, name: str) -> None:
        if self._progress is not None:
            completed = self._done_s + sum(self._parts.values())
            self._progress.update(self._task, completed=completed, description=name, refresh=True)


def _body(body: Mapping[str, Any]) -> str:
    return f"pretraining {body['arm']}, {body['objective']}, {body['tokens']:,} tokens"


def _arms(bodies: Sequence[Mapping[str, Any]]) -> str:
    return listed(dict.fromkeys(body["arm"] for body in bodies))


def _step(cell: Cell) -> str:
    """What a step has at every length: so many rows, or so many tokens."""
    found = held(cell.protocol)
    return found if isinstance(found, str) else counted(found, "row")


def _sizes(cells: Sequence[Cell], answers: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each comparison and arm whose size was solved for: the sizes, and how near.

    Of what is the same at all lengths and tasks once, of the rest for each.
    """
    found: dict[tuple[str, str, str, str], dict[str, list[Cell]]] = {}
    for cell in cells:
        match = answers[cell.key].get("match") or {}
        if match.get("size") is not None:
            size = f"{match['dimension']} {match['size']} ({match['error']:+.1%})"
            whose = cell.comparison, _QUANTITIES[match["quantity"]], cell.model.match_to, cell.arm
            found.setdefault(whose, {}).setdefault(size, []).append(cell)
    return [
        f"{comparison}: {arm} has the {quantity} of {reference} at "
        + listed(f"{size}{_only(own, list(sizes.values()))}" for size, own in sizes.items())
        for (comparison, quantity, reference, arm), sizes in found.items()
    ]


def _only(cells: Sequence[Cell], all_cells: Sequence[Sequence[Cell]]) -> str:
    """Which tasks and lengths a size is of, where the others are not of the same."""
    parts = []
    tasks = [list(dict.fromkeys(cell.task for cell in own)) for own in all_cells]
    lengths = [sorted({cell.length for cell in own}) for own in all_cells]
    if any(each != tasks[0] for each in tasks):
        parts.append(listed(dict.fromkeys(cell.task for cell in cells)))
    if any(each != lengths[0] for each in lengths):
        parts.append(f"T={listed(sorted({cell.length for cell in cells}))}")
    return f" for {', '.join(parts)}" if parts else ""


def _headline(cell: Cell, outcome: dict[str, Any]) -> str:
    """The numbers of a finished cell that fit on a line: score, rate, and its probe's own."""
    metrics, parts = outcome["metrics"], []
    if (score := metrics.get("test_metric")) is not None:
        solved = ", solved" if metrics.get("solved") else ""
        parts.append(f"test {metrics['metric']} {score:.3g}{solved}")
    if "tokens_per_s" in metrics:
        parts.append(f"{metrics['tokens_per_s']:,.0f} tokens/s")
    part = registry.part(cell.probe, "line")
    if part is not None:
        try:
            told = part.line(metrics, outcome["samples"])
        except Exception as error:  # noqa: BLE001  # anybody's probe: its cells are measured on
            told = f"({part.__name__}: {type(error).__name__}: {error})".replace("\n", " ")
        parts += [told] if told else []
    return ", ".join(parts) or "done"
