"""What the rows of every task are, whatever they are cut from; nothing here imports torch."""

from typing import Any

import numpy.typing as npt

#: Rows by the name of the argument of the model's ``forward``; the first axis is the row.
#:
#: ``input_ids`` (count, length), and ``attention_mask`` of that shape where there is padding; or
#: ``features`` (count, length, n), which the harness projects to input embeddings. ``labels`` as
#: the head takes them, ``IGNORED`` where there is nothing to learn; of a question
#: ``start_positions`` and ``end_positions``, (count,), instead. ``pixel_values`` (count, channels,
#: side, side) beside a caption. ``query_ids`` and ``query_mask`` (count, query length) of what is
#: to be found.
Rows = dict[str, npt.NDArray[Any]]

#: The label that losses and metrics pass over, as PyTorch and Hugging Face have it.
IGNORED = -100

#: Data that needs no network: what a task file cuts or generates.
OFFLINE = "offline"

#: What a task whose rows are text of the corpus says as ``NEEDS``.
LIBRARY = "library"

#: Whose token ids a comparison reads text through: the corpus's own, trained on its training split,
#: or its checkpoint's, the bundled one's where it names none.
TOKENIZERS = CORPUS, CHECKPOINT = ("corpus", "checkpoint")

SPLITS = ("train", "validation", "test")


class LengthError(ValueError):
    """A window that the data cannot fill."""
