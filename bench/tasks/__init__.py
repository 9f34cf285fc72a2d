"""The tasks: one file each, and this folder is their registry.

A task file says literally what it is, so that it can be listed without importing anything:

- ``HEAD``: the AutoClass whose head it needs; ``LABELS``: its classes, if it has any
- ``KIND``: ``real`` text or images, a ``diagnostic`` with a known answer, or a ``control``
- ``METRIC``, ``FLOOR``: what is scored, a name of :mod:`bench.data.metrics`, and what the best
  guess without looking scores: a number, or a formula in T with ``floor(length)`` beside it;
  ``CORPUS_FLOOR``, where it is another with the corpus's own tokenizer
- ``SOLVED``: the score from which the task counts as solved, None where nobody solves it
- ``LENGTHS``: least and largest window, in tokens
- ``EXPECTED``: which side should win, why, and where that was seen
- ``NEEDS``: what its rows are cut from: ``library``, ``digits`` (whose captions are the task's
  ``CAPTIONS``), or None for generated ones
- ``VOCABULARY`` and ``SYMBOLS``: token ids of its own and how each is printed, id 0 for padding;
  or ``FEATURES``: numbers at each position; with neither it is read through the tokenizer
- ``CHANNELS``: colours of its images, one where it is not said
- ``TARGET_LENGTH``, ``QUERY_LENGTH``: tokens of a target or a query beside the window
- ``GROUP``: rows among which each is to be found, all where it is not said; ``chance(candidates)``
  is what a random order scores
- ``needed(length)``: the distance, in tokens, that must be bridged to solve it, where that is known

and defines ``rows(data, split, length, count, generator)``.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from bench import registry
from bench.data.contract import CHECKPOINT, CORPUS, IGNORED, OFFLINE, SPLITS, LengthError, Rows
from models import extensions

if TYPE_CHECKING:
    from models.checkpoints import Checkpoint

__all__ = [
    "BLOCK",
    "IGNORED",
    "OFFLINE",
    "SPLITS",
    "LengthError",
    "Rows",
    "Task",
    "Vocabulary",
    "draw",
    "floor",
    "load",
    "needs",
    "open_data",
    "reads_text",
    "size",
    "vocabulary",
]

#: Rows that one generator draws; a row is the same whatever else is drawn.
BLOCK = 1000


class Task(Protocol):
    """What a task file provides."""

    HEAD: str
    KIND: str
    METRIC: str
    FLOOR: float | str
    SOLVED: float | None
    LENGTHS: tuple[int, int]
    LABELS: tuple[str, ...]

    def rows(
        self, data: Any, split: str, length: int, count: int, generator: np.random.Generator
    ) -> Rows:
        """``count`` rows of a split, all randomness the generator's.

        The first n are the same whatever the count.

        Raises:
            LengthError: the data has no such window.
        """
        ...


@dataclass(frozen=True)
class Vocabulary:
    """Token ids that a model reads.

    Args:
        size: how many, padding's included.
        pad, bos, eos: ids of marks; those of a start and an end where the task has them.
        own: whether they are the task's own and mean nothing to a tokenizer.
    """

    size: int
    pad: int = 0
    bos: int | None = None
    eos: int | None = None
    own: bool = False


def load(name: str, data: str = OFFLINE) -> Task:
    """The task of this name over the offline data, or over a data set of the hub.

    Raises:
        ValueError: no such data set, or one of another task.
    """
    if data != OFFLINE:
        from bench.data.hub import catalogue
        from bench.data.hub.task import task as of_hub

        catalogue.find(data, name)
        return cast("Task", of_hub(data))
    module: Any = import_module(extensions.module(__name__, name))
    return cast("Task", module)


def needs(name: str) -> str | None:
    """What the rows of a task are cut from, None for what is generated."""
    found: str | None = registry.tasks()[name].literals.get("NEEDS")
    return found


def reads_text(name: str) -> bool:
    """Whether a task is read through a tokenizer; others have symbols or numbers of their own."""
    literals = registry.tasks()[name].literals
    return "VOCABULARY" not in literals and "FEATURES" not in literals


def open_data(name: str, data: str, library: str, tokenizer: str = CHECKPOINT) -> Any:
    """What ``rows`` of a task takes, opened from the cache or built.

    Args:
        name, data: of the task.
        library: what :func:`bench.data.corpus.fingerprint` returned.
        tokenizer: ``corpus``, ``checkpoint`` for the bundled one's, or a checkpoint's name, where
            the task is read through one.

    Raises:
        CorpusError, DigitsError, CheckpointError: it cannot be had.
    """
    if data != OFFLINE:
        from bench.data.hub.task import task as of_hub

        return of_hub(data).open(_tokenizer(tokenizer, library))
    need = needs(name)
    if need is None:
        return None
    if need == "digits":
        from bench.data import digits

        task: Any = load(name)
        return digits.open_digits(task.CAPTIONS, task.QUERY_LENGTH, _tokenizer(tokenizer, library))
    from bench.data import corpus

    return corpus.load(library, None if tokenizer == CORPUS else _checkpoint(tokenizer))


def _tokenizer(name: str, library: str) -> Path:
    """The folder of a tokenizer."""
    if name != CORPUS:
        from models.checkpoints import tokenizer

        return tokenizer(_checkpoint(name))[0]
    from bench.data.corpus import vocabulary

    return vocabulary.folder(library)


def _checkpoint(name: str) -> "Checkpoint":
    from models.checkpoints import MINILM, find

    return MINILM if name == CHECKPOINT else find(name)


def vocabulary(task: Task, data: Any) -> Vocabulary:
    """The token ids of a task: its own, or the tokenizer's through which the data is read."""
    own: int | None = getattr(task, "VOCABULARY", None)
    if own is not None:
        return Vocabulary(own, own=True)
    if getattr(task, "FEATURES", None):
        return Vocabulary(1, own=True)
    return Vocabulary(data.vocab_size, data.pad_id, data.cls_id, data.sep_id)


