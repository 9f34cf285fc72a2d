"""First line of a function's docstring, from the function's source with the docstring taken out.

One row at T=16, its tokens as the tokenizer prints them; the window is the first T tokens of a
function that has as many, from its ``def`` on:

    input_ids  def _ _ in ##it _ _ ( self , stream , reader , writer ,
    labels     creates a stream ##rea ##der ##writer instance . [SEP]

Labels end in ``[SEP]`` where the line has room for it, and are -100 from there to 32 tokens; one
line in a thousand is longer. The floor is what the training split's most frequent line scores on
the test split: nothing, as hardly a line is there twice. A test counts it again.
"""

import numpy as np

from bench.tasks import LengthError, Rows
from bench.tasks.corpus import Corpus

HEAD = "AutoModelForSeq2SeqLM"
METRIC = "exact match"
FLOOR = 0.0
SOLVED = None
KIND = "real"
NEEDS = "library"
LENGTHS = (16, 512)
LABELS = ()
TARGET_LENGTH = 32
EXPECTED = "transformer: a first line repeats names of the source, and attention copies them"

_NOTHING = -100  # what the loss passes over


def rows(data: Corpus, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """Functions of at least ``length`` tokens, each equally likely; labels are as above.

    Raises:
        LengthError: no function of this split is that long.
    """
    functions = data.functions
    here = np.asarray(data.split)[functions.file] == split
    sizes = np.diff(functions.source_offsets)
    kept = np.flatnonzero(here & (sizes >= length))
    if not len(kept):
        raise LengthError(
            f"task 'docstring': the {split} split has no function of {length} tokens; its longest "
            f"is {sizes[here].max()}."
        )
    chosen = kept[(generator.random(count) * len(kept)).astype(np.int64)]
    starts = functions.source_offsets[chosen]
    input_ids = functions.sources[starts[:, None] + np.arange(length)].astype(np.int64)
    labels = np.full((count, TARGET_LENGTH), _NOTHING, dtype=np.int64)
    for row, function in zip(labels, chosen, strict=True):
        line = functions.summaries[slice(*functions.summary_offsets[function : function + 2])]
        target = [*line, data.sep_id][:TARGET_LENGTH]
        row[: len(target)] = target
    return {"input_ids": input_ids, "labels": labels}
