"""Loss, the task's metric and global gradient norm by step, and the training rate."""

import math
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor
from transformers import PreTrainedModel, get_scheduler

from bench import tasks
from bench.data import metrics
from bench.measure import objective, ran
from bench.measure.contract import Progress, Result
from bench.measure.resume import File, State
from bench.measure.scoring import Score, evaluate
from bench.measure.subject import Batch, Subject, split
from bench.measure.training import Trainer
from bench.outcome import Diverged, Invalid, Unsupported
from bench.probes.learning.recompute import of_samples
from bench.statistics.summaries import best_rate
from bench.statistics.trainings import of_end
from bench.study import Cell
from models.autoclasses import IMAGE_TEXT

_SCHEDULES = {"constant": "constant_with_warmup", "cosine": "cosine"}  # as Hugging Face says
_LENGTHS = 1  # the stream that draws lengths of batches


def work(protocol: dict[str, Any], axes: dict[str, str]) -> tuple[float, float]:
    """Steps of the training; passes over the validation and test rows."""
    validations = -(-protocol["steps"] // protocol["eval_every"])
    evaluations = 3 + len(protocol["test_lengths"]) + validations
    passes = evaluations * protocol["eval_rows"] / protocol["batch_size"]
    steps = float(protocol["steps"])
    return steps * (0.5 if protocol["shortest"] else 1.0), passes  # half as long on the average


def refuse(cell: Cell, head: str, limit: int | None) -> None:
    """Refuse windows that cannot be trained or tested on.

    Raises:
        Unsupported: images of several sizes, windows that are never as short as the least, or
            trials that end before the learning rate has risen to the one that is tried.
    """
    shortest, others = cell.protocol["shortest"], cell.protocol["test_lengths"]
    warmup, trial = cell.protocol["warmup_steps"], cell.protocol["trial_steps"]
    if len(cell.protocol["learning_rates"]) > 1 and warmup >= trial:
        raise Unsupported(
            f"expected trial_steps above warmup_steps, {warmup}. Got {trial}: no learning rate of "
            "the list would be tried."
        )
    if head == IMAGE_TEXT and {shortest or cell.length, *others} != {cell.length}:
        raise Unsupported(
            f"{head} reads images of one size, the cell's T={cell.length}. Leave shortest and "
            "test_lengths out."
        )
    if shortest > cell.length:
        raise Unsupported(
            f"expected shortest to be at most the cell's length, {cell.length}. Got {shortest}: "
            "it is the least window to train on."
        )


def windows(cell: Cell) -> list[tuple[str, int]]:
    """The least window to train on, and those of further lengths to test on."""
    shortest = cell.protocol["shortest"]
    found = [("train", shortest)] if shortest else []
    return found + [("test", length) for length in cell.protocol["test_lengths"]]


class Measurement:
    """Train one seed at the best learning rate of its arm's trials, and test it."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        self.subject, self.progress = subject, progress
        self.protocol = subject.cell.protocol
        rows = self.protocol["eval_rows"]
        self.validation = subject.rows("validation", rows, seed=0)
        self.test = subject.rows("test", rows, seed=0)
        self.curve: list[tuple[int, float, float]] = []
        self.end: dict[str, Any] = {}  # how the training ended, where it may before its steps
        self._best: dict[str, Tensor] = {}  # the weights that such a one has tested
        self.tokens = 0
        self.resumed: list[int] = []  # steps after which another process took over
        self._file: File | None = None

    def keep_in(self, file: File) -> None:
        """Save the training in a file while it lasts, and go on from what is there."""
        self._file = file

    def round(self) -> None:
        rates: list[float] = self.protocol["learning_rates"]
        rate = best_rate(self.subject.tried) if len(rates) > 1 else rates[0]
        saved = None if self._file is None else self._file.load()
        if saved is not None and saved.said["rate"] != rate:
            saved = None  # further trials have been made since
        model = self.subject.build()
        every, steps = self.protocol["eval_every"], self.protocol["steps"]
        self.trainer = self._trainer(model, rate, steps)
        try:
            if saved is None:
                self.initial = self._evaluate(model, self.test).metric
                self._validate(0)
            else:
                self._restore(saved)
            for start in range(self.curve[-1][0], steps, every):
                stop = min(start + every, steps)
                self.trainer.run(self._batches(start, stop))
                self._validate(stop)
                self.progress(stop / steps)
                if self.end.get("ended") is not None:
                    break
                if self._file is not None and self._file.due:
                    self._file.save(self._state(rate))
        except (Diverged, Invalid) as error:
            error.samples = self._samples()
            raise
        self._traces = self._samples()  # of the weights as trained, before the best are put back
        if self._best:
            model.load_state_dict(self._best)

    def result(self) -> Result:
        model = self.trainer.model
        test = self._evaluate(model, self.test)
        task, length = self.subject.task, self.subject.cell.length
        metric = metrics.METRICS[task.METRIC]
        beyond = self._out_of_distribution()
        samples = self._traces
        return Result(
            {
                "metric": task.METRIC,
                "higher_is_better": metric.higher_is_better,
                "floor": tasks.floor(
                    task, length, self.protocol["eval_rows"], self.subject.cell.model.reads_through
                ),
                "solved_at": task.SOLVED,
                "solved": metrics.solved(task.METRIC, test.metric, task.SOLVED),
                "initial_metric": self.initial,
                "test_metric": test.metric,
                "test_loss": test.loss,
                **{f"test_{metrics.METRICS[name].slug}": test.others[name] for name in test.others},
                "tokens": self.tokens,
                "skipped_steps": self.trainer.skipped(),
                **of_samples(samples, self.protocol, self.tokens),
                **self.end,
                **({"resumed_at_steps": self.resumed} if self.resumed else {}),
            },
            samples | {"out_of_distribution": beyond},
        )

    def ran(self) -> dict[str, Any]:
        """Which kernel ran, in the model's last mode."""
        rows = next(iter(split(self.test, self.protocol["batch_size"])))
        return ran.told(self.subject, self.trainer.model, rows)

    def _batches(self, start: int, stop: int) -> list[Batch]:
        """Training batches from step ``start`` to ``stop``.

        Windows of every length from ``shortest`` on, where there is such a one: each batch has a
        length of its own, drawn from the cell's seed, the same for every arm.
        """
        size, shortest = self.protocol["batch_size"], self.protocol["shortest"]
        if not shortest:
            batches = self.subject.batches(stop - start, size, start)
        else:
            seed, most = self.subject.cell.seed, self.subject.cell.length
            lengths = np.random.default_rng([seed, _LENGTHS]).integers(shortest, most + 1, stop)
            batches = [
                self.subject.rows("train", size, seed, step * tasks.BLOCK, int(lengths[step]))
                for step in range(start, stop)
            ]
        self.tokens += sum(map(objective.tokens, batches))
        return batches

    def _out_of_distribution(self) -> list[list[Any]]:
        """Length, metric and loss on windows of other lengths than those trained on."""
        found = []
        limit = self.subject.arm.max_length(self.subject.config)
        for length in self.protocol["test_lengths"]:
            if limit is not None and length > limit:
                found.append([length, None, None])
                continue
            rows = self.subject.rows("test", self.protocol["eval_rows"], seed=0, length=length)
            score = self._evaluate(self.trainer.model, rows)
            found.append([length, score.metric, score.loss])
        return found

    def _state(self, rate: float) -> State:
        """How far the training is."""
        state = self.trainer.state()
        state.tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        state.said |= {
            "rate": rate,
            "initial": self.initial,
            "curve": self.curve,
            "tokens": self.tokens,
            "resumed": self.resumed,
        }
        return state

    def _restore(self, state: State) -> None:
        """Be as far as a process that was killed."""
        self.trainer.restore(state)
        said = state.said
        self.initial, self.tokens = said["initial"], said["tokens"]
        self.curve = [(step, loss, metric) for step, loss, metric in said["curve"]]
        self.resumed = [*said["resumed"], self.curve[-1][0]]
        self.end = of_end(self.curve, self.protocol, self._solves)
        self._best = state.under("best")

    def _samples(self) -> dict[str, list[Any]]:
        training = self.trainer.training()
        return training.samples() | {
            "seconds": training.seconds,
            "validation": [list(point) for point in self.curve],
            "trials": [list(trial) for trial in self.subject.tried],
        }

    def _trainer(self, model: PreTrainedModel, rate: float, steps: int) -> Trainer:
        subject, protocol = self.subject, self.protocol
        schedule = partial(
            get_scheduler,
            _SCHEDULES[protocol["schedule"]],
            num_warmup_steps=protocol["warmup_steps"],
            num_training_steps=steps,
        )
        clip = protocol["clip_norm"]
        return Trainer(model, subject.head, rate, clip, subject.precision, schedule)

    def _solves(self, score: float) -> bool:
        task = self.subject.task
        return bool(metrics.solved(task.METRIC, score, task.SOLVED))

    def _evaluate(self, model: PreTrainedModel, rows: Batch) -> Score:
        return evaluate(self.subject, model, rows, self.protocol["batch_size"])

    def _validate(self, step: int) -> None:
        score = self._evaluate(self.trainer.model, self.validation)
        if not math.isfinite(score.loss):
            raise self.trainer.not_finite(step, "the validation loss")
        self.curve.append((step, score.loss, score.metric))
        self.end = of_end(self.curve, self.protocol, self._solves)
        if self.end and self.end["best_step"] == step:
            weights = self.trainer.model.state_dict()
            self._best = {name: tensor.detach().clone() for name, tensor in weights.items()}
