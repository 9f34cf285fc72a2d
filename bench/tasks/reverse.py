"""The same bits, backwards.

One row at T=16:

    input_ids  0 1 0 0 0 0 1 1 _ _ _ _ _ _ _ _
    labels     · · · · · · · · 1 1 0 0 0 0 1 0

T // 2 fair bits, then a blank for each of their reverse; an odd window has one blank more in front.
Reverse string of Delétang et al. (2023), "Neural Networks and the Chomsky Hierarchy", who train on
up to 40 bits, test on 41 to 500, and call a task solved from 90% on.
"""

from typing import Any

import numpy as np

from bench.data.sequences import require, tape
from bench.tasks import Rows

HEAD = "AutoModelForTokenClassification"
KIND = "control"
LABELS = ("0", "1")
METRIC = "accuracy"
FLOOR = 0.5
SOLVED = 0.9
LENGTHS = (2, 8192)
VOCABULARY = 4
SYMBOLS = ("·", "0", "1", "_")
EXPECTED = (
    "neither beyond the trained lengths, as a negative control: 62.0/60.9/62.3% for RNN, LSTM and "
    "transformer at 41 to 500 (Delétang et al., 2023)"
)

_BLANK = 3


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` tokens; ``labels`` (count, length), at the blanks.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("reverse", length, LENGTHS)
    bits = generator.integers(0, 2, (count, length // 2))
    return tape(bits + 1, bits[:, ::-1], length, _BLANK)
