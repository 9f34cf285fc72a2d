"""One cell's place in its group, taken by a worker, or by one after the other."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bench import registry
from bench.execute.channel import Channel, Closed, heard
from bench.execute.processes import CellFailed, Server, Worker
from bench.outcome import FAILED
from bench.statistics.summaries import PER_ROUND
from bench.study import Cell


class Listener(Protocol):
    """Who is told how a sweep goes on."""

    def cell_progress(self, cell: Cell, share: float) -> None:
        """A cell is this far."""
        ...

    def cell_ended(self, cell: Cell, outcome: dict[str, Any]) -> None:
        """A cell has ended.

        Its outcome has ``status``, ``reason``, ``metrics``, ``samples``, ``seconds``, and
        ``together``, shared by cells that were timed in the same rounds.
        """
        ...


class Seat:
    """One cell's place in its group: a worker now, and what its workers have left so far."""

    def __init__(
        self,
        server: Server,
        cell: Cell,
        config: dict[str, Any],
        corpus: str,
        threads: int,
        timeout_s: float,
        listener: Listener,
        core: int | None = None,
        tried: Sequence[Sequence[Any]] = (),
        kept: dict[str, Any] | None = None,
    ) -> None:
        self.cell = cell
        self._server, self._timeout_s, self._listener = server, timeout_s, listener
        self._job = {
            "job": "cell",
            "cell": cell.model_dump(mode="json"),
            "config": config,
            "corpus": corpus,
            "threads": threads if cell.threads == "all" else cell.threads,
            "core": core,
            "tried": tried,
        } | ({} if kept is None else {"kept": kept})
        self._worker: Worker | None = None
        self._spent_s = 0.0
        self._begun = self._heard = 0.0  # of a worker that works beside others
        self.ended = False
        self._turns = 0  # of the worker that there is now
        self.metrics: dict[str, Any] = {}
        self.samples: dict[str, list[Any]] = {}
        self.failure: CellFailed | None = None
        self.told = False  # whether the listener knows of the failure

    def attempt(self, action: Callable[[], None]) -> None:
        """Do something unless the seat has failed; if that fails, remember why."""
        if self.failure is not None:
            return
        start = time.monotonic()
        try:
            action()
        except CellFailed as failure:
            self._worker, self.failure = None, failure
        if self._begun:  # beside others, and so for longer than it was attended to
            self._spent_s = time.monotonic() - self._begun
        else:
            self._spent_s += time.monotonic() - start

    def start(self) -> None:
        """Have a process of its own build and warm the cell's model; nobody waits for it yet."""
        self._turns = 0
        self._worker = self._server.start(self._job)

    def ready(self) -> None:
        """Wait until the model is warm."""
        self._ask(None)

    def round(self) -> None:
        """Measure once."""
        self._ask({"round": True})
        self._turns += 1

    def begin(self) -> None:
        """Start a worker that measures once and ends, told in advance; see ``abreast``."""
        self._begun = self._heard = time.monotonic()
        self._worker = self._server.start(self._job)
        with contextlib.suppress(Closed):  # one that died at once is found when it is heard
            for message in ({"round": True}, {"finish": True, "ran": True}):
                self._worker.channel.send(message)

    def hear(self) -> None:
        """Take one message of a worker that was begun, which may be its last."""
        assert self._worker is not None, "a seat that has not ended has a worker"
        self._heard = time.monotonic()
        answer = self._worker.hear(self._timeout_s, self._tell)
        if answer is not None and "result" in answer:
            self._turns = 1
            self._take(answer)
            self.ended = True

    def wait(self) -> None:
        """Give up a worker that was begun and has been silent for too long."""
        if self.patience_s <= 0 and heard([self.channel], 0) is None:
            assert self._worker is not None, "a seat that has not ended has a worker"
            raise self._worker.silent(self._timeout_s)

    @property
    def patience_s(self) -> float:
        """How much longer a worker that was begun may be silent."""
        return self._heard + self._timeout_s - time.monotonic()

    @property
    def channel(self) -> Channel:
        """To the worker that there is."""
        assert self._worker is not None, "a seat that has not ended has a worker"
        return self._worker.channel

    def finish(self, *, ran: bool) -> None:
        """End the worker's turns and take what it measured.

        Args:
            ran: whether to ask for the kernel too, which takes longer than many a round.
        """
        self._take(self._ask({"finish": True, "ran": ran}))

    def _take(self, answer: dict[str, Any]) -> None:
        """Add what the worker measured to what those before it did, and let it go.

        Metrics are those of the first launch, samples are everyone's; what sums these up is said
        of all launches, see ``turns``.
        """
        result = answer.get("result")
        assert self._worker is not None
        self._worker.end()
        self._worker = None
        said = registry.probes()[self.cell.probe].literals
        timed = ("seconds", *said.get("SUMMARIES", {}).values()) if said["INTERLEAVED"] else ()
        wrong = nonsense(result, self._turns, timed, tuple(said.get("PARTS", {}).values()))
        if wrong is not None:
            raise CellFailed(FAILED, f"the worker's result is nonsense: {wrong}")
        assert result is not None
        self.metrics = result["metrics"] | self.metrics
        for name, values in result["samples"].items():
            self.samples.setdefault(name, []).extend(values)

    def outcome(self, status: str, reason: str | None, together: str | None) -> dict[str, Any]:
        """What a listener is told at the end."""
        return {
            "status": status,
            "reason": reason,
            "metrics": self.metrics,
            "samples": self.samples,
            "seconds": self._spent_s,
            "together": together,
        }

    def ended_as(self, status: str) -> dict[str, Any]:
        """The outcome of a seat that worked beside others: this status, or how it failed."""
        return self.outcome(status, None, None) if self.failure is None else self.failed(None)

    def failed(self, together: str | None) -> dict[str, Any]:
        """The outcome of a seat that has failed; what was measured before is kept."""
        assert self.failure is not None
        self.metrics |= self.failure.metrics
        self.samples |= self.failure.samples
        return self.outcome(self.failure.status, self.failure.reason, together)

    def _ask(self, message: dict[str, Any] | None) -> dict[str, Any]:
        assert self._worker is not None, "a seat that has not failed has a worker"
        return self._worker.ask(message, self._timeout_s, self._tell)

    def _tell(self, share: float) -> None:
        self._listener.cell_progress(self.cell, share)


