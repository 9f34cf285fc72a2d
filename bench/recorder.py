"""What a sweep leaves: each cell's record, committed as it ends, whatever happens next."""

import hashlib
import time
from typing import Any

from bench import registry
from bench.interrupts import uninterrupted
from bench.outcome import DIVERGED, FINAL, MEASURED, UNAVAILABLE
from bench.page.verdict import sentence
from bench.statistics import verdicts
from bench.statistics.directions import Pair
from bench.store import Store, environment, limits, now, provenance
from bench.store.records import Record
from bench.store.trainings import Trainings
from bench.study import Cell
from bench.tools.display import Display

#: What was decided of a cell's model that its record keeps.
_MODEL = (
    "parameters", "match", "cost", "layers", "weights", "tokenizer", "positions", "pretraining"
)  # fmt: skip


class Recorder:
    """Commits each cell's record as it ends, and keeps the display up to date.

    Args:
        store: where to.
        decided: what was decided of every cell before the first clock started.
        display: shows progress and what rounds decide.
        made_with: provenance of all records; of checkpoints a record keeps its own cell's.
        estimate_s: seconds of all cells together.
        started: when the sweep did, by the monotonic clock.
    """

    def __init__(
        self,
        store: Store,
        decided: dict[str, Any],
        display: Display,
        made_with: dict[str, str],
        estimate_s: float,
        started: float,
    ) -> None:
        self._store, self._answers, self.display = store, decided["cells"], display
        self._made_with, self.estimate_s = made_with, estimate_s
        self._machine = environment.machine()
        self._watch = limits.Watch()
        self._gpus: list[dict[str, str]] | None = None
        self._last = started
        self._group: list[str] = []
        self._trainings = Trainings(store.folder)
        self._timed = {r["key"]: r for r in store.records() if "launch" in r["samples"]}

    def group_begins(self) -> None:
        """Look at what the machine gives from here on."""
        self._watch, self._gpus = limits.Watch(), None

    def cell_progress(self, cell: Cell, share: float) -> None:
        """A cell is this far."""
        self.display.advance(cell, self._estimate(cell) * min(share, 1.0))

    def cell_ended(self, cell: Cell, outcome: dict[str, Any]) -> None:
        """A cell has ended: its record is committed before anything else happens."""
        answer = self._answers[cell.key]
        record: Record = {
            "key": cell.key,
            "name": cell.name,
            "group": cell.group,
            "alike": hashlib.sha256(cell.alike.encode()).hexdigest()[:16],
            "cell": cell.model_dump(mode="json"),
            "model": {name: answer.get(name) for name in _MODEL},
            "environment": self._machine,
            "provenance": self._of(cell),
            "ended": now(),
        } | self._judged(cell, outcome)
        self._group.append(cell.key)
        if "launch" in record["samples"]:
            self._timed[cell.key] = record
        with uninterrupted():
            self._store.put(record)
            if record["status"] in FINAL:
                self._trainings.drop(cell.key)
            elapsed = time.monotonic() - self._last
            self._last += elapsed
            self._store.set_meta(elapsed_s=self._store.meta("elapsed_s", 0.0) + elapsed)
        self.display.ended(cell, record, self._estimate(cell))

    def kept(self, cell: Cell) -> dict[str, Any]:
        """Where a cell's training is saved while it lasts, and what its record is made with."""
        return {"path": str(self._trainings.path(cell.key)), "made_with": self._of(cell)}

    def _judged(self, cell: Cell, outcome: dict[str, Any]) -> dict[str, Any]:
        """The outcome; of what was timed while processors were taken away, that it is none."""
        timed = registry.probes()[cell.probe].literals["INTERLEAVED"]
        if not timed or outcome["status"] not in MEASURED:
            return outcome
        trouble = self._watch.trouble()
        if cell.device == "cuda":  # as they were before is in the environment
            self._gpus = self._gpus or environment.gpus()  # once: the cells of a group end together
            outcome = outcome | {"metrics": outcome["metrics"] | {"gpus_after": self._gpus}}
            trouble = trouble or limits.slowed(self._gpus)
        return outcome | {"status": UNAVAILABLE, "reason": trouble} if trouble else outcome

    def _of(self, cell: Cell) -> dict[str, str]:
        """What a cell was made with: of the checkpoints, its own."""
        own = {provenance.CHECKPOINT + name for name in provenance.used(cell)}
        return {
            name: value
            for name, value in self._made_with.items()
            if name in own or not name.startswith(provenance.CHECKPOINT)
        }

    @property
    def trials(self) -> dict[str, Any]:
        """Trials of learning rates that this or an earlier sweep of the study has made."""
        found: dict[str, Any] = self._store.meta("trials", {})
        return found

    @property
    def trained(self) -> set[str]:
        """Keys of the cells that have been measured, or diverged."""
        ended = (*MEASURED, DIVERGED)
        return {key for key, status in self._store.statuses().items() if status in ended}

    def tried(self, cell: Cell, rate: float, loss: float | None, trials: dict[str, Any]) -> None:
        """A learning rate of a cell's arm has been tried: all trials so far are kept."""
        with uninterrupted():
            self._store.set_meta(trials=trials)
        found = "diverged" if loss is None else f"validation loss {loss:.3g}"
        self.display.say(f"{cell.name}: learning rate {rate:g} tried, {found}")

    @property
    def pairs(self) -> list[Pair]:
        """All that was timed in turn so far, which says how far launches differ here."""
        return verdicts.pairs(list(self._timed.values()))

    def group_ended(self) -> None:
        """Say what the rounds of the group decide, beside all groups of the run so far."""
        if not self._timed.keys().isdisjoint(self._group):
            timed = list(self._timed.values())
            for verdict in (*verdicts.of(timed), *verdicts.of_settings(timed)):
                if verdict.record["key"] in self._group:
                    self.display.say(f"  {sentence(verdict)}")
        self._group = []
        self._machine = environment.machine()  # as it is now: load, clocks and temperature change

    def _estimate(self, cell: Cell) -> float:
        answer = self._answers.get(cell.key, {})  # a trial is no cell of the plan
        estimate: float = answer.get("estimate_s", 0.0)
        return estimate
