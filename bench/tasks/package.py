"""Which package of the standard library does this window of T tokens come from?

One row at T=16, its tokens as the tokenizer prints them:

    input_ids  [CLS] : " " " return a context manager that will return the enclosed block [SEP]
    labels     unittest

Windows are cut from all files of a package in a split, one after the other with ``[SEP]`` between;
the eight packages are those that every CPython since 3.11 has with 8,192 tokens in each split.
Labels are balanced, so the floor is one in eight.
"""

import numpy as np

from bench.data.corpus import Corpus
from bench.tasks import LengthError, Rows

HEAD = "AutoModelForSequenceClassification"
KIND = "real"
METRIC = "accuracy"
FLOOR = 0.125
SOLVED = 0.9  # ours
NEEDS = "library"
LENGTHS = (16, 8192)
LABELS = (
    "asyncio",
    "email",
    "encodings",
    "idlelib",
    "multiprocessing",
    "tkinter",
    "unittest",
    "xml",
)
EXPECTED = "either: the words of a window give its package away, their order hardly matters"


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``[CLS]`` + ``length`` - 2 tokens + ``[SEP]``, and the index of the package.

    Every eight rows hold each package once. Within a package every window of the split is equally
    likely.

    Raises:
        LengthError: a package is not that long in this split.
    """
    size = length - 2
    bounds = data.cached(("package", split), lambda: _bounds(data, split))
    windows = bounds[:, 1] - bounds[:, 0] - size + 1
    if windows.min() < 1:
        raise LengthError(
            f"task 'package': the {split} split of {LABELS[windows.argmin()]!r} has no window of "
            f"{length} tokens; its longest is {length + windows.min() - 1}."
        )
    order, place = generator.spawn(2)
    blocks = np.tile(np.arange(len(LABELS)), (-(-count // len(LABELS)), 1))
    labels = order.permuted(blocks, axis=1).reshape(-1)[:count]
    starts = bounds[labels, 0] + (place.random(count) * windows[labels]).astype(np.int64)
    input_ids = np.empty((count, length), dtype=np.int64)
    input_ids[:, 0], input_ids[:, -1] = data.cls_id, data.sep_id
    input_ids[:, 1:-1] = data.windows(starts, size)
    return {"input_ids": input_ids, "labels": labels}


def _bounds(data: Corpus, split: str) -> np.ndarray:
    """(packages, 2): where each begins and ends."""
    return np.asarray([data.stretch(split, package=package) for package in LABELS])
