"""Seconds of a training step and of a forward pass, the arms of a group taken in turn."""

import gc
import math
import statistics
import time
from typing import Any

import torch

from bench.devices import synchronize
from bench.probes import Progress, Result
from bench.probes.subject import Batch, Subject, optimizer, training_step

AXES = {"phase": ["training", "forward"]}
PROTOCOL = {
    "rounds": {"default": 10, "least": 2, "help": "rounds, each a random order and its reverse"},
    "batch_size": {"default": 8, "least": 1, "help": "rows of a step"},
    "warmup_steps": {"default": 10, "least": 1, "help": "steps before the first round, at most"},
    "warmup_s": {
        "default": 3.0,
        "least": 0.0,
        "help": "seconds after which warm-up ends, two steps in",
    },
    "block_ms": {
        "default": 20.0,
        "least": 0.0,
        "help": "a round times as many steps as last this long",
    },
}
TIMED = True
INTERLEAVED = True

_LEAST_WARMUP = 2
_BATCHES = 4  # taken in turn, so that no arm sees the same rows twice running
_LEARNING_RATE = 1e-5  # the optimizer works in full, and the weights stay near their start
_CLIP_NORM = 1.0
_SHORT_S = 0.1  # a step below which cold caches are a share worth a step that is not counted


def work(protocol: dict[str, Any], axes: dict[str, str]) -> tuple[float, float]:
    """Two turns a round, and a few steps of warm-up."""
    turns = float(2 * protocol["rounds"] + 4)
    return (turns, 0.0) if axes["phase"] == "training" else (0.0, turns)


class Measurement:
    """One arm of a group, its model built and warm, waiting for its turn."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        cell = subject.cell
        self.cell, protocol = cell, cell.protocol
        self.batches = subject.batches(_BATCHES, protocol["batch_size"])
        model = subject.build()
        if cell.axes["phase"] == "training":
            step = training_step(model.train(), optimizer(model, _LEARNING_RATE), _CLIP_NORM)

            def run(batch: Batch) -> None:
                step(batch)
        else:
            model.eval()

            def run(batch: Batch) -> None:
                with torch.inference_mode():
                    model(input_ids=batch.input_ids)

        self._run = run
        self._next = 0
        self.seconds: list[float] = []
        self.warmup = self._warm_up(protocol["warmup_steps"], protocol["warmup_s"])
        typical = sorted(self.warmup[1:])[(len(self.warmup) - 1) // 2]
        self.block_steps = max(1, math.ceil(protocol["block_ms"] / 1e3 / typical))
        self._short = typical < _SHORT_S

    def round(self) -> None:
        if self._short:
            self._time(1)  # the arm before has left its own data in the caches
        self.seconds.append(self._time(self.block_steps))

    def result(self) -> Result:
        turns = zip(self.seconds[::2], self.seconds[1::2], strict=True)  # there and back
        median = statistics.median((there + back) / 2 for there, back in turns)
        tokens = self.cell.protocol["batch_size"] * self.cell.length
        return Result(
            {
                "step_s": median,
                "tokens_per_s": tokens / median,
                "tokens_per_step": tokens,
                "first_step_s": self.warmup[0],
                "block_steps": self.block_steps,
            },
            {"seconds": self.seconds, "warmup_seconds": self.warmup},
        )

    def _warm_up(self, steps: int, seconds: float) -> list[float]:
        taken: list[float] = []
        while len(taken) < _LEAST_WARMUP or (len(taken) < steps and sum(taken) < seconds):
            taken.append(self._time(1))
        return taken

    def _time(self, steps: int) -> float:
        """Seconds per step over a block, the garbage collector off and the device drained."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            synchronize(self.cell.device)
            start = time.perf_counter_ns()
            for _ in range(steps):
                self._run(self.batches[self._next])
                self._next = (self._next + 1) % len(self.batches)
            synchronize(self.cell.device)
            return (time.perf_counter_ns() - start) / 1e9 / steps
        finally:
            if collecting:
                gc.enable()
