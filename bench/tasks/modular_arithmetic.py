"""What is a sum of products, modulo 5, without brackets?

One row at T=16:

    input_ids  0 + 0 - 1 * 2 * 2 - 2 * 2 - 2 =
    labels     0

T // 2 digits and the operators between them, all uniform, products before sums; then ``=``, twice
where T is odd. Modular arithmetic (simple) of Delétang et al. (2023), "Neural Networks and the
Chomsky Hierarchy", who train on up to 40 tokens, test on 41 to 500, and call a task solved from 90%
on.

The floor is what always answering 0 scores. A term that is a single digit makes the result uniform,
but a product of several is 0 more often than not: with n digits the answer is 0 in 1/5 + 4/5 c(n),
c(n) = 0.6 c(n - 1) - 2/45 c(n - 2), c(1) = 0, c(2) = 1/15, which ``floor`` solves.
"""

from typing import Any

import numpy as np

from bench.data.sequences import require
from bench.tasks import Rows

HEAD = "AutoModelForSequenceClassification"
KIND = "diagnostic"
LABELS = ("0", "1", "2", "3", "4")
METRIC = "accuracy"
FLOOR = "1/5, and about 1/4 · 0.513^(T/2) more"
SOLVED = 0.9
LENGTHS = (2, 8192)
VOCABULARY = 10
SYMBOLS = ("·", "0", "1", "2", "3", "4", "+", "-", "*", "=")
EXPECTED = (
    "recurrence: trained on up to 40 tokens and tested on 41 to 500, RNN 100%, LSTM 100%, "
    "transformer 24.2% (Delétang et al., 2023)"
)

_PLUS, _MINUS, _TIMES, _EQUALS = 6, 7, 8, 9


def floor(length: int) -> float:
    """Share of windows of ``length`` tokens whose answer is 0."""
    root = np.sqrt(0.3**2 - 2 / 45)  # of c's characteristic equation, around 0.3
    powers = (0.3 + root) ** (length // 2 - 1) - (0.3 - root) ** (length // 2 - 1)
    return float(1 / 5 + 4 / 5 * powers / (15 * 2 * root))


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` expressions of ``length`` tokens.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("modular_arithmetic", length, LENGTHS)
    for_digits, for_operators = generator.spawn(2)
    digits = for_digits.integers(0, 5, (count, length // 2))
    operators = for_operators.integers(_PLUS, _TIMES + 1, (count, length // 2 - 1))
    input_ids = np.full((count, length), _EQUALS, dtype=np.int64)
    last = 2 * (length // 2) - 1
    input_ids[:, 0:last:2] = digits + 1
    input_ids[:, 1:last:2] = operators
    return {"input_ids": input_ids, "labels": _evaluate(digits, operators)}


def _evaluate(digits: np.ndarray, operators: np.ndarray) -> np.ndarray:
    """Values modulo 5: products of the digits between two signs, then their signed sum."""
    first = np.full((len(digits), 1), _PLUS)  # the sign of every row's first term
    signs = np.hstack([first, operators])
    terms = signs != _TIMES
    # As -2 to 2, and so within 64 bits for products of 62 digits, which chance does not exceed.
    factors = (digits + 2) % 5 - 2
    products = np.multiply.reduceat(factors.ravel(), np.flatnonzero(terms))
    products[signs[terms] == _MINUS] *= -1
    ends = np.cumsum(terms.sum(axis=1))
    starts = np.concatenate([[0], ends[:-1]])
    return np.add.reduceat(products % 5, starts) % 5
