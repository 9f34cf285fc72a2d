"""Seconds of a training step, a forward pass and a prefill, the arms of a group taken in turn."""

import contextlib
import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from transformers import PreTrainedModel

from bench.measure import objective, parts, ran
from bench.measure.contract import Progress, Result
from bench.measure.devices import synchronize
from bench.measure.subject import Batch, Subject
from bench.measure.training import Steps
from bench.outcome import Unsupported
from bench.study import Cell
from models.heads import GENERATING

_LEAST_WARMUP = 2
_MOST_WARMUP_S = 60.0
_SETTLED = 0.1  # two successive medians agree within this share
_WINDOW = 5  # steps that such a median is taken over, where there are as many
_BATCHES = 4  # taken in turn, so that no arm sees the same rows twice running
_LEARNING_RATE = 1e-5  # the optimizer works in full, and the weights stay near their start
_CLIP_NORM = 1.0
_SHORT_S = 0.1  # a step below which cold caches are a share worth a step that is not counted
_ACCELERATOR_BLOCK = 5.0  # launching and waiting cost more there


def pace(
    protocol: dict[str, Any], axes: dict[str, str], once: Callable[[str], float]
) -> tuple[float, float]:
    """Steps until they are many or long enough; a block, and a step that is not counted."""
    step_s, block_s = once(axes["phase"]), protocol["block_ms"] / 1e3
    long_enough = max(_LEAST_WARMUP, math.ceil(protocol["warmup_s"] / step_s))
    warmup_s = step_s * min(max(_LEAST_WARMUP, protocol["warmup_steps"]), long_enough)
    uncounted = 1 if step_s < _SHORT_S else 0
    blocks = 2 * max(1, math.ceil(block_s / step_s))  # of whole steps, and of their parts
    return warmup_s, step_s * (uncounted + blocks)


class Measurement:
    """One arm of a group, its model built and warm, waiting for its turn."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        cell = subject.cell
        self.cell, protocol = cell, cell.protocol
        self.batches = subject.batches(_BATCHES, protocol["batch_size"])
        # Of rvt doctor --trust alone, which times six steps as one beside five: a known ratio.
        self._repeats: int = protocol.get("repeats", 1)
        tokens = statistics.fmean(map(objective.tokens, self.batches))  # padding is no work
        self.tokens = self._repeats * tokens
        self._subject, self._phase = subject, cell.axes["phase"]
        self._model = subject.build()
        self._run = _function(self._phase, subject, self._model)
        self._next = 0
        self.seconds: list[float] = []
        self.parts: list[dict[str, float]] = []
        self.warmup = self._warm_up(protocol["warmup_steps"], protocol["warmup_s"])
        self._size(sorted(self.warmup[1:])[(len(self.warmup) - 1) // 2])
        self._steps = self._run.steps if isinstance(self._run, parts.Training) else None
        if self._steps is not None:
            self._steps.check()
            self._steps.begin()

    def _size(self, typical: float) -> None:
        """Decide how many steps a block has, after the seconds of one."""
        block_s = self.cell.protocol["block_ms"] / 1e3
        block_s *= 1 if self.cell.device == "cpu" else _ACCELERATOR_BLOCK
        self.block_steps = max(1, math.ceil(block_s / typical))
        self._typical = typical
        self._short = typical < _SHORT_S

    def round(self) -> None:
        if not self.seconds and self._short and self.cell.device != "cpu":
            # All arms of a group may have warmed up at once, and shared the device meanwhile; on a
            # CPU no more of them do than there are cores.
            self._size(statistics.median(self._time(1) for _ in range(_WINDOW)))
        if self._short:
            self._time(1)  # the arm before has left its own data in the caches
        self.seconds.append(self._time(self.block_steps))
        self.parts.append(self._time_parts())

    def result(self) -> Result:
        compiled, left = self.cell.kernel == "compiled", {}
        if self._steps is not None:
            self._steps.check()
            left = self._steps.told()
        return Result(
            {
                "tokens_per_step": self.tokens,
                "first_step_s": self.warmup[0],
                "compile_s": max(0.0, self.warmup[0] - self._typical) if compiled else None,
                "block_steps": self.block_steps,
                **left,
            },
            {"seconds": self.seconds, "warmup_seconds": self.warmup} | self._samples(),
        )

    def ran(self) -> dict[str, Any]:
        """Which kernel ran, seen outside of what is timed."""
        passes = None
        if self._phase != "training":
            passes = partial(_function, self._phase, self._subject)
        return ran.told(self._subject, self._model, self.batches[0], passes)

    def _samples(self) -> dict[str, list[float]]:
        """A trace of each part."""
        names = self.parts[0] if self.parts else ()
        return {f"{name}_seconds": [found[name] for found in self.parts] for name in names}

    def _warm_up(self, steps: int, seconds: float) -> list[float]:
        """Until the steps are many or long enough and have settled, or a minute is over."""
        taken: list[float] = []
        while True:
            taken.append(self._time(1))
            if len(taken) < _LEAST_WARMUP:
                continue
            enough = len(taken) >= steps or sum(taken) >= seconds
            if sum(taken) >= _MOST_WARMUP_S or (enough and _settled(taken[1:])):
                return taken

    def _time(self, steps: int) -> float:
        """Seconds per step over a block, the garbage collector off and the device drained."""
        with _no_collection():
            synchronize(self.cell.device)
            start = time.perf_counter_ns()
            for batch in self._batches(steps * self._repeats):
                self._run(batch)
            synchronize(self.cell.device)
            return (time.perf_counter_ns() - start) / 1e9 / steps

    def _time_parts(self) -> dict[str, float]:
        """Seconds of each part of a step over a block of its own."""
        with _no_collection():
            each = parts.timed(self._run, self._batches(self.block_steps), self.cell.device)
        return {name: seconds * self._repeats for name, seconds in each.items()}

    def _batches(self, count: int) -> Iterator[Batch]:
        for _ in range(count):
            yield self.batches[self._next]
            self._next = (self._next + 1) % len(self.batches)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Without the garbage collector."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _settled(taken: list[float]) -> bool:
    """Whether the last steps took as long as those before them; too few to tell are settled."""
    window = min(_WINDOW, len(taken) // 2)
    if not window:
        return True
    last, before = taken[-window:], taken[-2 * window : -window]
    ratio = statistics.median(last) / statistics.median(before)
    return abs(ratio - 1) <= _SETTLED


def refuse(cell: Cell, head: str, limit: int | None) -> None:
    """Refuse a phase that a head has not.

    Raises:
        Unsupported: a prefill of what generates nothing.
    """
    if cell.axes["phase"] == "prefill" and head not in GENERATING:
        raise Unsupported(f"a prefill is a language model's; {head} generates nothing")


def _function(
    phase: str, subject: Subject, model: PreTrainedModel
) -> parts.Training | parts.Inference:
    """What is timed, on a model put in its mode."""
    if phase == "training":
        return parts.Training(Steps(subject, model, _LEARNING_RATE, _CLIP_NORM))
    model.eval()
    run = objective.prefill(model, subject.head) if phase == "prefill" else subject.forward(model)
    return parts.Inference(model, run)
