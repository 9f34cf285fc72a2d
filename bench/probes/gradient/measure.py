"""How much of the loss's gradient reaches each token, and each state, by distance from the loss."""

import contextlib
import inspect
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench import tasks
from bench.data import metrics
from bench.measure.contract import Progress, Result
from bench.measure.scoring import evaluate
from bench.measure.subject import Batch, Subject
from bench.measure.training import Trainer, not_finite
from bench.outcome import Diverged, Invalid, Unsupported
from bench.probes.gradient import flow as curves
from bench.probes.gradient.designated import EVERYWHERE, Designated, drawn, flow
from bench.probes.gradient.norms import subnormal_share, vector_norms, zero_share
from bench.probes.gradient.recompute import end
from bench.statistics.summaries import clipped_share
from bench.store.records import short
from models.autoclasses import SEQ2SEQ
from models.precision import LOSS_SCALE

_NO_ONE_POSITION = {
    "AutoModelForQuestionAnswering": "its loss compares all positions with one another",
    "AutoModel": "it reads the mean over all positions",
    "AutoProcessor": "its towers read images, which are no embeddings of tokens",
}
_CHUNKS = 10  # progress is told this often
_IN_DOUBLE, _UNROLLED = 3.0, 6.0  # what one measurement takes, in steps


def work(protocol: dict[str, Any], axes: dict[str, str]) -> tuple[float, float]:
    """The steps, and those that measurements are worth; passes over the test rows."""
    measured = 1 + len(_stages(protocol)) * bool(protocol["steps"])
    each = 1 + _IN_DOUBLE + _UNROLLED * protocol["states"]
    evaluations = (1 + len(_validations(protocol))) * bool(protocol["steps"])
    passes = evaluations * protocol["eval_rows"] / protocol["batch_size"]
    rows = protocol["rows"] / protocol["batch_size"]
    return protocol["steps"] + measured * each * rows, passes


def refuse(cell: Any, head: str, limit: int | None) -> None:
    """Refuse a head without a designated position.

    Raises:
        Unsupported: naming what it reads instead.
    """
    if head in _NO_ONE_POSITION:
        raise Unsupported(
            f"a gradient's distance is counted from one designated position; {head} has none: "
            f"{_NO_ONE_POSITION[head]}"
        )


