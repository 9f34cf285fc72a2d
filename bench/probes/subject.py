"""What is measured: a cell's model on a cell's device, with the rows of its task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

import models.arms
from bench import devices, tasks
from bench.outcome import Unsupported
from bench.study import Cell
from bench.tasks.corpus import Corpus
from models.kernels import full_float32

#: A study's name for a dtype -> the dtype.
DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True)
class Batch:
    """Rows on the device.

    Args:
        input_ids: (rows, length).
        labels: classes, (rows,), or tokens, (rows, length of the window or of the target).
    """

    input_ids: Tensor
    labels: Tensor


class Subject:
    """A cell, its task's rows, and models of its arm, built anew for every trial."""

    def __init__(self, cell: Cell, config: dict[str, object], corpus: Corpus) -> None:
        devices.check(cell.device)
        full_float32()
        self.cell = cell
        self.arm = models.arms.load(cell.arm)
        self.config = models.arms.config_from_dict(config)
        self.task = tasks.load(cell.task)
        self.corpus = corpus

    def build(self) -> PreTrainedModel:
        """The model at its initialisation, in the cell's dtype and on its device."""
        cell = self.cell
        model = self.arm.build(self.config, self.task.HEAD, cell.seed, cell.kernel)
        return torch.nn.Module.to(model, device=cell.device, dtype=DTYPES[cell.dtype])

    def rows(self, split: str, count: int, seed: int) -> Batch:
        """``count`` rows of a split, on the device."""
        try:
            rows = self.task.rows(self.corpus, split, self.cell.length, count, seed)
        except tasks.LengthError as error:
            raise Unsupported(str(error)) from None
        device = self.cell.device
        return Batch(
            torch.from_numpy(rows.input_ids).to(device), torch.from_numpy(rows.labels).to(device)
        )

    def batches(self, count: int, size: int) -> list[Batch]:
        """Training batches in the order of the cell's seed, made before any clock starts."""
        if count == 0:
            return []
        rows = self.rows("train", count * size, self.cell.seed)
        return [
            Batch(ids, labels)
            for ids, labels in zip(rows.input_ids.split(size), rows.labels.split(size), strict=True)
        ]

    def forward(self, model: PreTrainedModel) -> Callable[[Batch], Any]:
        """The model's forward pass over a batch without its loss.

        A sequence-to-sequence model reads the target that it is to write.
        """
        if self.task.HEAD == "AutoModelForSeq2SeqLM":
            shift = cast("Any", model).prepare_decoder_input_ids_from_labels
            return lambda batch: model(
                input_ids=batch.input_ids, decoder_input_ids=shift(batch.labels)
            )
        return lambda batch: model(input_ids=batch.input_ids)


Step = Callable[[Batch], tuple[Tensor, Tensor]]


def optimizer(model: PreTrainedModel, learning_rate: float) -> torch.optim.Optimizer:
    """AdamW with PyTorch's defaults, the same for every arm."""
    return torch.optim.AdamW(model.parameters(), lr=learning_rate)


def training_step(
    model: PreTrainedModel, optimizer: torch.optim.Optimizer, clip_norm: float
) -> Step:
    """One optimizer step on one batch, the same for every arm.

    The step returns the loss and the global gradient norm *before* clipping, both left on the
    device: reading them would make the host wait, so it is done after the clock has stopped.
    """
    parameters = list(model.parameters())

    def step(batch: Batch) -> tuple[Tensor, Tensor]:
        optimizer.zero_grad()
        loss = model(input_ids=batch.input_ids, labels=batch.labels).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
        optimizer.step()
        return loss.detach(), norm

    return step
