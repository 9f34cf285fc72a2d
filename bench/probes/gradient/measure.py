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
from bench.measure import metrics, objective
from bench.measure.contract import Progress, Result
from bench.measure.scoring import evaluate
from bench.measure.subject import Batch, Subject
from bench.outcome import Diverged, Unsupported
from bench.probes.gradient import flow as curves
from bench.probes.learning.measure import Trainer
from bench.store.records import short
from models.autoclasses import SEQ2SEQ

#: Heads that answer at every position, and are asked for one answer here.
_EVERYWHERE = ("AutoModelForTokenClassification", "AutoModelForCausalLM")
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
    passes = protocol["eval_rows"] / protocol["batch_size"] if protocol["steps"] else 0.0
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


class Designated:
    """Rows with one loss each, taken at one position, and how far every other lies from it.

    Args:
        rows: as the task draws them, without padding.
        head: that reads them.
        position: where a classifier reads its state.

    Attributes:
        rows: what was given.
        distance: (distances,) from the nearest to the farthest that all rows have.

    Raises:
        Unsupported: a row without a label.
    """

    def __init__(self, rows: Batch, head: str, position: int | None = None) -> None:
        self.rows, self._head = rows, head
        window = rows["features"] if "features" in rows else rows["input_ids"]
        count, length = window.shape[:2]
        self._row = torch.arange(count, device=window.device)
        if head in _EVERYWHERE:
            labelled = rows["labels"] != tasks.IGNORED
            if head == "AutoModelForCausalLM":
                labelled[:, 0] = False  # which nothing stands before
            if not bool(labelled.any(dim=1).all()):
                raise Unsupported("a row has no labelled position, from which to count distance")
            last = _last_labelled(rows["labels"])
            self._label = rows["labels"][self._row, last]
            # A language model predicts a label from the tokens before it.
            self._at = last - 1 if head == "AutoModelForCausalLM" else last
        else:
            at = length if head == SEQ2SEQ else position
            assert at is not None
            self._at = torch.full_like(self._row, at)
        if position == 0:
            self.distance = torch.arange(length, device=window.device)
            self._order = self.distance.expand(count, -1)
        else:
            # What stands behind the loss is read by no causal model, and left out for all alike.
            nearest = 1 if head == SEQ2SEQ else 0
            self.distance = torch.arange(nearest, int(self._at.min()) + 1, device=window.device)
            self._order = self._at[:, None] - self.distance

    def loss(self, model: PreTrainedModel) -> tuple[Tensor, Tensor]:
        """The input embeddings, and the sum of the rows' losses, which depends on them.

        A sum, not a mean, so that each row's gradient is its own loss's and does not shrink with
        the batch. Of a head that answers everywhere only what is asked for is computed where the
        model can leave out the rest.
        """
        model.train()  # what training sees, and cuDNN has a recurrent backward in no other mode
        rows = {
            name: tensor.to(model.dtype) if tensor.is_floating_point() else tensor
            for name, tensor in self.rows.items()
        }
        embeds = objective.embed(model, rows).detach().requires_grad_(True)
        if self._head in _EVERYWHERE:
            at, kept = self._at, {}
            if "logits_to_keep" in inspect.signature(model.forward).parameters:
                positions, at = at.unique(return_inverse=True)
                kept = {"logits_to_keep": positions}
            logits = model(inputs_embeds=embeds, **kept).logits[self._row, at]
            return embeds, torch.nn.functional.cross_entropy(logits, self._label, reduction="sum")
        labels = rows["labels"][:, :1] if self._head == SEQ2SEQ else rows["labels"]
        return embeds, model(inputs_embeds=embeds, labels=labels).loss * len(embeds)

    def by_distance(self, values: Tensor) -> Tensor:
        """(rows, distances, size) of (rows, length, size)."""
        return values[self._row[:, None], self._order]


def flow(model: PreTrainedModel, designated: Designated) -> Tensor:
    """dL/de for every row and position; no parameter's gradient is touched.

    Args:
        model: any that takes ``inputs_embeds``.
        designated: rows, and where their losses are taken.

    Returns:
        (rows, length, embedding_size), in the model's dtype.
    """
    embeds, loss = designated.loss(model)
    (gradient,) = torch.autograd.grad(loss, embeds)
    return gradient


