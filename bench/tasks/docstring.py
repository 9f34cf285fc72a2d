"""First line of a function's docstring, from the function's source with the docstring taken out.

One row at T=18, its tokens as the tokenizer prints them:

    input_ids  def get ( self , key , default = none ) : return self . at ##tri ##b
    labels     get element attribute . [SEP]

The window is the function from its ``def`` on, then what follows it in its file and, after a
``[SEP]``, in the next of the split, so that the same functions are asked about at every T. No
docstring stands in it, neither the function's own nor another's. Labels end in ``[SEP]`` where the
line has room for it, and are -100 from there to 32 tokens; one line in two thousand is longer. The
floor is what the best guess without looking scores on the test split: of the training split's lines
the one with the highest chrF. A test counts it again and allows other versions of Python 10%.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.data.corpus import Corpus
from bench.tasks import IGNORED, LengthError, Rows

HEAD = "AutoModelForSeq2SeqLM"
KIND = "real"
METRIC = "chrF"
FLOOR = 0.186
SOLVED = None  # a function has more than one good description
NEEDS = "library"
LENGTHS = (16, 8192)
LABELS = ()
TARGET_LENGTH = 32
EXPECTED = "transformer: a first line repeats names of the source, and attention copies them"


@dataclass(frozen=True)
class _Table:
    """The functions of a split.

    Args:
        start: of each function in the corpus's code.
        reach: tokens from there to the end of the split.
        labels: (count, TARGET_LENGTH).
    """

    start: npt.NDArray[np.int64]
    reach: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """Functions with ``length`` tokens up to the split's end, each equally likely.

    Raises:
        LengthError: no function of this split has as many.
    """
    table = data.cached(("docstring", split), lambda: _table(data, split))
    kept = data.cached(("docstring", split, length), lambda: np.flatnonzero(table.reach >= length))
    if not len(kept):
        raise LengthError(
            f"task 'docstring': the {split} split has no window of {length} tokens; its longest is "
            f"{table.reach.max()}."
        )
    chosen = kept[(generator.random(count) * len(kept)).astype(np.int64)]
    return {
        "input_ids": data.code_windows(table.start[chosen], length),
        "labels": table.labels[chosen],
    }


def _table(data: Corpus, split: str) -> _Table:
    functions = data.functions
    here = np.flatnonzero(np.asarray(data.split)[functions.file] == split)
    lines = functions.summary_offsets
    columns = np.arange(TARGET_LENGTH)
    sizes = np.diff(lines)[here, None]
    labels = np.full((len(here), TARGET_LENGTH), IGNORED, dtype=np.int64)
    inside = columns < sizes
    labels[inside] = functions.summaries[(lines[here, None] + columns)[inside]]
    labels[columns == sizes] = data.sep_id
    start = functions.start[here]
    return _Table(start=start, reach=data.code_end(split) - start, labels=labels)
