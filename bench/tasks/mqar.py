"""Which value came with this key? Multi-query associative recall.

One row at T=32, of keys ``k``, values ``v`` and filler ``_``:

    input_ids  ROW
    labels     ROW

T // 16 pairs first, so (64, 4), (128, 8), (256, 16); then every key once more, among filler. Keys
and values are drawn without replacement from 128 each, filler from 15 symbols that are neither, so
no key is repeated but by its query. The n-th key is asked for after a gap of g pairs of tokens, gaps
without replacement by a power law, p(g) ~ g^-0.99: mostly soon. A label stands on the token after
the query, which is filler, and is predicted from the tokens up to the query.

After Arora et al. (2023), "Zoology: Measuring and Improving Recall in Efficient Language Models",
whose vocabulary is 8,192, half keys and half values; 256 here, for models of a CPU's size, and so
the floor is 1/128. Naming any value of the window scores 16/T. What counts as solved is ours.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.tasks import Rows
from bench.tasks._sequences import IGNORED, require

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
    "·", "_0", "_1", "_2", "_3", "_4", "_5", "_6", "_7", "_8", "_9", "_10", "_11", "_12", "_13",
    "_14", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12", "k13",
    "k14", "k15", "k16", "k17", "k18", "k19", "k20", "k21", "k22", "k23", "k24", "k25", "k26",
    "k27", "k28", "k29", "k30", "k31", "k32", "k33", "k34", "k35", "k36", "k37", "k38", "k39",
    "k40", "k41", "k42", "k43", "k44", "k45", "k46", "k47", "k48", "k49", "k50", "k51", "k52",
    "k53", "k54", "k55", "k56", "k57", "k58", "k59", "k60", "k61", "k62", "k63", "k64", "k65",
    "k66", "k67", "k68", "k69", "k70", "k71", "k72", "k73", "k74", "k75", "k76", "k77", "k78",
    "k79", "k80", "k81", "k82", "k83", "k84", "k85", "k86", "k87", "k88", "k89", "k90", "k91",
    "k92", "k93", "k94", "k95", "k96", "k97", "k98", "k99", "k100", "k101", "k102", "k103", "k104",
    "k105", "k106", "k107", "k108", "k109", "k110", "k111", "k112", "k113", "k114", "k115", "k116",
    "k117", "k118", "k119", "k120", "k121", "k122", "k123", "k124", "k125", "k126", "k127", "v0",
    "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
    "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
    "v29", "v30", "v31", "v32", "v33", "v34", "v35", "v36", "v37", "v38", "v39", "v40", "v41",
    "v42", "v43", "v44", "v45", "v46", "v47", "v48", "v49", "v50", "v51", "v52", "v53", "v54",
    "v55", "v56", "v57", "v58", "v59", "v60", "v61", "v62", "v63", "v64", "v65", "v66", "v67",
    "v68", "v69", "v70", "v71", "v72", "v73", "v74", "v75", "v76", "v77", "v78", "v79", "v80",
    "v81", "v82", "v83", "v84", "v85", "v86", "v87", "v88", "v89", "v90", "v91", "v92", "v93",
    "v94", "v95", "v96", "v97", "v98", "v99", "v100", "v101", "v102", "v103", "v104", "v105",
    "v106", "v107", "v108", "v109", "v110", "v111", "v112", "v113", "v114", "v115", "v116", "v117",
    "v118", "v119", "v120", "v121", "v122", "v123", "v124", "v125", "v126", "v127",
)
# fmt: on
EXPECTED = (
    "attention: its width need not grow with the window, that of recurrence must (Arora et al., "
    "2023, Zoology); nobody has published LSTM or GRU"
)

_FILLER, _KEYS, _VALUES = 1, 16, 144  # each one's first id
_POWER = 0.01  # the published alpha


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
    generator: np.random.Generator, weights: npt.NDArray[np.float64], count: int, size: int
) -> npt.NDArray[np.int64]:
    """(count, size) indices in the order drawn, each row without replacement by the weights.

    The first arrivals of independent exponential clocks with these rates are such a draw.
    """
    clocks = generator.standard_exponential((count, len(weights)), dtype=np.float32)
    clocks /= weights.astype(np.float32)
    first = np.argpartition(clocks, size - 1, axis=1)[:, :size]
    order = np.argsort(np.take_along_axis(clocks, first, axis=1), axis=1)
    return np.take_along_axis(first, order, axis=1)