class Measurement:
    """The flow at initialisation and, where steps are asked for, at stages of the training."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        self.subject, self.progress = subject, progress
        self.protocol = subject.cell.protocol
        self.model = subject.build()
        if "inputs_embeds" not in inspect.signature(self.model.forward).parameters:
            raise Unsupported(
                f"{type(self.model).__name__} takes no inputs_embeds, at which the gradient is read"
            )
        self.designated = Designated(_rows(subject), subject.head, self._loss_position())
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
            trainer = self.trainer = Trainer(self.model, subject.head, rate, clip)
            size = -(-protocol["steps"] // _CHUNKS)
            stops = {*_stages(protocol), *range(size, protocol["steps"], size), protocol["steps"]}
            done = 0
            for stop in sorted(stops):
                trainer.run(subject.batches(stop - done, protocol["batch_size"], done))
                done = stop
                if stop in _stages(protocol):
                    self._measure(stop)
                self.progress(stop / protocol["steps"])
        except Diverged as error:
            error.samples = self._samples()
            raise

    def result(self) -> Result:
        cell, task = self.subject.cell, self.subject.task
        needed = getattr(task, "needed", None)
        found: dict[str, Any] = {
            "floor": tasks.floor(task, cell.length, self.protocol["eval_rows"]),
            "metric": task.METRIC,
            "needed_distance": None if needed is None else needed(cell.length),
        }
        if self.trainer is not None:
            rows = self.subject.rows("test", self.protocol["eval_rows"], seed=0)
            score = evaluate(self.subject, self.model, rows, self.protocol["batch_size"])
            metric = metrics.METRICS[task.METRIC]
            found |= {
                "test_metric": score.metric,
                "test_loss": score.loss,
                "solved_at": task.SOLVED,
                "solved": None
                if task.SOLVED is None
                else metric.reaches(score.metric, task.SOLVED),
                "clipped_share": self.trainer.training().clipped_share(self.protocol["clip_norm"]),
            }
        return Result(found, self._samples())

    def _samples(self) -> dict[str, list[Any]]:
        return self.samples | (self.trainer.training().samples() if self.trainer else {})

    def _loss_position(self) -> int | None:
        """Where a classifier reads; None for heads that are asked at a labelled position."""
        subject, head = self.subject, self.subject.head
        if head == SEQ2SEQ or head in _EVERYWHERE:
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
            Diverged: a gradient is not finite. It is among the samples all the same.
        """
        cell = self.subject.cell
        with _random_numbers_kept(cell.device):
            gradient = flow(self.model, self.designated)
        self._flow(gradient)
        for dtype, twin in sorted(self.twins.items()):  # float64 last
            twin.load_state_dict(self.model.state_dict())
            with _random_numbers_kept(cell.device):  # the twins' dropout draws the same
                self._twin(twin, dtype, dtype == cell.dtype)
        self.samples.setdefault("steps", []).append(step)
        if not bool(gradient.isfinite().all()):
            raise Diverged(step, "the gradient at the embeddings")

    def _flow(self, gradient: Tensor) -> None:
        """Norm by distance in the cell's type, and what of it is subnormal or zero."""
        entries = self.designated.by_distance(gradient)
        norms = _norms(entries)
        self._mean = norms.mean(dim=0)
        distance, dtype = self.designated.distance.tolist(), self.subject.cell.dtype
        # A norm taken in its own type squares its entries first, and reads 0.0 long before they do.
        naive = (entries.norm(dim=-1).sum(dim=0) == 0).tolist()
        zero = _zero(entries, (0, 2))
        low, high = norms.quantile(norms.new_tensor([0.25, 0.75]), dim=0)
        self._add(
            norm=self._short(self._mean),
            norm_low=self._short(low, 3),
            norm_high=self._short(high, 3),
            zero_by_distance=self._short(zero, 9) if zero.any() else [],
            zero_share=float(zero.mean()),
            subnormal_share=_subnormal(entries),
            naive_zero_from=next((d for d, no in zip(distance, naive, strict=True) if no), None),
            log_decay=[_slope(distance, row, dtype) for row in norms.tolist()],
        )

    def _twin(self, twin: PreTrainedModel, dtype: str, own: bool) -> None:
        """The same weights in float64, and the states, in the cell's own type and in float64."""
        designated, distance = self.designated, self.designated.distance.tolist()
        states: dict[str, Tensor] = {}
        if self.protocol["states"]:
            with self.subject.arm.trace(twin) as gradients:
                gradient = flow(twin, designated)
            for kind, layers in gradients().items():
                for number, layer in enumerate(layers, 1):
                    states[f"{kind}, layer {number}"] = designated.by_distance(layer)
        else:
            gradient = flow(twin, designated)
        norms = _norms(designated.by_distance(gradient))
        if own and states:
            apart = float((norms.mean(dim=0) - self._mean).abs().max())
            largest = float(self._mean.max())
            self._add(
                kernel_difference=apart / largest if largest else apart,
                state_zero_share=[float(_zero(state)) for state in states.values()],
                state_subnormal_share=[_subnormal(state) for state in states.values()],
            )
        if dtype == "float64":
            self._add(
                norm_float64=self._short(norms.mean(dim=0)),
                log_decay_float64=[_slope(distance, row) for row in norms.tolist()],
            )
        if states and dtype == max(self.twins):
            self.samples["states"] = list(states)
            self._add(state_norm=[self._short(_norms(s).mean(dim=0), 3) for s in states.values()])

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


