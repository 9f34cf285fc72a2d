"""The parts of a step, timed where they are: the phases of it, and what of each its layers take.

A clock stands at every seam of a step, so that its laps add up to the step; the step itself is
timed without them. Only what it takes to read a clock is added, on an accelerator the waits at each
seam too, which show what the host would otherwise have hidden.

The *body* is the layers' own forward and backward pass: from the input of the first layer to the
output of the last, and back. Not in it are tables of words and positions, the norms around the
layers, the head and its loss, and their gradients; see ``models.seams``. What of the optimizer is
the body's is told by updating in two parts, first all other parameters and then the layers': every
parameter is updated once and in full, but each part is clipped by a norm of its own.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from transformers import PreTrainedModel

from bench.measure.devices import synchronize
from bench.measure.objective import Batch
from bench.measure.training import Steps
from models import seams
from models.groups import layer_parameters

#: Phases of a step, and whether it is the layers' part of it.
_Lap = tuple[str, bool]

PASSES = ("forward", "backward")


class Laps:
    """A clock whose time goes to one lap until it is told of the next."""

    def __init__(self, device: str) -> None:
        self.seconds: defaultdict[_Lap, float] = defaultdict(float)
        self._device = device
        self._lap: _Lap | None = None
        self._since = 0

    def begin(self, phase: str | None, *, layers: bool = False) -> None:
        """From now on it is this; None is nothing that counts."""
        synchronize(self._device)
        now = time.perf_counter_ns()
        if self._lap is not None:
            self.seconds[self._lap] += (now - self._since) / 1e9
        self._lap, self._since = None if phase is None else (phase, layers), now

    def turn(self, layers: bool) -> None:
        """From now on it is the layers' part of the same phase, or no longer."""
        if self._lap is not None:
            self.begin(self._lap[0], layers=layers)

    def per_step(self, steps: int) -> dict[str, float]:
        """Seconds of each part, as ``timed`` returns them."""
        mean = {lap: seconds / steps for lap, seconds in self.seconds.items()}
        found = {
            phase: sum(mean.get((phase, of), 0.0) for of in (False, True)) for phase, _ in mean
        }
        passes = {phase: mean[phase, True] for phase in PASSES if (phase, True) in mean}
        if passes:
            found["body"] = sum(passes.values())
        if len(passes) > 1:
            found["body_forward"] = passes["forward"]
        if ("update", True) in mean:
            found["body_update"] = mean["update", True]
        return found


class Training:
    """The training steps of a model, whole or in parts."""

    def __init__(self, steps: Steps) -> None:
        self.model, self.steps = steps.model, steps
        inside = set(layer_parameters(steps.model))
        self._layers = list(inside)
        self._others = [weight for weight in self.model.parameters() if weight not in inside]

    def __call__(self, batch: Batch) -> None:
        self.steps(batch)

    def apart(self, batch: Batch, laps: Laps) -> None:
        """The same step, each part on a lap of its own."""
        laps.begin("update")
        self.steps.clear()
        laps.begin("forward")
        loss = self.steps.forward(batch)
        laps.begin("backward")
        self.steps.backward(loss)
        laps.begin(None)
        self._update(laps, self._layers, layers=False)
        self._update(laps, self._others, layers=True)

    def _update(self, laps: Laps, without: Iterable[torch.nn.Parameter], *, layers: bool) -> None:
        """Update all parameters but some, which have no gradient meanwhile."""
        kept = [(weight, weight.grad) for weight in without]
        for weight, _ in kept:
            weight.grad = None
        if any(weight.grad is not None for weight in self.model.parameters()):
            laps.begin("update", layers=layers)
            self.steps.update(rest=not layers)
            laps.begin(None)
        for weight, gradient in kept:
            weight.grad = gradient


class Inference:
    """A pass without gradients, whole or in parts."""

    def __init__(self, model: PreTrainedModel, run: Callable[[Batch], Any]) -> None:
        self.model, self._run = model, run

    def __call__(self, batch: Batch) -> None:
        with torch.inference_mode():
            self._run(batch)

    def apart(self, batch: Batch, laps: Laps) -> None:
        """The same pass, what its layers take on a lap of its own."""
        laps.begin("forward")
        self(batch)
        laps.begin(None)


def timed(
    function: Training | Inference, batches: Iterable[Batch], device: str
) -> dict[str, float]:
    """Seconds of each part of a step, over one on each batch.

    Returns:
        ``forward``, ``backward`` and ``update``, those that there are: they add up to a step. Of
        them ``body``, the passes of the layers alone, ``body_forward``, its share of the first
        where there are both, and ``body_update``, of the layers' parameters. A model that is
        compiled whole has no ``body``.
    """
    laps, count = Laps(device), 0
    with seams.told(function.model, laps.turn):
        for batch in batches:
            function.apart(batch, laps)
            count += 1
    return laps.per_step(count)
