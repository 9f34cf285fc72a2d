"""Next token of the standard library's source, and of the manual that it carries.

One row at T=16, its tokens as the tokenizer prints them; the labels are the same tokens, which
Hugging Face shifts by one inside:

    input_ids  self . _ undo ##go ##to ( data ) eli ##f action in [ " wr

Windows are cut from all documents of a split, one after the other with the tokenizer's end between
(``[SEP]`` here): the sources, then the pages of ``pydoc_data.topics``, one token in thirty.

Bits per byte are bits per token times the library's tokens per byte. The bundled checkpoint's
tokenizer drops case and white space, so through it they compare models, and no compressors; the
corpus's own drops nothing, nor does GPT-2's. The floor is what the best guess without looking at
the context scores: on the test split, every token's frequency in the training split (plus one). It
is a measured property of the library and of a tokenizer, counted for these two; a test measures it
again and allows other versions of Python 2%. Through another checkpoint's tokenizer there is none.
"""

import numpy as np

from bench.data.corpus import Corpus
from bench.tasks import LengthError, Rows

HEAD = "AutoModelForCausalLM"
KIND = "real"
METRIC = "bits per byte"
FLOOR = 2.39
CORPUS_FLOOR = 2.80
SOLVED = None  # text has no right answer to reach
NEEDS = "library"
LENGTHS = (16, 16384)
LABELS = ()
EXPECTED = "transformer at long windows: names come back from far up, and attention copies them"


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """Windows of ``length`` tokens; every window of the split is equally likely.

    Raises:
        LengthError: the split is not that long.
    """
    begin, end = data.cached(("language", split), lambda: data.stretch(split))
    windows = end - begin - length + 1
    if windows < 1:
        raise LengthError(
            f"task 'language': the {split} split has no window of {length} tokens; its longest is "
            f"{end - begin}."
        )
    input_ids = data.windows(begin + (generator.random(count) * windows).astype(np.int64), length)
    return {"input_ids": input_ids, "labels": input_ids.copy()}
