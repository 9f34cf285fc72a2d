"""Next token of the standard library's source, the manual that it carries included.

One row at T=16, its tokens as the tokenizer prints them; the labels are the same tokens, which
Hugging Face shifts by one inside:

    input_ids  ` f ` argument must be it ##era ##ble , returning one line at a time

Bits per byte are bits per token times the library's tokens per byte of source. The tokenizer drops
case and white space, so they compare models that read through it, and no compressors. The floor is
what the best guess without looking at the context scores: on the test split, every token's
frequency in the training split (plus one). It is a measured property of the library, not a constant
of the task; a test measures it again and allows other versions of Python 2%.
"""

import numpy as np

from bench.tasks import LengthError, Rows
from bench.tasks.corpus import Corpus

HEAD = "AutoModelForCausalLM"
METRIC = "bits per byte"
FLOOR = 2.36
SOLVED = None
KIND = "real"
NEEDS = "library"
LENGTHS = (16, 4096)
LABELS = ()
EXPECTED = "transformer at long windows: names come back from far up, and attention copies them"


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """Windows of ``length`` tokens, each of one file; every window of the split is equally likely.

    Raises:
        LengthError: no file of this split is that long.
    """
    files = np.flatnonzero(np.asarray(data.split) == split)
    windows = np.maximum(data.sizes[files] - length + 1, 0)
    ends = np.cumsum(windows)
    if not ends[-1]:
        raise LengthError(
            f"task 'language': the {split} split has no window of {length} tokens; its longest is "
            f"{data.sizes[files].max()}."
        )
    chosen = (generator.random(count) * ends[-1]).astype(np.int64)
    place = np.searchsorted(ends, chosen, side="right")
    starts = data.offsets[files[place]] + chosen - (ends - windows)[place]
    input_ids = data.tokens[starts[:, None] + np.arange(length)].astype(np.int64)
    return {"input_ids": input_ids, "labels": input_ids.copy()}
