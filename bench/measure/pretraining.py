"""Pretraining an arm here, on the training split's own text (Amos et al., 2024).

"Never train from scratch": much of what separates families trained from random weights is gone when
each is first pretrained on the task's own text by its usual objective. Every arm reads the same
windows in the same order, for the same number of tokens.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel, get_scheduler

import models.arms
from bench import tasks
from bench.data.contract import LIBRARY, OFFLINE
from bench.data.corpus import Corpus
from bench.measure import pretrained
from bench.measure.subject import Batch, Step, optimizer
from bench.outcome import CellError, Unsupported
from bench.store import provenance, sources
from bench.study import Cell, Pretraining
from models.checkpoints import TOKENIZER
from models.heads import GENERATING
from models.precision import PRECISIONS
from models.pretext import AUTOCLASSES, CONTINUATION, MASKED, Pretext

_PRECISION = PRECISIONS["float32"]
_CLIP_NORM = 1.0
_TRIAL = 10  # a trial of a learning rate has one step in so many of the pretraining
_WARMUP = 20  # and the rate rises in one in so many
_ROWS = 256  # of the validation split, that losses are compared on
_POINTS = 20  # of the loss, that are kept
_STREAMS = (0, 1)  # of random numbers: where windows begin, and what of them is hidden
#: What no text holds: a tokenizer's own mask, or a byte that UTF-8 never has, as a byte-level
#: vocabulary calls it.
_MASKS = ("[MASK]", "<mask>", "\u00ff")

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Recipe:
    """All that decides weights.

    Args:
        arm: whose body it is.
        pretext: the body, and what it is pretrained on.
        settings: of the comparison.
        data: the corpus, read through a tokenizer.
        framed: whether windows stand between the marks of a beginning and an end, as its tasks'.
        device: where the pretraining runs.
    """

    arm: str
    pretext: Pretext
    settings: Pretraining
    data: Corpus
    framed: bool
    device: str

    @cached_property
    def key(self) -> str:
        """Sixteen hex digits of the digest of all of it, and of the code that does it."""
        text = json.dumps(self.said | {"config": self.pretext.config.to_dict()}, sort_keys=True)
        return hashlib.sha256(f"{_code()} {text}".encode()).hexdigest()[:16]

    @cached_property
    def said(self) -> dict[str, Any]:
        """It in words and numbers, as a record and a card have it."""
        return {
            "arm": self.arm,
            "objective": self.pretext.objective,
            "settings": self.settings.model_dump(),
            "tokens": self.settings.steps * self.settings.batch_size * self.settings.length,
            "steps": self.settings.steps,
            "framed": self.framed,
            "device": self.device,
            "corpus": self.data.hash,
            "tokenizer": {
                "name": Path(self.data.tokenizer_name).name,
                "sha256": self.data.tokenizer_digest,
            },
            "mask": self.mask,
            "versions": provenance.versions(),
        }

    @cached_property
    def mask(self) -> int:
        """The id that hides a token."""
        known = Tokenizer.from_file(str(self.data.tokenizer))
        found = [known.token_to_id(name) for name in _MASKS]
        return next((index for index in found if index is not None), self.data.pad_id)

    def batches(self, split: str, steps: int, seed: int) -> Iterator[Batch]:
        """Batches of a split's text, the same windows for every arm."""
        begin, end = self.data.stretch(split)
        rows, length = self.settings.batch_size, self.settings.length
        if end - begin < length:
            raise Unsupported(
                f"expected {length} tokens of the {split} split to pretrain on. Got {end - begin}."
            )
        where, hidden = (np.random.default_rng([seed, stream]) for stream in _STREAMS)
        marks = (self.data.cls_id, self.data.sep_id, self.data.pad_id)
        for _ in range(steps):
            ids = self.data.windows(
                begin + where.integers(end - begin - length + 1, size=rows), length
            )
            if self.framed:
                ids[:, 0], ids[:, -1] = self.data.cls_id, self.data.sep_id
            found = self.pretext.rows(ids, self.mask, marks, hidden)
            yield {
                name: torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
                for name, array in found.items()
            }