def nonsense(
    result: Any, turns: int, timed: Sequence[str], parts: Sequence[str] = ()
) -> str | None:
    """What is wrong with a worker's result, None where nothing is.

    Args:
        result: what it sent.
        turns: how many it had.
        timed: samples of which it should have one above 0 for each turn; none where it is not
            timed in turn.
        parts: samples that may be absent, or None in both turns of a round.
    """
    if not isinstance(result, dict):
        return "expected metrics and samples, got neither"
    for part in ("metrics", "samples"):
        if not isinstance(result.get(part), dict):
            return f"expected a table of {part}, got {type(result.get(part)).__name__}"
    for name, values in result["samples"].items():
        if not isinstance(values, list):
            return f"expected a list of {name}, got {type(values).__name__}"
    if not timed:
        return None
    if not isinstance(result["metrics"].get("tokens_per_step"), int | float):
        return "expected the tokens of a step, got none"
    for name in (*timed, *(part for part in parts if part in result["samples"])):
        values = result["samples"].get(name, [])
        if len(values) != turns:
            return f"expected {name} for each of {turns} turns, got {len(values)}"
        if name in parts:
            absent = [value is None for value in values]
            if absent[::PER_ROUND] != absent[1::PER_ROUND]:
                return f"expected {name} in both turns of a round, got it in one"
            values = [value for value in values if value is not None]
        wrong = [value for value in values if not (isinstance(value, float) and value > 0)]
        if wrong:
            return f"expected {name} above 0, got {wrong[0]}"
    return None