def _rows(subject: Subject) -> Batch:
    """Validation rows of the cell's seed, over which a distance means the same for each.

    Without padding, which would end where it ends for each row. Where a head is asked for its last
    labelled answer, those of a thousand rows whose answer comes last: what lies farther back than
    the earliest of them is seen from no other.

    Raises:
        Unsupported: too few of a thousand fill their window.
    """
    count, seed = subject.cell.protocol["rows"], subject.cell.seed
    rows = subject.rows("validation", count, seed)
    padded = "attention_mask" in rows and not bool(rows["attention_mask"].all())
    if not padded and subject.head not in _EVERYWHERE:
        return rows
    rows = subject.rows("validation", tasks.BLOCK, seed)
    if padded:
        full = rows["attention_mask"].bool().all(dim=1).nonzero().flatten()
        if len(full) < count:
            raise Unsupported(
                f"a gradient's distance is measured on rows without padding. {subject.cell.task} "
                f"pads: of {tasks.BLOCK} rows {len(full)} fill T={subject.cell.length}, and "
                f"{count} are asked"
            )
        rows = {name: tensor[full] for name, tensor in rows.items()}
    if subject.head in _EVERYWHERE:
        late = _last_labelled(rows["labels"]).argsort(descending=True, stable=True)
        rows = {name: tensor[late] for name, tensor in rows.items()}
    return {name: rows[name][:count] for name in rows if name != "attention_mask"}


def _last_labelled(labels: Tensor) -> Tensor:
    """(rows,) the last position that has a label, of rows that have one."""
    return labels.shape[1] - 1 - (labels != tasks.IGNORED).flip(1).int().argmax(dim=1)


def _slope(distance: list[int], norms: list[float], dtype: str = "float64") -> float | None:
    """A row's change from token to token, see ``bench.probes.gradient.flow.log_decay``."""
    found = curves.log_decay(distance, norms, dtype)
    return None if found is None else float(short([found], 9)[0])


def _norms(entries: Tensor) -> Tensor:
    """(..., size) to (...), in float64 on the CPU.

    1e-40 vanishes when squared in float32, and 1e-170 in float64, whose largest entry is therefore
    taken out before squaring.
    """
    precise = entries.to("cpu", torch.float64)
    if entries.dtype != torch.float64:
        plain: Tensor = torch.linalg.vector_norm(precise, dim=-1)
        return plain
    largest = precise.abs().amax(dim=-1, keepdim=True)
    scale = torch.where((largest > 0) & largest.isfinite(), largest, 1.0)
    found: Tensor = torch.linalg.vector_norm(precise / scale, dim=-1) * scale.squeeze(-1)
    return found


def _zero(entries: Tensor, over: tuple[int, ...] = (0, 1, 2)) -> Tensor:
    """The share of entries that are exactly zero, over these dimensions."""
    left = entries.count_nonzero(dim=over).cpu()  # as a mean would need a copy in doubles
    return 1 - left.double() / math.prod(entries.shape[axis] for axis in over)


def _subnormal(entries: Tensor) -> float:
    """The share of entries that are subnormal numbers of their type."""
    small = entries.abs() < torch.finfo(entries.dtype).smallest_normal
    return float(small.logical_and_(entries != 0).count_nonzero()) / entries.numel()


@contextlib.contextmanager
def _random_numbers_kept(device: str) -> Iterator[None]:
    """What is drawn inside, by dropout or for weights, is not missed outside."""
    devices = [] if device == "cpu" else [torch.accelerator.current_device_index()]
    kind = {} if device == "cpu" else {"device_type": device}
    with torch.random.fork_rng(devices, **kind):
        yield
