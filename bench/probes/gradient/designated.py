"""Rows of which each has its loss at one position, from which a distance is counted."""

import inspect

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench import tasks
from bench.measure import objective
from bench.measure.subject import Batch, Subject
from bench.outcome import Unsupported
from models.autoclasses import SEQ2SEQ

#: Heads that answer at every position, and are asked for one answer here.
EVERYWHERE = ("AutoModelForTokenClassification", "AutoModelForCausalLM")


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
        if head in EVERYWHERE:
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
        if self._head in EVERYWHERE:
            at, kept = self._at, {}
            if "logits_to_keep" in inspect.signature(model.forward).parameters:
                positions, at = at.unique(return_inverse=True)
                kept = {"logits_to_keep": positions}
            logits = model(inputs_embeds=embeds, **kept).logits[self._row, at].to(embeds.dtype)
            return embeds, torch.nn.functional.cross_entropy(logits, self._label, reduction="sum")
        labels = rows["labels"][:, :1] if self._head == SEQ2SEQ else rows["labels"]
        return embeds, model(inputs_embeds=embeds, labels=labels).loss * len(embeds)

    def by_distance(self, values: Tensor) -> Tensor:
        """(rows, distances, size) of (rows, length, size)."""
        return values[self._row[:, None], self._order]


def flow(model: PreTrainedModel, designated: Designated, scale: float = 1.0) -> Tensor:
    """dL/de for every row and position; no parameter's gradient is touched.

    Args:
        model: any that takes ``inputs_embeds``.
        designated: rows, and where their losses are taken.
        scale: what losses are multiplied by for the backward, and the gradient divided by.

    Returns:
        (rows, length, embedding_size), in the model's dtype.
    """
    embeds, loss = designated.loss(model)
    (gradient,) = torch.autograd.grad(loss * scale, embeds)
    return gradient / scale


def drawn(subject: Subject) -> Batch:
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
    if not padded and subject.head not in EVERYWHERE:
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
    if subject.head in EVERYWHERE:
        late = _last_labelled(rows["labels"]).argsort(descending=True, stable=True)
        rows = {name: tensor[late] for name, tensor in rows.items()}
    return {name: rows[name][:count] for name in rows if name != "attention_mask"}


def _last_labelled(labels: Tensor) -> Tensor:
    """(rows,) the last position that has a label, of rows that have one."""
    return labels.shape[1] - 1 - (labels != tasks.IGNORED).flip(1).int().argmax(dim=1)
