"""Is the number of ones even or odd?

One row at T=16:

    input_ids  1 1 0 0 0 1 0 1 1 1 1 1 1 1 1 1
    labels     even

Bits are fair and independent, so every answer is as likely as the other whatever part of the window
was read. Parity check of Delétang et al. (2023), "Neural Networks and the Chomsky Hierarchy", who
train on up to 40 bits, test on 41 to 500, and call a task solved from 90% on.
"""

from typing import Any

import numpy as np

from bench.data.sequences import require
from bench.tasks import Rows

HEAD = "AutoModelForSequenceClassification"
KIND = "diagnostic"
LABELS = ("even", "odd")
METRIC = "accuracy"
FLOOR = 0.5
SOLVED = 0.9
LENGTHS = (2, 8192)
VOCABULARY = 3
SYMBOLS = ("·", "0", "1")
EXPECTED = (
    "recurrence: trained on up to 40 bits and tested on 41 to 500, RNN and LSTM 100%, transformer "
    "52.0% (Delétang et al., 2023)"
)


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` bits.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("parity", length, LENGTHS)
    bits = generator.integers(0, 2, (count, length))
    return {"input_ids": bits + 1, "labels": bits.sum(axis=1) % 2}
