"""Which symbol followed the special one when it was here before?

One row at T=16:

    input_ids  n ! d h i a p m j o o m b f ! d
    labels     · · · · · · · · · · · · · · · d

Symbols are uniform over 16; the special ``!`` stands once anywhere and once before the last token,
which is predicted from the tokens before it. Induction heads of Olsson et al. (2022) as Gu & Dao
(2023, Mamba) set them: trained at 256 tokens, tested at 64 and up. What counts as solved is ours.
"""

from typing import Any

import numpy as np

from bench.data.sequences import require
from bench.tasks import IGNORED, Rows

HEAD = "AutoModelForCausalLM"
KIND = "diagnostic"
LABELS = ()
METRIC = "accuracy"
FLOOR = 0.0625
SOLVED = 0.99
LENGTHS = (8, 8192)
VOCABULARY = 18
# fmt: off
SYMBOLS = (
    "·", "!", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p",
)
# fmt: on
EXPECTED = (
    "recurrence, beyond the 256 tokens trained on: it extrapolates, absolute positions do not (Gu"
    " & Dao, 2023, Mamba)"
)

_SPECIAL, _FIRST = 1, 2


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` tokens; ``labels`` (count, length), the last only.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("induction", length, LENGTHS)
    for_symbols, for_place = generator.spawn(2)
    input_ids = for_symbols.integers(_FIRST, VOCABULARY, (count, length))
    row, place = np.arange(count), for_place.integers(0, length - 4, count)
    input_ids[row, place] = input_ids[:, -2] = _SPECIAL
    input_ids[:, -1] = input_ids[row, place + 1]
    labels = np.full((count, length), IGNORED, dtype=np.int64)
    labels[:, -1] = input_ids[:, -1]
    return {"input_ids": input_ids, "labels": labels}
