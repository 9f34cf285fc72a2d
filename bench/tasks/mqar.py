"""Which value came with this key? Multi-query associative recall.

One row at T=32, of keys ``k..``, values ``v..`` and filler ``a`` to ``o``:

    input_ids  k1a v4a k06 v21 k n k1a i   f c g k k06 a   a d k n a l m c o i b b n o n b b e
    labels     ·   ·   ·   ·   · · ·   v4a · · · · ·   v21 · · · · · · · · · · · · · · · · · ·

T // 16 pairs first, so (64, 4), (128, 8), (256, 16); then every key once more, among filler. Keys
and values are drawn without replacement from 128 each, filler from 15 symbols that are neither, so
no key is repeated but by its query. Queries begin g pairs of tokens after the last value, and gaps
g are drawn without replacement by a power law, p(g) ~ (g + 1)^-0.99: mostly soon. A label stands on
the token after its query, which is filler, and is predicted from the tokens up to the query.

After Arora et al. (2023), "Zoology: Measuring and Improving Recall in Efficient Language Models",
whose vocabulary is 8,192, half keys and half values; 256 here, for models of a CPU's size, and so
the floor is 1/128. Naming any value of the window scores 16/T. What counts as solved is ours.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.sequences import require
from bench.tasks import IGNORED, Rows

HEAD = "AutoModelForCausalLM"
KIND = "diagnostic"
LABELS = ()
METRIC = "accuracy"
FLOOR = 0.0078125
SOLVED = 0.99
LENGTHS = (16, 2048)
VOCABULARY = 272
# fmt: off
SYMBOLS = (
    "·", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "k00", "k01",
    "k02", "k03", "k04", "k05", "k06", "k07", "k08", "k09", "k0a", "k0b", "k0c", "k0d", "k0e",
    "k0f", "k10", "k11", "k12", "k13", "k14", "k15", "k16", "k17", "k18", "k19", "k1a", "k1b",
    "k1c", "k1d", "k1e", "k1f", "k20", "k21", "k22", "k23", "k24", "k25", "k26", "k27", "k28",
    "k29", "k2a", "k2b", "k2c", "k2d", "k2e", "k2f", "k30", "k31", "k32", "k33", "k34", "k35",
    "k36", "k37", "k38", "k39", "k3a", "k3b", "k3c", "k3d", "k3e", "k3f", "k40", "k41", "k42",
    "k43", "k44", "k45", "k46", "k47", "k48", "k49", "k4a", "k4b", "k4c", "k4d", "k4e", "k4f",
    "k50", "k51", "k52", "k53", "k54", "k55", "k56", "k57", "k58", "k59", "k5a", "k5b", "k5c",
    "k5d", "k5e", "k5f", "k60", "k61", "k62", "k63", "k64", "k65", "k66", "k67", "k68", "k69",
    "k6a", "k6b", "k6c", "k6d", "k6e", "k6f", "k70", "k71", "k72", "k73", "k74", "k75", "k76",
    "k77", "k78", "k79", "k7a", "k7b", "k7c", "k7d", "k7e", "k7f", "v00", "v01", "v02", "v03",
    "v04", "v05", "v06", "v07", "v08", "v09", "v0a", "v0b", "v0c", "v0d", "v0e", "v0f", "v10",
    "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v1a", "v1b", "v1c", "v1d",
    "v1e", "v1f", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v2a",
    "v2b", "v2c", "v2d", "v2e", "v2f", "v30", "v31", "v32", "v33", "v34", "v35", "v36", "v37",
    "v38", "v39", "v3a", "v3b", "v3c", "v3d", "v3e", "v3f", "v40", "v41", "v42", "v43", "v44",
    "v45", "v46", "v47", "v48", "v49", "v4a", "v4b", "v4c", "v4d", "v4e", "v4f", "v50", "v51",
    "v52", "v53", "v54", "v55", "v56", "v57", "v58", "v59", "v5a", "v5b", "v5c", "v5d", "v5e",
    "v5f", "v60", "v61", "v62", "v63", "v64", "v65", "v66", "v67", "v68", "v69", "v6a", "v6b",
    "v6c", "v6d", "v6e", "v6f", "v70", "v71", "v72", "v73", "v74", "v75", "v76", "v77", "v78",
    "v79", "v7a", "v7b", "v7c", "v7d", "v7e", "v7f",
)
# fmt: on
EXPECTED = (
    "attention: its width need not grow with the window (Arora et al., 2023, Zoology); nobody has "
    "published LSTM or GRU"
)

_FILLER, _KEYS, _VALUES = 1, 16, 144  # each one's first id
_POWER = 0.01  # the published alpha


def needed(length: int) -> int:
    """Tokens from the last value to a query at the window's end, which is as far as most lie."""
    return length - length // 8 - 1


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` tokens; ``labels`` (count, length), at the answers.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("mqar", length, LENGTHS)
    pairs = length // 16
    for_keys, for_values, for_gaps, for_filler = generator.spawn(4)
    keys = _draw(for_keys, np.ones(128), count, pairs) + _KEYS
    values = _draw(for_values, np.ones(128), count, pairs) + _VALUES
    space = (length - 2 * pairs) // 2
    gaps = _draw(for_gaps, np.arange(1, space + 1) ** (_POWER - 1), count, pairs)
    queries = 2 * (pairs + gaps)
    input_ids = for_filler.integers(_FILLER, _KEYS, (count, length))
    input_ids[:, 0 : 2 * pairs : 2] = keys
    input_ids[:, 1 : 2 * pairs : 2] = values
    np.put_along_axis(input_ids, queries, keys, axis=1)
    labels = np.full((count, length), IGNORED, dtype=np.int64)
    np.put_along_axis(labels, queries + 1, values, axis=1)
    return {"input_ids": input_ids, "labels": labels}


def _draw(
    generator: np.random.Generator, weights: npt.NDArray[Any], count: int, size: int
) -> npt.NDArray[np.int64]:
    """(count, size) indices in the order drawn, each row without replacement by the weights.

    The first arrivals of independent exponential clocks with these rates are such a draw.
    """
    clocks = generator.standard_exponential((count, len(weights)), dtype=np.float32)
    clocks /= weights.astype(np.float32)
    first = np.argpartition(clocks, size - 1, axis=1)[:, :size]
    order = np.argsort(np.take_along_axis(clocks, first, axis=1), axis=1)
    return np.take_along_axis(first, order, axis=1)
