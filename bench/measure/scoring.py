"""How well a model does a task, by the task's own metric.

What a model says is gathered head by head and handed to :mod:`bench.data.metrics`, so that no
head scores itself. A causal language model's bits per byte and the nats of a copied memory are its
loss in other units.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from bench import tasks
from bench.data import metrics
from bench.measure import objective
from bench.measure.objective import Batch
from bench.measure.subject import Subject, split
from models.autoclasses import IMAGE_TEXT, SEQ2SEQ


@dataclass(frozen=True)
class Score:
    """What rows score.

    Args:
        loss: mean loss, over rows or over labelled positions as the model takes it.
        metric: the task's metric.
        others: further metrics of the head, by name.
    """

    loss: float
    metric: float
    others: dict[str, float] = field(default_factory=dict)


def evaluate(subject: Subject, model: PreTrainedModel, rows: Batch, batch_size: int) -> Score:
    """Loss and metrics over rows; dropout is off, and the model is left in training mode."""
    model.eval()
    try:
        with torch.inference_mode():
            return _READERS.get(subject.head, _classes)(subject, model, rows, batch_size)
    finally:
        model.train()


def _score(subject: Subject, loss: float, found: dict[str, float]) -> Score:
    """The task's metric apart from the others that its head has."""
    name = subject.task.METRIC
    if name not in found:
        raise ValueError(
            f"task {subject.cell.task!r}: expected one of the metrics of {subject.head}: "
            f"{', '.join(found)}. Got {name!r}."
        )
    return Score(loss, found[name], {other: found[other] for other in found if other != name})


def _computed(names: tuple[str, ...], truth: Any, guess: Any) -> dict[str, float]:
    return {name: metrics.METRICS[name](truth, guess) for name in names}


def _mean(pairs: list[tuple[Tensor, int]]) -> float:
    """Mean of means, each over so many items."""
    total = sum(count for _, count in pairs)
    return float(sum(value.double() * count for value, count in pairs)) / total


def _array(parts: list[Tensor]) -> npt.NDArray[Any]:
    joined = torch.cat(parts).cpu()
    found: npt.NDArray[Any] = (joined.float() if joined.is_floating_point() else joined).numpy()
    return found


def _outputs(model: PreTrainedModel, rows: Batch, batch_size: int) -> Iterator[tuple[Batch, Any]]:
    for batch in split(rows, batch_size):
        yield batch, model(**objective.inputs(model, batch), **objective.targets(batch))


def _classes(subject: Subject, model: PreTrainedModel, rows: Batch, batch_size: int) -> Score:
    """Classes of rows or of tokens, the next token included, or a number for each row."""
    next_token = subject.head == "AutoModelForCausalLM"
    losses, truth, guess = [], [], []
    for batch, output in _outputs(model, rows, batch_size):
        labels, logits = batch["labels"], output.logits
        if labels.is_floating_point():
            losses.append((output.loss, len(labels)))
            truth.append(labels)
            guess.append(logits.squeeze(-1))
            continue
        if next_token:
            labels, logits = labels[:, 1:], logits[:, :-1]
        here = labels != tasks.IGNORED
        losses.append((output.loss, int(here.sum())))
        truth.append(labels[here])
        guess.append(logits.argmax(-1)[here])
    loss = _mean(losses)
    if rows["labels"].is_floating_point():
        return _score(
            subject, loss, _computed(("mean squared error",), _array(truth), _array(guess))
        )
    found = _computed(("accuracy",), _array(truth), _array(guess))
    if subject.task.LABELS:
        found |= _computed(("macro-F1",), _array(truth), _array(guess))
    found["nats"] = loss
    if next_token and hasattr(subject.data, "tokens_per_byte"):
        found["bits per byte"] = loss / math.log(2) * subject.data.tokens_per_byte
    return _score(subject, loss, found)


