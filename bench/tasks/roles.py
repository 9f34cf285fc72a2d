"""Role of every token of Python source: what is defined, called, imported, a string, and so on.

One row at T=21, its tokens as the tokenizer prints them; ``-`` is what the loss passes over:

    input_ids  [CLS] ##m    '      ,        '      .      av     ##i    '      :        '
    labels     -     string string operator string string string string string operator string
    input_ids  video  /      x      -      ms     ##vid  ##eo   '      ,        [SEP]
    labels     string string string string string string string string operator -

A sub-word token has the role of the Python token that it is part of, by ``tokenize`` and ``ast``.
Names differ by what stands around them, which is near; a string or a docstring by what opened it,
which may be far up or before the window. Windows are cut from all sources of a split, one after the
other with ``[SEP]`` between. The floor is the most that one role, said of every token, scores on
the test split; a test measures it again and allows other versions of Python 10%.
"""

import numpy as np

from bench.data.corpus import Corpus
from bench.tasks import IGNORED, LengthError, Rows

HEAD = "AutoModelForTokenClassification"
KIND = "real"
METRIC = "macro-F1"
FLOOR = 0.0254
SOLVED = 0.9  # ours
NEEDS = "library"
LENGTHS = (16, 8192)
LABELS = (
    "function",
    "class",
    "parameter",
    "import",
    "attribute",
    "call",
    "name",
    "keyword",
    "string",
    "docstring",
    "number",
    "comment",
    "operator",
)
EXPECTED = (
    "either where it reads both ways: most roles are decided by the nearest tokens; one that reads "
    "from the left only cannot see that a name is called"
)


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``[CLS]`` + ``length`` - 2 tokens + ``[SEP]``, and the role of each; windows equally likely.

    Raises:
        LengthError: the split's sources are not that long.
    """
    size = length - 2
    begin, end = data.cached(("roles", split), lambda: data.stretch(split, prose=False))
    windows = end - begin - size + 1
    if windows < 1:
        raise LengthError(
            f"task 'roles': the {split} split has no window of {length} tokens; its longest is "
            f"{end - begin + 2}."
        )
    starts = begin + (generator.random(count) * windows).astype(np.int64)
    input_ids = np.empty((count, length), dtype=np.int64)
    input_ids[:, 0], input_ids[:, -1] = data.cls_id, data.sep_id
    input_ids[:, 1:-1] = data.windows(starts, size)
    labels = np.full((count, length), IGNORED, dtype=np.int64)
    labels[:, 1:-1] = np.lib.stride_tricks.sliding_window_view(data.roles, size)[starts]
    return {"input_ids": input_ids, "labels": labels}