@cache
def _code() -> str:
    """Digest of the models and of what trains them."""
    digest = hashlib.sha256()
    for name, of_file in sources.begun().digests.items():  # what this process has imported
        if not name.startswith("bench") or name.startswith("bench/measure/"):
            digest.update(of_file.encode())
    return digest.hexdigest()


def recipe(cell: Cell, config: dict[str, Any], data: Any) -> Recipe:
    """How the body of a cell's model is pretrained.

    Args:
        cell: of a comparison that asks for it.
        config: of its sized model.
        data: what its task's rows are cut from.

    Raises:
        Unsupported: its text is not the corpus's, or nothing would pretrain such a model.
    """
    asked = cell.model.pretraining
    assert asked is not None, "a comparison without pretraining has no recipe"
    if cell.data != OFFLINE or tasks.needs(cell.task) != LIBRARY:
        raise Unsupported(
            f"arms are pretrained on the text of the corpus. Task {cell.task!r} over {cell.data} "
            "has other text: leave pretraining out, or give it a comparison of its own."
        )
    head = tasks.load(cell.task, cell.data).HEAD
    try:
        pretext = models.arms.load(cell.arm).pretext(models.arms.config_from_dict(config), head)
    except models.arms.HeadError as error:
        raise Unsupported(f"{cell.arm} cannot be pretrained here: {error}") from None
    return Recipe(cell.arm, pretext, asked, data, head not in GENERATING, cell.device)


def make(recipe: Recipe, progress: Progress = lambda share: None) -> dict[str, Any]:
    """Pretrain, and keep the weights; what ``pretrained.read`` says of them.

    Raises:
        CellError: it diverged.
        Unavailable: the cache cannot be written.
    """
    started, asked = time.monotonic(), recipe.settings
    rates, total, before = asked.learning_rates, steps(asked), 0

    def train(rate: float, count: int) -> tuple[PreTrainedModel, list[list[float]]]:
        return _train(recipe, rate, count, lambda done: progress((before + done) / total))

    trials: list[tuple[float, float]] = []  # learning rates and the loss that each led to
    if len(rates) > 1:
        for rate in rates:
            model, _ = train(rate, short(asked))
            trials.append((rate, _loss(recipe, model)))
            before += short(asked)
    rate = min(trials, key=lambda trial: trial[1])[0] if trials else rates[0]
    model, losses = train(rate, asked.steps)
    loss = _loss(recipe, model)
    if not math.isfinite(loss):
        raise CellError(f"pretraining diverged at learning rate {rate:g}")
    made = recipe.said | {
        "learning_rate": rate,
        "trials": [[rate, loss if math.isfinite(loss) else None] for rate, loss in trials],
        "losses": losses,
        "loss": loss,
        "seconds": time.monotonic() - started,
    }
    model.config.architectures = [type(model).__name__]
    files = [recipe.data.tokenizer.parent / name for name in TOKENIZER]
    return pretrained.write(
        recipe.key, model, [f for f in files if f.is_file()], made, _card(recipe, made)
    )


def step_s(recipe: Recipe) -> float:
    """Seconds of one step, measured here; the first, which warms up, is left out."""
    model = _PRECISION.put(recipe.pretext.build(0), recipe.device)
    step = Step(model.train(), _head(recipe), optimizer(model, 1e-5), _CLIP_NORM)
    for batch in recipe.batches("train", 2, seed=0):
        started = time.perf_counter()
        float(step(batch)[0])  # reading a number waits for the device
    return time.perf_counter() - started


def steps(settings: Pretraining) -> int:
    """All steps of a pretraining, trials included."""
    rates = len(settings.learning_rates)
    return settings.steps + (rates * short(settings) if rates > 1 else 0)