def _spans(subject: Subject, model: PreTrainedModel, rows: Batch, batch_size: int) -> Score:
    """The likeliest span of each row whose end is not before its start."""
    losses, guess = [], []
    for _, output in _outputs(model, rows, batch_size):
        start, end = output.start_logits, output.end_logits
        losses.append((output.loss, len(start)))
        # The best start for every end is the largest so far.
        best, position = start.cummax(dim=1)
        last = (best + end).argmax(dim=1, keepdim=True)
        guess.append(torch.cat([position.gather(1, last), last], dim=1))
    truth = torch.stack([rows["start_positions"], rows["end_positions"]], dim=1)
    found = _computed(("span F1", "exact match"), _array([truth]), _array(guess))
    return _score(subject, _mean(losses), found)


def _texts(subject: Subject, model: PreTrainedModel, rows: Batch, batch_size: int) -> Score:
    """What is written greedily, as text."""
    config = model.config
    greedy = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=rows["labels"].shape[1],
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
        bos_token_id=getattr(config, "bos_token_id", None),
        decoder_start_token_id=config.decoder_start_token_id,
    )
    losses, truth, guess = [], [], []
    for batch, output in _outputs(model, rows, batch_size):
        losses.append((output.loss, int((batch["labels"] != tasks.IGNORED).sum())))
        read = objective.inputs(model, batch)
        written = cast("Any", model).generate(**read, generation_config=greedy)[:, 1:]
        truth += [_line(subject, ids) for ids in batch["labels"].tolist()]
        guess += [_line(subject, ids) for ids in written.tolist()]
    return _score(subject, _mean(losses), _computed(("chrF", "exact match"), truth, guess))


def _line(subject: Subject, ids: list[int]) -> str:
    """The text of ids up to their end."""
    vocabulary = tasks.vocabulary(subject.task, subject.data)
    kept = []
    for token in ids:
        if token in (vocabulary.eos, tasks.IGNORED):
            break
        if token != vocabulary.pad:
            kept.append(token)
    text: str = subject.data.decode(kept)
    return text


def _found(subject: Subject, model: PreTrainedModel, rows: Batch, batch_size: int) -> Score:
    """Every query against every window."""
    queries, windows = [], []
    for batch in split(rows, batch_size):
        query, window = objective.sentence_embeddings(model, batch)
        queries.append(query)
        windows.append(window)
    similarity = torch.cat(queries).float() @ torch.cat(windows).float().T
    right = np.eye(len(similarity), dtype=bool)
    loss = float(objective.contrastive(similarity / objective.TEMPERATURE))
    found = _computed(("MRR", "recall@1"), right, similarity.cpu().numpy())
    return _score(subject, loss, found)


def _matched(subject: Subject, model: PreTrainedModel, rows: Batch, batch_size: int) -> Score:
    """Every caption against the images of its group, and every image against all captions."""
    losses, images, texts = [], [], []
    for batch in split(rows, batch_size):
        output = model(**objective.inputs(model, batch), return_loss=True)
        losses.append((output.loss, len(output.image_embeds)))
        images.append(output.image_embeds)
        texts.append(output.text_embeds)
    image, text = torch.cat(images).float(), torch.cat(texts).float()
    similarity = (text @ image.T).cpu().numpy()  # (captions, images)
    captions = rows["input_ids"].cpu().numpy()
    _, first, which = np.unique(captions, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    group = np.arange(len(which)) // (getattr(subject.task, "GROUP", None) or len(which))
    near = group[:, None] == group[None]
    right = (which[:, None] == which[None]) & near
    found = _computed(("recall@1",), right, np.where(near, similarity, -np.inf))
    found |= _computed(("zero-shot accuracy",), which, similarity[first].argmax(axis=0))
    return _score(subject, _mean(losses), found)


_READERS = {
    "AutoModelForQuestionAnswering": _spans,
    SEQ2SEQ: _texts,
    "AutoModel": _found,
    IMAGE_TEXT: _matched,
}
