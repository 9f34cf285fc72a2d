"""Which symbols are scattered in the noise, in their order?

One row at T=32:

    input_ids  h i _ _ f _ _ _ _ _ _ _ _ b _ _ _ g _ i m _ i > > > > > > > > >
    labels     · · · · · · · · · · · · · · · · · · · · · · · · h i f b g i m i

16 symbols of 16 at random places among noise ``_``, then 17 ``>``; a label is predicted from the
tokens before it, the first from the first ``>``. Windows under 64 tokens hold T // 4 symbols.
Selective copying of Gu & Dao (2023, Mamba), who read 4,096 tokens; they count the noise among their
16 tokens, and here it comes beside them, so that the floor is 1/16. What counts as solved is ours.
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
VOCABULARY = 19
# fmt: off
SYMBOLS = (
    "·", "_", ">", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p",
)
# fmt: on
EXPECTED = (
    "gated recurrence, which can pass over noise, solves it; recurrence that treats every token "
    "alike (time-invariant) fails (Gu & Dao, 2023, Mamba)"
)

_NOISE, _RECALL, _FIRST = 1, 2, 3


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` tokens; ``labels`` (count, length), aligned with the tokens.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("selective_copy", length, LENGTHS)
    asked = min(16, length // 4)
    for_symbols, for_places = generator.spawn(2)
    symbols = for_symbols.integers(_FIRST, VOCABULARY, (count, asked))
    scores = for_places.random((count, length - asked - 1), dtype=np.float32)
    places = np.sort(np.argpartition(scores, asked - 1, axis=1)[:, :asked], axis=1)
    input_ids = np.full((count, length), _NOISE, dtype=np.int64)
    np.put_along_axis(input_ids, places, symbols, axis=1)
    input_ids[:, -asked - 1 :] = _RECALL
    labels = np.full((count, length), IGNORED, dtype=np.int64)
    labels[:, -asked:] = symbols
    return {"input_ids": input_ids, "labels": labels}
