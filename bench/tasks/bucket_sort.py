"""The same symbols, sorted.

One row at T=16:

    input_ids  4 2 4 1 2 3 0 2 _ _ _ _ _ _ _ _
    labels     · · · · · · · · 0 1 2 2 2 3 4 4

T // 2 symbols, uniform over five, then a blank for each of their sorted order; an odd window has
one blank more in front. Bucket sort of Delétang et al. (2023), "Neural Networks and the Chomsky
Hierarchy", who train on up to 40 symbols, test on 41 to 500, and call a task solved from 90% on.

The floor answers each position with its likeliest symbol, without reading any: the k-th of n sorted
symbols is at most v with the chance that k or more of n are, so the longer the window, the surer.
"""

from typing import Any

import numpy as np
from scipy.special import betainc

from bench.data.sequences import require, tape
from bench.tasks import Rows

HEAD = "AutoModelForTokenClassification"
KIND = "control"
LABELS = ("0", "1", "2", "3", "4")
METRIC = "accuracy"
FLOOR = "mean over k of the chance of the likeliest k-th smallest of T/2 symbols"
SOLVED = 0.9
LENGTHS = (4, 8192)
VOCABULARY = 7
SYMBOLS = ("·", "0", "1", "2", "3", "4", "_")
EXPECTED = (
    "either, gated: trained on up to 40 symbols and tested on 41 to 500, LSTM 99.3%, transformer "
    "91.9%, RNN 27.9% (Delétang et al., 2023)"
)

_BLANK = 6


def floor(length: int) -> float:
    """Accuracy of the likeliest symbol of every position, in a window of ``length`` tokens."""
    number = length // 2
    place = np.arange(1, number + 1)
    at_most = betainc(place, number - place + 1, np.arange(1, 5)[:, None] / 5)
    chances = np.diff(at_most, axis=0, prepend=0, append=1)
    return float(chances.max(axis=0).mean())


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` tokens; ``labels`` (count, length), at the blanks.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("bucket_sort", length, LENGTHS)
    symbols = generator.integers(0, 5, (count, length // 2))
    return tape(symbols + 1, np.sort(symbols, axis=1), length, _BLANK)
