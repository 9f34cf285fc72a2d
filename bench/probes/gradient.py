"""How much of the loss's gradient reaches each input embedding, by its distance from the loss.

The loss of a row is read at one designated position (an encoder's first, a recurrence's last).
For every input position t this takes the norm of dL/de_t, the gradient at the input embedding,
which is valid for fused kernels and for every model that takes ``inputs_embeds``.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.outcome import Diverged, Unsupported
from bench.probes import Progress, Result, objective
from bench.probes.learning import Trainer
from bench.probes.subject import Batch, Subject

HEADS = ["AutoModelForSequenceClassification"]
AXES: dict[str, dict[str, list[str]]] = {}
PROTOCOL = {
    "steps": {
        "default": 60,
        "least": 0,
        "help": "optimizer steps before the second measurement; 0 for none",
    },
    "batch_size": {"default": 8, "least": 1, "help": "rows of a step, and of the measurement"},
    "learning_rate": {"default": 1e-3, "least": 0.0, "help": "of those steps"},
    "clip_norm": {"default": 1.0, "least": 0.0, "help": "global norm above which to scale down"},
}
TIMED = False
INTERLEAVED = False

_CHUNKS = 10  # progress is told this often


def work(protocol: dict[str, Any], axes: dict[str, str]) -> tuple[float, float]:
    """The steps, and a step for each measurement."""
    return float(protocol["steps"] + (2 if protocol["steps"] else 1)), 0.0


def flow(model: PreTrainedModel, batch: Batch) -> Tensor:
    """dL/de for every row and position.

    The rows' losses are summed, not averaged, so that each row's gradient is its own loss's and
    does not shrink with the batch.

    Args:
        model: any model that takes ``inputs_embeds`` and returns a mean loss over rows.
        batch: ``rows`` rows of ``length`` tokens.

    Returns:
        (rows, length, embedding_size), in the model's dtype.
    """
    model.train()  # what training sees, and cuDNN has a recurrent backward in no other mode
    embeds = objective.embed(model, batch).detach().requires_grad_(True)
    mask = batch.get("attention_mask")
    outputs = model(inputs_embeds=embeds, attention_mask=mask, labels=batch["labels"])
    loss = outputs.loss * len(embeds)
    gradient: Tensor = torch.autograd.grad(loss, embeds)[0]
    return gradient


class Measurement:
    """The flow at initialisation and, where steps are asked for, after training."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        self.subject, self.progress = subject, progress
        protocol = subject.cell.protocol
        self.position = self._loss_position()
        self.rows = subject.rows("validation", protocol["batch_size"], seed=0)
        if "attention_mask" in self.rows and not bool(self.rows["attention_mask"].all()):
            raise Unsupported(
                "a gradient's distance is measured on rows without padding, which ends where it "
                f"ends for each row; {subject.cell.task} pads"
            )
        self.batches = subject.batches(protocol["steps"], protocol["batch_size"])
        self.model = subject.build()
        self.metrics: dict[str, Any] = {}
        self.samples: dict[str, list[Any]] = {}

    def round(self) -> None:
        protocol = self.subject.cell.protocol
        self._measure("init")
        if not protocol["steps"]:
            return
        trainer = Trainer(
            self.model, self.subject.head, protocol["learning_rate"], protocol["clip_norm"]
        )
        size = -(-len(self.batches) // _CHUNKS)
        for start in range(0, len(self.batches), size):
            trainer.run(self.batches[start : start + size])
            self.progress((start + size) / len(self.batches))
        self._measure("trained")

    def result(self) -> Result:
        return Result(self.metrics, self.samples)

    def _loss_position(self) -> int:
        subject, head = self.subject, self.subject.head
        position = subject.arm.loss_position(subject.cell.length, head, subject.config)
        if position is None:
            raise Unsupported(f"{subject.cell.arm} reads no one position under {head}")
        return position

    def _measure(self, when: str) -> None:
        """Norm by distance, and the shares of entries too small to be normal, and exactly zero."""
        cell = self.subject.cell
        gradient = flow(self.model, self.rows).abs().cpu()
        if not bool(gradient.isfinite().all()):
            steps = cell.protocol["steps"] if when == "trained" else 0
            raise Diverged(steps, "the gradient at the embeddings")
        smallest = torch.finfo(torch.float32).smallest_normal
        zero, subnormal = gradient == 0, (gradient > 0) & (gradient < smallest)
        # Entries near 1e-40 vanish when squared in float32, so the norm is taken in float64.
        norms = gradient.double().norm(dim=-1)
        distance = (torch.arange(cell.length) - self.position).abs()
        distance, order = distance.sort()
        by_distance = norms.mean(dim=0)[order].tolist()
        reached = distance[(~zero).any(dim=-1).any(dim=0)[order]].tolist()
        # A norm taken in float32 squares its entries first, and reads 0.0 long before they are.
        naive = distance[gradient.float().norm(dim=-1).sum(dim=0)[order] > 0].tolist()
        self.samples[f"distance_{when}"] = distance.tolist()
        self.samples[f"norm_{when}"] = by_distance
        self.samples[f"zero_share_{when}"] = zero.double().mean(dim=(0, 2))[order].tolist()
        self.metrics |= {
            f"norm_at_loss_{when}": by_distance[0],
            f"norm_at_half_{when}": by_distance[cell.length // 2],
            f"norm_at_end_{when}": by_distance[-1],
            f"subnormal_share_{when}": float(subnormal.double().mean()),
            f"zero_share_{when}": float(zero.double().mean()),
            f"zero_from_distance_{when}": _beyond(reached, cell.length),
            f"float32_norm_zero_from_distance_{when}": _beyond(naive, cell.length),
        }


def _beyond(reached: list[int], length: int) -> int | None:
    """The first distance after all those reached, None where the window ends before it."""
    first = max(reached, default=-1) + 1
    return first if first < length else None
