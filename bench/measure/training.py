"""Steps of a training, timed: losses and gradient norms of each, and what the type did to them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from transformers import PreTrainedModel

from bench.measure.devices import synchronize
from bench.measure.resume import State
from bench.measure.subject import Batch, Step, Subject, optimizer
from bench.outcome import CellError, Diverged, Invalid
from bench.store.records import short
from models.groups import parameter_groups
from models.precision import PRECISIONS, Precision

_HALF = (torch.bfloat16, torch.float16)


@dataclass
class Training:
    """What the steps of a training left.

    Args:
        losses: one a step.
        norms: the global gradient norm of each step, before clipping.
        group_norms: the same of every group of parameters, see ``models.groups``. What clipping
            leaves of either is ``min(1, clip_norm / (norm + 1e-6))`` of it, with the global norm.
        seconds: wall time of each step.
        changed: group -> the share of its entries that these steps have changed, where the weights
            are of a half type.
    """

    losses: list[float]
    norms: list[float]
    group_norms: dict[str, list[float]]
    seconds: list[float]
    changed: dict[str, float] = field(default_factory=dict)

    def samples(self) -> dict[str, list[Any]]:
        """The traces of a record, with the seven digits that float32 has, or four."""
        found = {
            "loss": short(self.losses, 7),
            "gradient_norm": short(self.norms, 7),
            "group_norms": [[name, short(norms)] for name, norms in self.group_norms.items()],
        }
        return found | ({"changed_share": shares(self.changed)} if self.changed else {})


class Trainer:
    """Trains one model on batches made beforehand.

    Args:
        model, head, learning_rate, clip_norm, precision: as ``Step`` has them.
        schedule: what the learning rate is multiplied with, made of the optimizer; 1 by default.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        head: str,
        learning_rate: float,
        clip_norm: float,
        precision: Precision = PRECISIONS["float32"],
        schedule: Callable[[Optimizer], LRScheduler] | None = None,
    ) -> None:
        self.model, self.precision = model.train(), precision
        self.device = str(model.device.type)
        self._optimizer = optimizer(model, learning_rate)
        self._schedule = None if schedule is None else schedule(self._optimizer)
        self._step = Step(model, head, self._optimizer, clip_norm, precision)
        self._moved = Moved(model)
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._seconds: list[float] = []

    def run(self, batches: list[Batch]) -> None:
        """A step on each batch, timed; nothing is read from the device before the last.

        Raises:
            Diverged: a loss was not finite, with the step, counted from 1; or the weights are not,
                after the last.
            Invalid: the same, where the weights are of a half type, see ``not_finite``.
        """
        first = len(self._losses)
        synchronize(self.device)
        last = time.perf_counter_ns()
        for batch in batches:
            loss, norms = self._step(batch)
            if self._schedule is not None:
                self._schedule.step()
            synchronize(self.device)
            now = time.perf_counter_ns()
            self._losses.append(loss)
            self._norms.append(norms)
            self._seconds.append((now - last) / 1e9)
            last = now
        numbers = torch.isfinite(torch.stack(self._losses[first:])).tolist()
        if not all(numbers):
            raise self.not_finite(first + numbers.index(False) + 1, "the training loss")
        if not finite(self.model):
            raise self.not_finite(len(self._losses), "a weight")

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def not_finite(self, step: int, what: str) -> CellError:
        """See ``not_finite``."""
        return not_finite(self.precision, self.model, step, what)

    def skipped(self) -> int:
        """Steps that the scaler has skipped."""
        return len(self._losses) - taken(self._optimizer)

    def state(self) -> State:
        """All that a trainer made alike needs to go on as this one would, to the bit."""
        optimizer = self._optimizer.state_dict()
        tensors = {f"model.{name}": tensor for name, tensor in _weights(self.model)}
        for index, parts in optimizer["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in parts.items()}
        for name, generator in _generators(self.device).items():
            tensors[f"random.{name}"] = generator.get_rng_state()
        if self._losses:
            tensors |= {"losses": torch.stack(self._losses), "norms": torch.stack(self._norms)}
        said = {
            "param_groups": optimizer["param_groups"],
            "schedule": None if self._schedule is None else self._schedule.state_dict(),
            "scaler": self._step.scaler.state_dict(),
            "seconds": list(self._seconds),
        }
        return State(tensors, said)

    def restore(self, state: State) -> None:
        """Go on from a state of a trainer made alike, whose model was built from the same seed."""
        with torch.no_grad():
            for name, tensor in _weights(self.model):
                tensor.copy_(state.tensors[f"model.{name}"])
        parts: dict[int, dict[str, Tensor]] = {}
        for place, tensor in state.under("optimizer").items():
            index, _, name = place.partition(".")
            parts.setdefault(int(index), {})[name] = tensor
        self._optimizer.load_state_dict(
            {"state": parts, "param_groups": state.said["param_groups"]}
        )
        if self._schedule is not None:
            self._schedule.load_state_dict(state.said["schedule"])
        if self._step.scaler.is_enabled():
            self._step.scaler.load_state_dict(state.said["scaler"])
        if "losses" in state.tensors:
            device = self.model.device
            self._losses = list(state.tensors["losses"].to(device).unbind())
            self._norms = list(state.tensors["norms"].to(device).unbind())
        self._seconds = list(state.said["seconds"])
        for name, generator in _generators(self.device).items():
            generator.set_rng_state(state.tensors[f"random.{name}"])

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
        total = norms.norm(dim=1).tolist()
        return Training(losses.tolist(), total, groups, list(self._seconds), self._moved.by_group())


def _weights(model: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers by name, those that are tied once."""
    yield from model.named_parameters()
    yield from model.named_buffers()


def _generators(device: str) -> dict[str, Any]:
    """What random numbers are drawn from: the CPU's generator, and the device's own."""
    found: dict[str, Any] = {"cpu": torch}
    return found if device == "cpu" else found | {device: torch.get_device_module(device)}


class Steps(Step):
    """Training steps that are timed by someone else, and looked at when no clock runs.

    Args:
        subject: whose model is trained.
        model: of it, in place.
        learning_rate, clip_norm: of every step.
    """

    def __init__(
        self, subject: Subject, model: PreTrainedModel, learning_rate: float, clip_norm: float
    ) -> None:
        super().__init__(
            model.train(),
            subject.head,
            optimizer(model, learning_rate),
            clip_norm,
            subject.precision,
        )
        self.count = 0
        self._loss = torch.zeros(())
        self.begin()

    def clear(self) -> None:
        """Begin a step: let go of the gradients of the one before."""
        super().clear()
        self.count += 1

    def forward(self, batch: Batch) -> Tensor:
        """The loss of a batch, of which nothing is read yet."""
        loss = super().forward(batch)
        self._loss = loss.detach()
        return loss

    def check(self) -> None:
        """Refuse numbers that are none.

        Raises:
            Invalid: the last loss or a weight is not finite.
        """
        if not (finite(self.model) and bool(torch.isfinite(self._loss))):
            share = nonfinite_share(self.model)
            raise not_a_number(self.model, self.count, "the training loss or a weight", share)

    def begin(self) -> None:
        """What is told is of the steps from here on."""
        self._first, self._taken = self.count, taken(self.optimizer)
        self._moved = Moved(self.model)

    def told(self) -> dict[str, Any]:
        """Steps since ``begin``, those that a scaler skipped, and what a half type's changed."""
        steps = self.count - self._first
        skipped = steps - (taken(self.optimizer) - self._taken)
        return {
            "measured_steps": steps,
            "skipped_steps": skipped,
            "changed_share": shares(self._moved.by_group()) or None,
        }


class Moved:
    """What of a model's weights has changed since this was made, where they are of a half type.

    Without a float32 copy a step smaller than half the distance to the next number of the type is
    lost. In other types nothing is kept and nothing told.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._before = {
            name: weight.detach().clone()
            for name, weight in model.named_parameters()
            if weight.dtype in _HALF
        }

    def by_group(self) -> dict[str, float]:
        """Group of parameters -> share of its entries that are others now."""
        if not self._before:
            return {}
        now = dict(self._model.named_parameters())
        found = {}
        for group, names in parameter_groups(self._model).items():
            changed = sum(int((now[name] != self._before[name]).sum()) for name in names)
            found[group] = changed / sum(now[name].numel() for name in names)
        return found


def shares(by_group: dict[str, float]) -> list[Any]:
    """For a record: groups from input to output, with four digits of each share."""
    return [[group, *short([share])] for group, share in by_group.items()]


def taken(optimizer: torch.optim.Optimizer) -> int:
    """Steps that an optimizer has made; a scaler keeps it from some."""
    return max((int(state["step"]) for state in optimizer.state.values()), default=0)


def finite(model: PreTrainedModel) -> bool:
    """Whether all of a model's weights are numbers; waits for the device.

    Asked after every few steps of a training, so by their extremes, which NaN spreads to: a tenth
    of what counting takes.
    """
    ends = [end for weight in model.parameters() for end in torch.aminmax(weight.detach())]
    return bool(torch.stack(ends).isfinite().all())


def nonfinite_share(model: PreTrainedModel) -> float:
    """The share of a model's weights that are NaN or infinite; waits for the device."""
    weights = list(model.parameters())
    wrong = torch.stack([(~weight.detach().isfinite()).sum() for weight in weights])
    return int(wrong.sum()) / sum(weight.numel() for weight in weights)


def not_finite(precision: Precision, model: PreTrainedModel, step: int, what: str) -> CellError:
    """How a training ended in which something stopped being a number.

    With float32 weights and float32's range it diverged, which is a finding about arm and learning
    rate. Otherwise it is the type's doing as likely as not (AdamW's 1e-8 is zero in float16, and
    70,000 is infinite), and no finding.
    """
    if precision.pure_half or precision.compute == torch.float16:
        return not_a_number(model, step, what, nonfinite_share(model))
    return Diverged(step, what)


def not_a_number(model: PreTrainedModel, step: int, what: str, share: float) -> Invalid:
    """A model that nothing may be claimed of from this step on."""
    weights = str(model.dtype).removeprefix("torch.")
    copy = " without a float32 copy" if model.dtype in _HALF else ""
    error = Invalid(
        f"{what} is not finite at step {step}, and {share:.1%} of the weights, {weights}{copy}, "
        "are not"
    )
    error.details = {"step": step, "nonfinite_weights_share": share}
    return error
