"""Which function does this line describe? Found by embedding, among 1,000.

A query is the first line of a docstring; what is searched are functions, T tokens each from their
``def`` on, and where one is shorter, what follows it in its file. All docstrings are taken out, so
that no window shows the line of another. One row at T=16, its tokens as the tokenizer prints them;
the query is padded to 32:

    query_ids  [CLS] return the text . [SEP]
    input_ids  [CLS] def get ( self ) : return self . t ##k . call ( [SEP]

Within one block of 1,000 rows every line and every window are there once, so that each query has
one right answer; rows of two blocks may be of one function. The floor is the mean reciprocal rank
of a random order of 1,000, H(1000) / 1000; for another number of rows ``chance`` has it.
"""

import numpy as np
import numpy.typing as npt

from bench.data import metrics
from bench.data.corpus import Corpus
from bench.tasks import LengthError, Rows

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

_Ids = npt.NDArray[np.int32]


def chance(candidates: int) -> float:
    """Mean reciprocal rank of the one right answer in a random order of so many."""
    return metrics.random_mrr(candidates)


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """Functions of a split, each at most once in one call, equally likely; queries as above.

    Returns:
        ``input_ids`` (count, length); ``query_ids`` and ``query_mask`` (count, ``QUERY_LENGTH``),
        of a line longer than that only its first tokens.

    Raises:
        LengthError: the split has fewer functions, or none with a window that long.
    """
    kept = data.cached(("search", split, length), lambda: _distinct(data, split, length))
    if count > len(kept):
        raise LengthError(
            f"task 'search': the {split} split has {len(kept)} functions with a window of {length} "
            f"tokens and a first line of their own, and no row is there twice. Got {count} rows to "
            "draw at once, draw fewer."
        )
    chosen = generator.permutation(kept)[:count]
    query_ids = np.full((count, QUERY_LENGTH), data.pad_id, dtype=np.int64)
    query_mask = np.zeros_like(query_ids)
    for row, function in enumerate(chosen):
        query = _query(data, function)
        query_ids[row, : len(query)], query_mask[row, : len(query)] = query, 1
    return {
        "query_ids": query_ids,
        "query_mask": query_mask,
        "input_ids": _windows(data, chosen, length),
    }


def _query(data: Corpus, function: int) -> _Ids:
    """A function's first line between marks."""
    functions = data.functions
    line = functions.summaries[slice(*functions.summary_offsets[function : function + 2])]
    return np.concatenate([[data.cls_id], line[: QUERY_LENGTH - 2], [data.sep_id]])


def _windows(data: Corpus, chosen: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    """(count, length): functions, and what follows each, between marks."""
    windows = np.empty((len(chosen), length), dtype=np.int64)
    windows[:, 0], windows[:, -1] = data.cls_id, data.sep_id
    windows[:, 1:-1] = data.code_windows(data.functions.start[chosen], length - 2)
    return windows


def _distinct(data: Corpus, split: str, length: int) -> npt.NDArray[np.int64]:
    """The functions of a split whose query and whose window no function before them has."""
    functions = data.functions
    here = np.flatnonzero(np.asarray(data.split)[functions.file] == split)
    reach = data.code_end(split) - functions.start[here] + 2
    if not (reach >= length).any():
        raise LengthError(
            f"task 'search': the {split} split has no function with a window of {length} tokens; "
            f"its longest is {reach.max(initial=0)}."
        )
    seen: set[tuple[str, bytes]] = set()
    kept = []
    for function in here[reach >= length]:
        start = functions.start[function]
        keys = {
            ("query", _query(data, function).tobytes()),
            ("window", data.code[start : start + length - 2].tobytes()),
        }
        if seen.isdisjoint(keys):
            seen |= keys
            kept.append(function)
    return np.array(kept, dtype=np.int64)