def short(settings: Pretraining) -> int:
    """Steps of the trial of a learning rate."""
    return max(1, settings.steps // _TRIAL)


def _head(recipe: Recipe) -> str:
    return str(AUTOCLASSES[recipe.pretext.objective].__name__)


def _train(
    recipe: Recipe, rate: float, count: int, done: Callable[[int], None]
) -> tuple[PreTrainedModel, list[list[float]]]:
    """A model after so many steps, and some of its training losses, each with its step.

    The rate rises and then falls along a cosine. What diverges is trained on, and has no loss.
    """
    model = _PRECISION.put(recipe.pretext.build(recipe.settings.seed), recipe.device).train()
    adam = optimizer(model, rate)
    step = Step(model, _head(recipe), adam, _CLIP_NORM)
    schedule = get_scheduler("cosine", adam, -(-count // _WARMUP), count)
    every, losses, since = max(1, count // _POINTS), [], list[Tensor]()
    for number, batch in enumerate(recipe.batches("train", count, recipe.settings.seed), start=1):
        since.append(step(batch)[0])
        schedule.step()
        if number % every == 0 or number == count:
            losses.append([number, float(f"{float(torch.stack(since).mean()):.7g}")])
            since = []
            done(number)
    return model, losses


@torch.inference_mode()
def _loss(recipe: Recipe, model: PreTrainedModel) -> float:
    """Mean loss on text of the validation split; infinite where it is no number."""
    model.eval()
    batches = recipe.batches("validation", -(-_ROWS // recipe.settings.batch_size), seed=0)
    found = float(torch.stack([model(**batch).loss for batch in batches]).mean())
    return found if math.isfinite(found) else math.inf


_CARD = """\
---
library_name: transformers
tags: [{tag}, pretrained-from-scratch]
---

# {arm}, pretrained on the Python standard library

{objective} on the training split of the standard library's own text, and nothing else, as a start
for tasks cut from the same text. Made by rnn-vs-transformer to compare architectures; of no use
beyond that.
{usage}
| | |
| --- | --- |
| objective | {said} |
| text | the corpus of hash `{corpus}`, training split |
| tokenizer | {tokenizer}, SHA-256 `{tokenizer_sha256}` |
| tokens | {tokens:,}: {steps:,} steps of {batch_size} windows of {length} tokens{framed} |
| optimizer | AdamW, gradients clipped to a norm of {clip:g}; learning rate {rate:g}, \
risen over the first {warmup:,} steps, then along a cosine to zero |
| learning rates tried | {trials} |
| seed | {seed} |
| device | {device} |
| loss on the validation split | {loss:.4f} nats a predicted token |
| training loss by step | {losses} |
| made with | {versions} |
"""
_USAGE = """
```python
import models  # registers recurrent networks with the AutoClasses
from transformers import AutoModelForSequenceClassification

model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=8)
```
"""


def _card(recipe: Recipe, made: dict[str, Any]) -> str:
    """What a person reads beside the weights."""
    asked, objective = recipe.settings, recipe.pretext.objective
    hides = f"; token {recipe.mask} hides others" if objective == MASKED else ""
    tried = [
        f"{rate:g}: {'diverged' if loss is None else f'{loss:.4f}'}"
        for rate, loss in made["trials"]
    ]
    return _CARD.format(
        tag=objective.replace(" ", "-"),
        arm=recipe.arm,
        objective=objective.capitalize(),
        usage="" if objective == CONTINUATION else _USAGE,
        said=objective + hides,
        corpus=made["corpus"],
        tokenizer=made["tokenizer"]["name"],
        tokenizer_sha256=made["tokenizer"]["sha256"],
        tokens=made["tokens"],
        steps=made["steps"],
        batch_size=asked.batch_size,
        length=asked.length,
        framed=", the marks of a beginning and an end included" if recipe.framed else "",
        clip=_CLIP_NORM,
        rate=made["learning_rate"],
        warmup=-(-made["steps"] // _WARMUP),
        trials="; ".join(tried) or "none",
        seed=asked.seed,
        device=recipe.device,
        loss=made["loss"],
        losses=", ".join(f"{step:,}: {loss:.3f}" for step, loss in made["losses"]),
        versions=", ".join(f"{name} {version}" for name, version in made["versions"].items()),
    )
