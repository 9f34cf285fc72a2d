"""What is measured: a cell's model on a cell's device, with the rows of its task."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.amp import GradScaler
from transformers import PreTrainedModel

import models.arms
from bench import tasks
from bench.measure import devices, objective, pretrained
from bench.measure.objective import Batch
from bench.outcome import Unsupported
from bench.study import Cell
from models.precision import PRECISIONS, Precision

__all__ = ["Batch", "Step", "Subject", "optimizer"]

#: In a configuration: the key of the weights that were pretrained here for its body.
PRETRAINED = "pretrained_here"


class Subject:
    """A cell, its task's rows, and models of its arm, built anew for every trial.

    Args:
        cell: what is to be measured.
        config: of its sized model.
        data: what the task's rows are cut from.
        tried: learning rate, loss and whether it solved the task, of each trial of its arm.
    """

    def __init__(
        self,
        cell: Cell,
        config: dict[str, object],
        data: Any,
        tried: Sequence[Sequence[Any]] = (),
    ) -> None:
        devices.check(cell.device, cell.dtype)
        self.cell = cell
        self.precision = PRECISIONS[cell.dtype]
        self.precision.set_products()
        self.arm = models.arms.load(cell.arm)
        self.config = models.arms.config_from_dict(config)
        self.task = tasks.load(cell.task, cell.data)
        self.head = self.task.HEAD
        self.data, self.tried = data, tried

    def build(self, kernel: str | None = None, dtype: str | None = None) -> PreTrainedModel:
        """The model as its training finds it, on the cell's device.

        Random weights are drawn from the cell's seed; where its body was pretrained here, it has
        these weights, and only what is new is drawn.

        Args:
            kernel, dtype: None for the cell's.
        """
        cell = self.cell
        model = self.arm.build(self.config, self.head, cell.seed, kernel or cell.kernel)
        body: str | None = getattr(self.config, PRETRAINED, None)
        if body is not None:
            pretrained.load(model, body)
        features: int | None = getattr(self.task, "FEATURES", None)
        if features is not None:
            objective.add_features(model, features)
        return PRECISIONS[dtype or cell.dtype].put(model, cell.device)

    def rows(
        self, split: str, count: int, seed: int, first: int = 0, length: int | None = None
    ) -> Batch:
        """``count`` rows of a split, from ``first`` on, on the device.

        Args:
            split, count, seed, first: which rows.
            length: tokens of a window, None for the cell's.
        """
        length = length or self.cell.length
        try:
            rows = tasks.draw(self.task, self.data, split, length, count, seed, first)
        except tasks.LengthError as error:
            raise Unsupported(str(error)) from None
        return {name: self._tensor(array) for name, array in rows.items()}

    def _tensor(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array).to(self.cell.device)
        return tensor.to(self.precision.weights) if tensor.is_floating_point() else tensor

    def batches(self, count: int, size: int, first: int = 0) -> list[Batch]:
        """Training batches in the order of the cell's seed, made before any clock starts.

        Args:
            count, size: how many batches of how many rows.
            first: how many batches come before these.
        """
        if count == 0:
            return []
        return split(self.rows("train", count * size, self.cell.seed, first * size), size)

    def forward(self, model: PreTrainedModel) -> Callable[[Batch], Any]:
        """The model's forward pass over a batch without its loss."""
        if self.head == "AutoModel":
            return lambda batch: objective.sentence_embeddings(model, batch)
        return lambda batch: objective.forward(model, self.head, batch)


def split(batch: Batch, size: int) -> list[Batch]:
    """The rows of a batch in batches of so many."""
    count = tasks.size(batch)
    return [
        {name: tensor[start : start + size] for name, tensor in batch.items()}
        for start in range(0, count, size)
    ]


def optimizer(model: PreTrainedModel, learning_rate: float) -> torch.optim.Optimizer:
    """AdamW with PyTorch's defaults, the same for every arm."""
    return torch.optim.AdamW(model.parameters(), lr=learning_rate)


class Step:
    """One optimizer step on one batch, the same for every arm, and its parts.

    Where a precision has its loss scaled, gradients are unscaled before their norm is taken, and a
    step whose gradients are not finite is skipped: the host waits to hear whether they are, as in
    everybody's training in float16.

    It returns the loss, and the norm of every parameter's gradient *before* clipping, in the
    model's order: clipping needs these anyway. Both are left on the device: reading them would
    make the host wait, so it is done after the clock has stopped.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        head: str,
        optimizer: torch.optim.Optimizer,
        clip_norm: float,
        precision: Precision = PRECISIONS["float32"],
    ) -> None:
        self.model, self.optimizer = model, optimizer
        self._head, self._clip_norm = head, clip_norm
        self.scaler = GradScaler(model.device.type, enabled=precision.scaled)
        self._parameters = list(model.parameters())
        self._nothing = torch.zeros((), device=model.device, dtype=model.dtype)

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        self.clear()
        loss = self.forward(batch)
        self.backward(loss)
        return loss.detach(), self.update()

    def clear(self) -> None:
        """Let go of the gradients of the step before."""
        self.optimizer.zero_grad()

    def forward(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        return objective.loss(self.model, self._head, batch)

    def backward(self, loss: Tensor) -> None:
        """Its gradient, in every parameter."""
        self.scaler.scale(loss).backward()

    def update(self, *, rest: bool = False) -> Tensor:
        """Norm, clip and optimizer, of the parameters that have a gradient; the norms before.

        Args:
            rest: other parameters are updated after these, so that the loss's scale must stay.
        """
        self.scaler.unscale_(self.optimizer)
        norms = gradient_norms(self._parameters, self._nothing)
        total = torch.linalg.vector_norm(norms)
        torch.nn.utils.clip_grads_with_norm_(self._parameters, self._clip_norm, total)
        self.scaler.step(self.optimizer)
        self.scaler.update(self.scaler.get_scale() if rest else None)
        return norms


def gradient_norms(parameters: Sequence[torch.nn.Parameter], nothing: Tensor) -> Tensor:
    """(parameters,) norms of their gradients; ``nothing`` where one has none.

    As ``clip_grad_norm_`` takes them on its way to the global norm: a few launches for all.
    """
    found = [weight.grad for weight in parameters if weight.grad is not None]
    norms = iter(torch._foreach_norm(found))
    each = [nothing if weight.grad is None else next(norms) for weight in parameters]
    return torch.stack(each)
