"""The tasks: one file each, and this folder is their registry.

A task file says literally what it is, so that it can be listed without importing anything:

- ``HEAD``: the AutoClass whose head it needs; ``LABELS``: its classes, if it has any
- ``METRIC``, ``FLOOR``: what is scored, and what the best guess without looking scores
- ``TARGET_LENGTH``: tokens of a target, where there is one beside the window
- ``LENGTHS``: least and largest window, in tokens
- ``EXPECTED``: which side should win, and why

and defines ``rows(corpus, split, length, count, seed)``.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from bench.tasks.corpus import Corpus


class LengthError(ValueError):
    """A window longer than the corpus has."""


@dataclass(frozen=True)
class Rows:
    """Rows of a task.

    Args:
        input_ids: (count, length) token ids, no padding.
        labels: what is to be predicted: class indices, (count,); the tokens themselves of a causal
            language model, (count, length), which Hugging Face shifts inside; or a target's tokens,
            (count, target length), -100 where there is nothing to learn.
    """

    input_ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


class Task(Protocol):
    """What a task file provides."""

    HEAD: str
    METRIC: str
    FLOOR: float
    LENGTHS: tuple[int, int]
    LABELS: tuple[str, ...]

    def rows(self, corpus: Corpus, split: str, length: int, count: int, seed: int) -> Rows:
        """``count`` rows of a split. The first n are the same whatever the count."""
        ...


def load(name: str) -> Task:
    """The task that the file of this name defines."""
    module: Any = import_module(f"{__name__}.{name}")
    return cast("Task", module)
