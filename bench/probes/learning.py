"""Loss, accuracy and global gradient norm by step, and the training rate."""

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.devices import synchronize
from bench.outcome import Diverged
from bench.probes import Progress, Result
from bench.probes.subject import Batch, Subject, optimizer, training_step

HEADS = ["AutoModelForSequenceClassification"]
AXES: dict[str, dict[str, list[str]]] = {}
PROTOCOL = {
    "steps": {"default": 60, "least": 1, "help": "optimizer steps"},
    "batch_size": {"default": 8, "least": 1, "help": "rows of a step"},
    "learning_rates": {
        "default": [1e-3],
        "least": 0.0,
        "help": "tried in turn, the best on validation kept; one trial each for every arm",
    },
    "trial_steps": {"default": 20, "least": 1, "help": "steps of a trial, where there are several"},
    "clip_norm": {"default": 1.0, "least": 0.0, "help": "global norm above which to scale down"},
    "eval_every": {"default": 20, "least": 1, "help": "steps between validations"},
    "eval_rows": {"default": 128, "least": 1, "help": "rows of a validation and of the final test"},
}
TIMED = True
INTERLEAVED = False


def work(protocol: dict[str, Any], axes: dict[str, str]) -> tuple[float, float]:
    """Steps of the trials and of the training; passes over the validation and test rows."""
    rates = len(protocol["learning_rates"])
    trials = rates if rates > 1 else 0
    evaluations = 2 + -(-protocol["steps"] // protocol["eval_every"]) + trials
    passes = evaluations * protocol["eval_rows"] / protocol["batch_size"]
    return float(protocol["steps"] + trials * protocol["trial_steps"]), passes


@dataclass
class Training:
    """A finished training.

    Args:
        losses, norms: one entry a step; the norm is the one before clipping.
        seconds: wall time of each step.
    """

    losses: list[float]
    norms: list[float]
    seconds: list[float]


def evaluate(model: PreTrainedModel, rows: Batch, batch_size: int) -> tuple[float, float]:
    """Mean loss and accuracy over rows."""
    model.eval()
    losses, hits = [], []
    with torch.inference_mode():
        for ids, labels in zip(
            rows.input_ids.split(batch_size), rows.labels.split(batch_size), strict=True
        ):
            output = model(input_ids=ids, labels=labels)
            losses.append(output.loss * len(labels))
            hits.append((output.logits.argmax(-1) == labels).sum())
    model.train()
    count = len(rows.labels)
    return float(torch.stack(losses).sum()) / count, float(torch.stack(hits).sum()) / count


class Trainer:
    """Trains one model on batches made beforehand."""

    def __init__(self, model: PreTrainedModel, learning_rate: float, clip_norm: float) -> None:
        self.model = model.train()
        self.device = str(model.device.type)
        self._step = training_step(model, optimizer(model, learning_rate), clip_norm)
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
            loss, norm = self._step(batch)
            synchronize(self.device)
            now = time.perf_counter_ns()
            self._losses.append(loss)
            self._norms.append(norm)
            self._seconds.append((now - last) / 1e9)
            last = now
        finite = torch.isfinite(torch.stack(self._losses[first:])).tolist()
        if not all(finite):
            raise Diverged(first + finite.index(False) + 1)

    def training(self) -> Training:
        """What the steps so far left."""
        if not self._losses:
            return Training([], [], [])
        losses, norms = torch.stack(self._losses), torch.stack(self._norms)
        return Training(losses.tolist(), norms.tolist(), list(self._seconds))


class Measurement:
    """Train one seed: trials of the learning rate first, then the training, then the test."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        self.subject, self.progress = subject, progress
        self.protocol = subject.cell.protocol
        protocol = self.protocol
        self.validation = subject.rows("validation", protocol["eval_rows"], seed=0)
        self.test = subject.rows("test", protocol["eval_rows"], seed=0)
        self.batches = subject.batches(protocol["steps"], protocol["batch_size"])
        self.trials: list[dict[str, Any]] = []
        self.curve: list[tuple[int, float, float]] = []

    def round(self) -> None:
        rate = self._best_learning_rate()
        self.learning_rate = rate
        self.trainer = Trainer(self.subject.build(), rate, self.protocol["clip_norm"])
        self._validate(0)
        every, steps = self.protocol["eval_every"], self.protocol["steps"]
        try:
            for start in range(0, steps, every):
                stop = min(start + every, steps)
                self.trainer.run(self.batches[start:stop])
                self._validate(stop)
                self.progress(stop / steps)
        except Diverged as error:
            error.samples = self._samples()
            raise

    def result(self) -> Result:
        training = self.trainer.training()
        test_loss, test_accuracy = evaluate(
            self.trainer.model, self.test, self.protocol["batch_size"]
        )
        tokens = self.protocol["batch_size"] * self.subject.cell.length
        steady = sorted(training.seconds[1:] or training.seconds)
        median = steady[len(steady) // 2]
        return Result(
            {
                "test_accuracy": test_accuracy,
                "test_loss": test_loss,
                "validation_accuracy": self.curve[-1][2],
                "tokens_per_s": tokens / median,
                "step_s": median,
                "train_s": sum(training.seconds),
                "tokens": tokens * len(training.losses),
                "learning_rate": self.learning_rate,
                "learning_rate_trials": len(self.trials),
            },
            self._samples(),
        )

    def _samples(self) -> dict[str, list[Any]]:
        training = self.trainer.training()
        return {
            "loss": training.losses,
            "gradient_norm": training.norms,
            "seconds": training.seconds,
            "validation": [list(point) for point in self.curve],
            "trials": [list(trial.values()) for trial in self.trials],
        }

    def _validate(self, step: int) -> None:
        loss, accuracy = evaluate(self.trainer.model, self.validation, self.protocol["batch_size"])
        if not math.isfinite(loss):
            raise Diverged(step, "the validation loss")
        self.curve.append((step, loss, accuracy))

    def _best_learning_rate(self) -> float:
        """The rate whose trial has the lowest validation loss; a diverged trial cannot win."""
        rates: list[float] = self.protocol["learning_rates"]
        if len(rates) == 1:
            return rates[0]
        batches = self.batches[: self.protocol["trial_steps"]]
        for rate in rates:
            trainer = Trainer(self.subject.build(), rate, self.protocol["clip_norm"])
            try:
                trainer.run(batches)
            except Diverged:
                self.trials.append({"learning_rate": rate, "validation_loss": float("inf")})
                continue
            loss, _ = evaluate(trainer.model, self.validation, self.protocol["batch_size"])
            self.trials.append({"learning_rate": rate, "validation_loss": loss})
        best: float = min(self.trials, key=lambda trial: trial["validation_loss"])["learning_rate"]
        return best
