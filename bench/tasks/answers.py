"""What does this function return, or what is the default of its parameter? The answer is a span.

One row at T=64, its tokens as the tokenizer prints them; start and end are the positions of the
answer's first and last token:

    input_ids        [CLS] what is the default of _ one _ shot in it ##ere ##nco ##de ? [SEP]
    input_ids        ##ins ##tance ( chunks , ( list , tu ##ple ) ) : chunks = list ( chunks )
    input_ids        return ' ' . join ( chunks ) def it ##ere ##nco ##de ( self , o , _ one _
    input_ids        shot = false ) : " [SEP]
    start_positions  59
    end_positions    59

A row is ``[CLS] question [SEP] window [SEP]``, T tokens without padding. The window holds one
definition of the function asked about, at a random place, with all of its answer: the expression of
its only ``return`` or the parameter's default, at most 16 tokens. What else the window holds is
what stands beside it in the library, other functions with answers to the same kind of question. A
name that is defined again so near that its place would be half given away is not asked about.

The floor is what the best answer without looking scores: the same span in every row, the best of
the training split on the test split, measured at T=64 to 256; at longer windows that is 4 to 9 over
T. A test measures it again and allows other versions of Python 20%.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.data.corpus import Corpus
from bench.tasks import LengthError, Rows

HEAD = "AutoModelForQuestionAnswering"
KIND = "real"
METRIC = "span F1"
FLOOR = "11 / T"
SOLVED = 0.8  # ours
NEEDS = "library"
LENGTHS = (64, 8192)
LABELS = ()
EXPECTED = (
    "transformer, more so as the window grows: the question's name must be found again at a "
    "distance, which attention does by matching and a recurrent state must carry"
)

_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Table:
    """The questions that fit a window, one entry each.

    Args:
        question: (count, most) tokens from ``[CLS]`` to ``[SEP]``, and how many they are: sizes.
        low, choices: the first place a window may begin, and how many there are.
        start, stop: the answer's tokens.
    """

    question: _Ids
    sizes: _Ids
    low: _Ids
    choices: _Ids
    start: _Ids
    stop: _Ids


def floor(length: int) -> float:
    """What the best fixed span scores: 10.1 to 10.8 over T as measured up to T=256, less beyond."""
    return 11 / length


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """Questions whose definition fits the window, each equally likely, at any place where it fits.

    Raises:
        LengthError: no question of this split can be asked of a window that long.
    """
    table = data.cached(("answers", split, length), lambda: _table(data, split, length))
    chosen, place = (stream.random(count) for stream in generator.spawn(2))
    n = (chosen * len(table.sizes)).astype(np.int64)
    sizes = table.sizes[n]
    starts = table.low[n] + (place * table.choices[n]).astype(np.int64)
    before = starts - sizes  # where the row would begin if the question stood in the library too
    input_ids = data.windows(before.clip(min=0), length)
    most = table.question.shape[1]
    head = np.arange(most) < sizes[:, None]
    input_ids[:, :most] = np.where(head, table.question[n], input_ids[:, :most])
    input_ids[:, -1] = data.sep_id
    return {
        "input_ids": input_ids,
        "start_positions": table.start[n] - before,
        "end_positions": table.stop[n] - 1 - before,
    }


def _table(data: Corpus, split: str, length: int) -> _Table:
    asked = data.questions
    here = np.asarray(data.split)[asked.file] == split
    sizes = np.diff(asked.offsets) + 2
    room = length - 1 - sizes  # the window's tokens
    low = np.maximum.reduce([asked.stop - room, asked.earliest, sizes])
    high = np.minimum(asked.define, np.minimum(asked.latest, len(data.tokens) - 1) - room)
    alone = room - (asked.stop - asked.define) + 1  # places, were there no other definition
    kept = np.flatnonzero(here & (high - low + 1 >= np.maximum(alone / 2, 1)))
    if not len(kept):
        longest = (asked.latest - asked.earliest + sizes + 1)[here].max(initial=0)
        raise LengthError(
            f"task 'answers': the {split} split has no window of {length} tokens with a question; "
            f"its longest is {longest}."
        )
    columns = np.arange(sizes[kept].max() - 2)
    inside = columns < sizes[kept, None] - 2
    question = np.full((len(kept), len(columns) + 2), data.sep_id, dtype=np.int64)
    question[:, 0] = data.cls_id
    question[:, 1:-1][inside] = asked.ids[(asked.offsets[kept, None] + columns)[inside]]
    return _Table(
        question,
        sizes[kept],
        low[kept],
        (high - low + 1)[kept],
        asked.start[kept],
        asked.stop[kept],
    )
