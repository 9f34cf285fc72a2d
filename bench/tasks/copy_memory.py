"""Which ten symbols came first, all of a long blank ago?

One row at T=32:

    input_ids  4 2 2 6 8 3 4 4 5 4 _ _ _ _ _ _ _ _ _ _ _ > > > > > > > > > > >
    labels     _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 4 2 2 6 8 3 4 4 5 4

Ten symbols of eight, T - 21 blanks, and eleven ``>``: the first says that the blank is over, and
the answer is due at the other ten. At every other position the answer is a blank, and the loss is
the mean over all T. The literature's T is the gap, and its sequence T + 20 long: T=1000 of Bai et
al. (2018, TCN) is 1020 here. The floor knows where blanks are due and guesses the ten symbols. What
counts as solved is ours.
"""

import math
from typing import Any

import numpy as np

from bench.data.sequences import require
from bench.tasks import Rows

HEAD = "AutoModelForTokenClassification"
KIND = "diagnostic"
LABELS = ("_", "1", "2", "3", "4", "5", "6", "7", "8")
METRIC = "nats"
FLOOR = "10 ln 8 / T"
SOLVED = 0.001
LENGTHS = (21, 8192)
VOCABULARY = 11
SYMBOLS = ("·", "_", "1", "2", "3", "4", "5", "6", "7", "8", ">")
EXPECTED = (
    "attention, which is as near to the first symbols as to the last: with a gap of 1000 and 16K "
    "parameters LSTM .0204, GRU .0197 and Elman .0202 stay at the floor of .0204 (Bai et al., "
    "2018, TCN)"
)

_BLANK, _RECALL = 1, 10
_SYMBOLS = 10  # to be remembered


def floor(length: int) -> float:
    """Nats a position, of guessing the ten symbols in a window of ``length``."""
    return _SYMBOLS * math.log(8) / length


def needed(length: int) -> int:
    """Tokens from a symbol to its answer."""
    return length - _SYMBOLS


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` tokens, a label for every one.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("copy_memory", length, LENGTHS)
    symbols = generator.integers(1, 9, (count, _SYMBOLS))  # classes; ids are one more
    input_ids = np.full((count, length), _BLANK, dtype=np.int64)
    input_ids[:, :_SYMBOLS] = symbols + 1
    input_ids[:, -_SYMBOLS - 1 :] = _RECALL
    labels = np.zeros((count, length), dtype=np.int64)
    labels[:, -_SYMBOLS:] = symbols
    return {"input_ids": input_ids, "labels": labels}
