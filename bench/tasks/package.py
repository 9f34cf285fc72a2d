"""Which package of the standard library does this window of T tokens come from?

One row at T=16, its tokens as the tokenizer prints them:

    input_ids  [CLS] create _ connection def set _ tunnel ( self , host , port = [SEP]
    label      http
"""

import numpy as np

from bench.tasks import LengthError, Rows
from bench.tasks.corpus import Corpus

HEAD = "AutoModelForSequenceClassification"
METRIC = "accuracy"
FLOOR = 0.125
SOLVED = 0.95
KIND = "real"
NEEDS = "library"
LENGTHS = (16, 2048)
LABELS = ("asyncio", "email", "http", "importlib", "multiprocessing", "unittest", "urllib", "xml")
EXPECTED = "either: the words of a window give its package away, their order hardly matters"


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """Windows of one file each, ``[CLS]`` + ``length`` - 2 tokens + ``[SEP]``.

    Labels are balanced: every eight rows hold each package once. Within a package every window
    of the split is equally likely.

    Raises:
        LengthError: a package has no file that long in this split.
    """
    size = length - 2
    order, place = generator.spawn(2)
    blocks = np.tile(np.arange(len(LABELS)), (-(-count // len(LABELS)), 1))
    labels = order.permuted(blocks, axis=1).reshape(-1)[:count]
    fractions = place.random(count)
    starts = [_starts(data, split, package, size) for package in LABELS]
    input_ids = np.empty((count, length), dtype=np.int64)
    input_ids[:, 0], input_ids[:, -1] = data.cls_id, data.sep_id
    for row, (label, fraction) in enumerate(zip(labels, fractions, strict=True)):
        offsets, ends = starts[label]
        window = int(fraction * ends[-1])
        file = int(np.searchsorted(ends, window, side="right"))
        start = offsets[file] + window - (ends[file - 1] if file else 0)
        input_ids[row, 1:-1] = data.tokens[start : start + size]
    return {"input_ids": input_ids, "labels": labels.astype(np.int64)}


def _starts(corpus: Corpus, split: str, package: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of the package's long enough files, and how many windows there are up to each."""
    files = corpus.files(split, package)
    windows = [corpus.sizes[file] - size + 1 for file in files]
    kept = [(corpus.offsets[f], n) for f, n in zip(files, windows, strict=True) if n > 0]
    if not kept:
        longest = max((int(corpus.sizes[file]) for file in files), default=0) + 2
        raise LengthError(
            f"task 'package': the {split} split of {package!r} has no window of {size + 2} "
            f"tokens; its longest is {longest}."
        )
    offsets, counts = zip(*kept, strict=True)
    return np.asarray(offsets), np.cumsum(counts)