class Measurement:
    """The flow at initialisation and, where steps are asked for, at stages of the training."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        self.subject, self.progress = subject, progress
        self.protocol = subject.cell.protocol
        self.model = subject.build()
        self._scale = LOSS_SCALE if subject.precision.scaled else 1.0
        if "inputs_embeds" not in inspect.signature(self.model.forward).parameters:
            raise Unsupported(
                f"{type(self.model).__name__} takes no inputs_embeds, at which the gradient is read"
            )
        self.designated = Designated(drawn(subject), subject.head, self._loss_position())
        self.twins = self._twins()
        self.trainer: Trainer | None = None
        distance = self.designated.distance.tolist()
        self.ends = curves.run_ends(len(distance))
        self.samples: dict[str, list[Any]] = {"distance": [distance[end] for end in self.ends]}

    def round(self) -> None:
        protocol, subject = self.protocol, self.subject
        try:
            self._measure(0)
            if not protocol["steps"]:
                return
            rate, clip = protocol["learning_rate"], protocol["clip_norm"]
            trainer = self.trainer = Trainer(
                self.model, subject.head, rate, clip, subject.precision
            )
            size = -(-protocol["steps"] // _CHUNKS)
            stops = {*_stages(protocol), *range(size, protocol["steps"], size), protocol["steps"]}
            if validations := _validations(protocol):
                held_out = subject.rows("validation", protocol["eval_rows"], seed=0)
            done = 0
            for stop in sorted({*stops, *validations}):
                if stop > done:
                    trainer.run(subject.batches(stop - done, protocol["batch_size"], done))
                done = stop
                if stop in validations:
                    self._validate(trainer, held_out, stop)
                if stop in _stages(protocol):
                    self._measure(stop)
                self.progress(stop / protocol["steps"])
        except (Diverged, Invalid) as error:
            error.samples = self._samples()
            raise

    def result(self) -> Result:
        cell, task = self.subject.cell, self.subject.task
        needed = getattr(task, "needed", None)
        found: dict[str, Any] = {
            "floor": tasks.floor(
                task, cell.length, self.protocol["eval_rows"], cell.model.reads_through
            ),
            "metric": task.METRIC,
            "needed_distance": None if needed is None else needed(cell.length),
        }
        if self.trainer is not None:
            rows = self.subject.rows("test", self.protocol["eval_rows"], seed=0)
            score = evaluate(self.subject, self.model, rows, self.protocol["batch_size"])
            found |= {
                "test_metric": score.metric,
                "test_loss": score.loss,
                "skipped_steps": self.trainer.skipped(),
                "solved_at": task.SOLVED,
                "solved": metrics.solved(task.METRIC, score.metric, task.SOLVED),
                "clipped_share": clipped_share(
                    self._samples()["gradient_norm"], self.protocol["clip_norm"]
                ),
            }
            if curve := self.samples.get("validation"):
                found |= end(curve, self.protocol, task.METRIC, task.SOLVED)
        return Result(found, self._samples())

    def _samples(self) -> dict[str, list[Any]]:
        return self.samples | (self.trainer.training().samples() if self.trainer else {})

    def _validate(self, trainer: Trainer, rows: Batch, step: int) -> None:
        """How far the training has come; the flow is measured of the weights as they then are."""
        score = evaluate(self.subject, self.model, rows, self.protocol["batch_size"])
        if not math.isfinite(score.loss):
            raise trainer.not_finite(step, "the validation loss")
        self._add(validation=[step, score.loss, score.metric])

    def _loss_position(self) -> int | None:
        """Where a classifier reads; None for heads that are asked at a labelled position."""
        subject, head = self.subject, self.subject.head
        if head == SEQ2SEQ or head in EVERYWHERE:
            return None
        position = subject.arm.loss_position(subject.cell.length, head, subject.config)
        if position is None:
            raise Unsupported(f"{subject.cell.arm} reads no one position under {head}")
        return position

    def _twins(self) -> dict[str, PreTrainedModel]:
        """Models for the same weights by dtype: in the cell's to look at states, and in float64."""
        cell, states = self.subject.cell, self.protocol["states"]
        kernel = self.subject.arm.traced_kernel(cell.kernel) if states else cell.kernel
        wanted = {cell.dtype} if states else set()
        wanted |= {"float64"} if cell.device != "mps" else set()  # which has no such type
        with _random_numbers_kept(cell.device):
            return {dtype: self.subject.build(kernel, dtype) for dtype in wanted}

    def _measure(self, step: int) -> None:
        """Everything, after so many steps.

        Raises:
            Diverged, Invalid: a gradient is not finite. It is among the samples all the same.
        """
        cell = self.subject.cell
        with _random_numbers_kept(cell.device):
            gradient = flow(self.model, self.designated, self._scale)
        self._flow(gradient)
        for dtype, twin in sorted(self.twins.items()):  # float64 last
            twin.load_state_dict(self.model.state_dict())
            with _random_numbers_kept(cell.device):  # the twins' dropout draws the same
                self._twin(twin, dtype, dtype == cell.dtype)
        self.samples.setdefault("steps", []).append(step)
        if not bool(gradient.isfinite().all()):
            what = "the gradient at the embeddings"
            raise not_finite(self.subject.precision, self.model, step, what)

    def _flow(self, gradient: Tensor) -> None:
        """Norm by distance in the cell's type, and what of it is subnormal or zero."""
        entries = self.designated.by_distance(gradient)
        norms = vector_norms(entries)
        self._mean = norms.mean(dim=0)
        distance, dtype = self.designated.distance.tolist(), self.subject.cell.dtype
        # A norm taken in its own type squares its entries first, and reads 0.0 long before they do.
        naive = (entries.norm(dim=-1).sum(dim=0) == 0).tolist()
        zero = zero_share(entries, (0, 2))
        low, high = norms.quantile(norms.new_tensor([0.25, 0.75]), dim=0)
        self._add(
            norm=self._short(self._mean),
            norm_low=self._short(low, 3),
            norm_high=self._short(high, 3),
            zero_by_distance=self._short(zero, 9) if zero.any() else [],
            zero_share=float(zero.mean()),
            subnormal_share=subnormal_share(entries),
            naive_zero_from=next((d for d, no in zip(distance, naive, strict=True) if no), None),
            log_decay=[_slope(distance, row, dtype) for row in norms.tolist()],
        )

    def _twin(self, twin: PreTrainedModel, dtype: str, own: bool) -> None:
        """The same weights in float64, and the states, in the cell's own type and in float64."""
        designated, distance = self.designated, self.designated.distance.tolist()
        scale = self._scale if own else 1.0
        states: dict[str, Tensor] = {}
        if self.protocol["states"]:
            with self.subject.arm.trace(twin) as gradients:
                gradient = flow(twin, designated, scale)
            for kind, layers in gradients().items():
                for number, layer in enumerate(layers, 1):
                    unscaled = layer if scale == 1.0 else layer.float() / scale
                    states[f"{kind}, layer {number}"] = designated.by_distance(unscaled)
        else:
            gradient = flow(twin, designated, scale)
        norms = vector_norms(designated.by_distance(gradient))
        if own and states:
            apart = float((norms.mean(dim=0) - self._mean).abs().max())
            largest = float(self._mean.max())
            self._add(
                kernel_difference=apart / largest if largest else apart,
                state_zero_share=[float(zero_share(state)) for state in states.values()],
                state_subnormal_share=[subnormal_share(state) for state in states.values()],
            )
        if dtype == "float64":
            self._add(
                norm_float64=self._short(norms.mean(dim=0)),
                log_decay_float64=[_slope(distance, row) for row in norms.tolist()],
            )
        if states and dtype == max(self.twins):
            self.samples["states"] = list(states)
            means = [vector_norms(state).mean(dim=0) for state in states.values()]
            self._add(state_norm=[self._short(mean, 3) for mean in means])

    def _short(self, values: Tensor, digits: int = 4) -> list[float]:
        """(distances,) means over the runs that a record keeps."""
        return short(curves.run_means(values.tolist(), self.ends), digits)

    def _add(self, **measured: Any) -> None:
        """One entry more of each sample: of a stage."""
        for name, value in measured.items():
            self.samples.setdefault(name, []).append(value)


def _stages(protocol: dict[str, Any]) -> list[int]:
    """The steps after which to measure."""
    return sorted(
        {
            min(math.ceil(share * protocol["steps"]), protocol["steps"])
            for share in protocol["stages"]
        }
        - {0}
    )


def _validations(protocol: dict[str, Any]) -> list[int]:
    """The steps after which to validate, the start and the end among them."""
    if not protocol["patience"]:
        return []
    return [*range(0, protocol["steps"], protocol["eval_every"]), protocol["steps"]]


def _slope(distance: list[int], norms: list[float], dtype: str = "float64") -> float | None:
    """A row's change from token to token, see ``bench.probes.gradient.flow.log_decay``."""
    found = curves.log_decay(distance, norms, dtype)
    return None if found is None else float(short([found], 9)[0])


@contextlib.contextmanager
def _random_numbers_kept(device: str) -> Iterator[None]:
    """What is drawn inside, by dropout or for weights, is not missed outside."""
    devices = [] if device == "cpu" else [torch.accelerator.current_device_index()]
    kind = {} if device == "cpu" else {"device_type": device}
    with torch.random.fork_rng(devices, **kind):
        yield
