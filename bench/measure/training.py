"""Steps of a training, timed: losses and gradient norms of each."""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.measure.devices import synchronize
from bench.measure.subject import Batch, optimizer, training_step
from bench.outcome import Diverged
from bench.store.records import short
from models.groups import parameter_groups


@dataclass
class Training:
    """What the steps of a training left.

    Args:
        losses: one a step.
        norms: the global gradient norm of each step, before clipping.
        group_norms: the same of every group of parameters, see ``models.groups``. What clipping
            leaves of either is ``min(1, clip_norm / (norm + 1e-6))`` of it, with the global norm.
        seconds: wall time of each step.
    """

    losses: list[float]
    norms: list[float]
    group_norms: dict[str, list[float]]
    seconds: list[float]

    def samples(self) -> dict[str, list[Any]]:
        """The traces of a record, with the seven digits that float32 has, or four."""
        return {
            "loss": short(self.losses, 7),
            "gradient_norm": short(self.norms, 7),
            "group_norms": [[name, short(norms)] for name, norms in self.group_norms.items()],
        }


class Trainer:
    """Trains one model on batches made beforehand."""

    def __init__(
        self, model: PreTrainedModel, head: str, learning_rate: float, clip_norm: float
    ) -> None:
        self.model = model.train()
        self.device = str(model.device.type)
        self._step = training_step(model, head, optimizer(model, learning_rate), clip_norm)
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._seconds: list[float] = []

    def run(self, batches: list[Batch]) -> None:
        """A step on each batch, timed; nothing is read from the device before the last.

        Raises:
            Diverged: a loss was not finite, with the step, counted from 1.
        """
        first = len(self._losses)
        synchronize(self.device)
        last = time.perf_counter_ns()
        for batch in batches:
            loss, norms = self._step(batch)
            synchronize(self.device)
            now = time.perf_counter_ns()
            self._losses.append(loss)
            self._norms.append(norms)
            self._seconds.append((now - last) / 1e9)
            last = now
        finite = torch.isfinite(torch.stack(self._losses[first:])).tolist()
        if not all(finite):
            raise Diverged(first + finite.index(False) + 1)

    def training(self) -> Training:
        """What the steps so far left."""
        if not self._losses:
            return Training([], [], {}, [])
        losses, norms = torch.stack(self._losses), torch.stack(self._norms).cpu().double()
        place = {name: n for n, (name, _) in enumerate(self.model.named_parameters())}
        groups = {
            group: norms[:, [place[name] for name in names]].norm(dim=1).tolist()
            for group, names in parameter_groups(self.model).items()
        }
        return Training(losses.tolist(), norms.norm(dim=1).tolist(), groups, list(self._seconds))
