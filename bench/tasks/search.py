"""Which function does this line describe? Found by embedding, among 1,000.

A query is the first line of a docstring; what is searched are functions with the docstring taken
out, T tokens each from their ``def`` on, and where one is shorter, what follows in its file. One
row at T=16, its tokens as the tokenizer prints them; the query is padded to 32:

    query_ids  [CLS] creates a stream ##rea ##der ##writer instance . [SEP]
    input_ids  [CLS] def _ _ in ##it _ _ ( self , stream , reader , writer [SEP]

Among the rows of one draw every line and every function are there once, so that each query has one
right answer. The floor is the mean reciprocal rank of a random order of 1,000: H(1000) / 1000.
"""

import numpy as np
import numpy.typing as npt

from bench.tasks import LengthError, Rows
from bench.tasks.corpus import Corpus

HEAD = "AutoModel"
KIND = "real"
NEEDS = "library"
METRIC = "MRR"
FLOOR = 0.0075
SOLVED = None
LENGTHS = (16, 8192)
QUERY_LENGTH = 32
LABELS = ()
EXPECTED = (
    "transformer: MRR on CodeSearchNet's Python is .69 with self-attention, .32 with a "
    "bidirectional RNN, .58 with a bag of words (Feng et al., 2020, CodeBERT, table 2)"
)

CANDIDATES = 1000  # that a query is ranked among


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """Functions of a split, each at most once, equally likely; queries as above.

    Returns:
        ``input_ids`` (count, length); ``query_ids`` and ``query_mask`` (count, ``QUERY_LENGTH``),
        of a line longer than that only its first tokens.

    Raises:
        LengthError: the split has fewer such functions, or none with a window that long.
    """
    functions = data.functions
    kept, windows = _distinct(data, split, length - 2)
    if count > len(kept):
        raise LengthError(
            f"task 'search': the {split} split has {len(kept)} functions with a window of {length} "
            f"tokens and a first line of their own. Got {count}, ask for no more than those."
        )
    chosen = generator.permutation(len(kept))[:count]
    input_ids = np.empty((count, length), dtype=np.int64)
    input_ids[:, 0], input_ids[:, -1] = data.cls_id, data.sep_id
    input_ids[:, 1:-1] = windows[chosen]
    query_ids = np.full((count, QUERY_LENGTH), data.pad_id, dtype=np.int64)
    for row, function in zip(query_ids, kept[chosen], strict=True):
        line = functions.summaries[slice(*functions.summary_offsets[function : function + 2])]
        query = [data.cls_id, *line[: QUERY_LENGTH - 2], data.sep_id]
        row[: len(query)] = query
    return {
        "query_ids": query_ids,
        "query_mask": (query_ids != data.pad_id).astype(np.int64),
        "input_ids": input_ids,
    }


def _distinct(
    data: Corpus, split: str, size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """The functions of a split whose line and window no function before them has.

    Returns:
        (functions,) their indices, and (functions, size) their windows.

    Raises:
        LengthError: no file of this split goes on for that long after a function begins.
    """
    functions = data.functions
    here = np.asarray(data.split)[functions.file] == split
    sizes = np.diff(functions.source_offsets)
    candidates = np.flatnonzero(here & (sizes >= size))
    if not len(candidates):
        raise LengthError(
            f"task 'search': the {split} split has no function of {size + 2} tokens; its longest "
            f"is {sizes[here].max() + 2}."
        )
    windows = functions.sources[functions.source_offsets[candidates][:, None] + np.arange(size)]
    seen: set[bytes] = set()
    kept = []
    for place, (function, window) in enumerate(zip(candidates, windows, strict=True)):
        line = functions.summaries[slice(*functions.summary_offsets[function : function + 2])]
        keys = {line[: QUERY_LENGTH - 2].tobytes() + b"?", window.tobytes()}
        if seen.isdisjoint(keys):
            kept.append(place)
            seen |= keys
    return candidates[kept], windows[kept]