def floor(
    task: Task, length: int, candidates: int | None = None, tokenizer: str = CHECKPOINT
) -> float | None:
    """What the best guess without looking scores on windows of this length.

    None where that depends on the tokenizer and was counted for the suite's own two only.

    Args:
        task: whose floor.
        length: tokens of a window.
        candidates: how many rows there are to choose from, where the task is to find one.
        tokenizer: that it is read through, as of ``open_data``.
    """
    chance: Callable[[int], float | None] = getattr(task, "chance", lambda candidates: None)
    found = None if candidates is None else chance(candidates)
    if found is not None:
        return found
    given, other = task.FLOOR, getattr(task, "CORPUS_FLOOR", None)
    if other is not None and tokenizer != CHECKPOINT:
        if tokenizer != CORPUS:
            return None
        given = other
    if isinstance(given, str):
        return float(cast("Any", task).floor(length))
    return float(given)


def draw(
    task: str | Task, data: Any, split: str, length: int, count: int, seed: int, first: int = 0
) -> Rows:
    """``count`` rows from ``first`` on, the same whatever is drawn beside them.

    Args:
        task: its name or itself.
        data: what it is cut from.
        split: one of ``SPLITS``; length: tokens of a window.
        count, first, seed: which rows.

    Raises:
        LengthError: the data has no such window.
        ValueError: an unknown split.
    """
    if split not in SPLITS:
        raise ValueError(registry.unknown("split", split, SPLITS))
    found = load(task) if isinstance(task, str) else task
    name = str(getattr(found, "__name__", type(found).__name__)).rpartition(".")[2]
    drawn: Rows = {}
    for block in range(first // BLOCK, (first + max(count, 1) - 1) // BLOCK + 1):
        start, stop = max(first - block * BLOCK, 0), min(first + count - block * BLOCK, BLOCK)
        key = [seed, SPLITS.index(split), length, block, zlib.crc32(name.encode())]
        generator = np.random.default_rng(np.random.SeedSequence(key))
        rows = {k: a[start:] for k, a in found.rows(data, split, length, stop, generator).items()}
        if stop - start == count:
            return rows
        if not drawn:  # all of it at once, so that more rows than memory holds are refused here
            drawn = {k: np.empty((count, *a.shape[1:]), a.dtype) for k, a in rows.items()}
        place = block * BLOCK + start - first
        for k, array in rows.items():
            drawn[k][place : place + stop - start] = array
    return drawn


def size(rows: Any) -> int:
    """How many rows there are."""
    return len(next(iter(rows.values())))
