"""Are these brackets of two kinds closed in the right order?

One row at T=16:

    input_ids  ( [ ) ( ) ( ( ) ] ( ) ) ( ) ( )
    labels     invalid

One row in two is valid: uniform over the balanced shapes that nest no deeper than 8, or T / 8 from
64 tokens on, so that longer windows are deeper too; kinds are fair. In an invalid row two closing
brackets of different kinds have changed places: it has the same brackets, equally deep, and neither
counting them nor their depth gives it away; nor do neighbours, as brackets that close an empty pair
are spared wherever others are to be had. Every row has both kinds. Brackets come
in pairs, so an odd window begins with a blank.

Validity of Dyck-2 with bounded depth, the language of Suzgun et al. (2019), "Memory-Augmented
Recurrent Neural Networks Can Learn Generalized Dyck Languages", and Hewitt et al. (2020), "RNNs can
generate bounded hierarchical languages with optimal memory"; the invalid rows and what counts as
solved are ours.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.sequences import require
from bench.tasks import Rows

HEAD = "AutoModelForSequenceClassification"
KIND = "diagnostic"
LABELS = ("invalid", "valid")
METRIC = "accuracy"
FLOOR = 0.5
SOLVED = 0.99
LENGTHS = (4, 4096)
VOCABULARY = 6
SYMBOLS = ("·", "(", "[", ")", "]", "_")
DEPTH = 8
EXPECTED = (
    "recurrence at the trained depth, which it fits; it fails on deeper nesting (Suzgun et al., "
    "2019; Hewitt et al., 2020)"
)

_OPEN, _CLOSE = 1, 3  # each of the first kind; the second is one more
_BLANK = 5


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` tokens.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("dyck2", length, LENGTHS)
    odd = length % 2
    for_shapes, for_kinds, for_alike, for_labels, for_swaps = generator.spawn(5)
    opens, closes = _pairs(for_shapes, length - odd, count)
    kinds = for_kinds.integers(0, 2, opens.shape)
    row = np.arange(count)
    kinds[row, for_alike.integers(0, opens.shape[1], count)] ^= np.ptp(kinds, axis=1) == 0
    labels = for_labels.integers(0, 2, count)
    closing = kinds.copy()
    scores = for_swaps.random(opens.shape, dtype=np.float32) + (closes > opens + 1)
    one = scores.argmax(axis=1)
    scores[kinds == kinds[row, one][:, None]] = -1
    closing[row, one] ^= 1 - labels
    closing[row, scores.argmax(axis=1)] ^= 1 - labels
    input_ids = np.full((count, length), _BLANK, dtype=np.int64)
    np.put_along_axis(input_ids, opens + odd, kinds + _OPEN, axis=1)
    np.put_along_axis(input_ids, closes + odd, closing + _CLOSE, axis=1)
    return {"input_ids": input_ids, "labels": labels}


def _pairs(
    generator: np.random.Generator, length: int, count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Places of the opening and of the closing bracket of each pair, both (count, length / 2)."""
    chances = _chances(length, max(DEPTH, length // 8))
    draws = generator.random((count, length), dtype=np.float32)
    depth = np.zeros(count, dtype=np.int64)
    levels = np.empty((length, count), dtype=np.int16)  # depth inside the bracket
    for place in range(length):
        up = draws[:, place] < chances[place, depth]
        levels[place] = depth + up
        depth += 2 * up - 1
    # Within a level, opening and closing brackets take turns.
    order = np.argsort(levels.T, axis=1, kind="stable")
    return order[:, 0::2], order[:, 1::2]


@lru_cache(maxsize=16)
def _chances(length: int, most: int) -> npt.NDArray[np.float32]:
    """(length, most + 1): how often a bracket here, at this depth, opens if shapes are uniform."""
    ways = np.zeros(most + 2)  # to end at depth 0, by depth; scaled, as only ratios count
    ways[0] = 1
    chances = np.zeros((length, most + 1), dtype=np.float32)
    for place in range(length - 1, -1, -1):
        up, down = np.append(ways[1:-1], 0), np.append(0, ways[:-2])
        total = up + down
        np.divide(up, total, out=chances[place], where=total > 0, casting="same_kind")
        ways[:-1] = total / total.max()
    return chances
