"""What the diagnostics share: the check of a length, and the tape with blanks for an answer."""

import numpy as np
import numpy.typing as npt

from bench.data.contract import IGNORED, LengthError

Integers = npt.NDArray[np.int64]


def require(task: str, length: int, lengths: tuple[int, int]) -> None:
    """Check a window against the task's ``LENGTHS``.

    Raises:
        LengthError: it is shorter or longer.
    """
    least, most = lengths
    if not least <= length <= most:
        raise LengthError(
            f"task {task!r}: expected a window of at least {least} tokens; its longest is {most}. "
            f"Got {length}."
        )


def tape(strings: Integers, answers: Integers, length: int, blank: int) -> dict[str, Integers]:
    """Rows that show a string and then a blank for every symbol of its answer.

    Where the two do not fill the window, more blanks stand in front, and nothing is asked there.

    Args:
        strings: (count, n) ids.
        answers: (count, m) class indices; n + m is at most ``length``.
        length: tokens of a row.
        blank: the blank's id.

    Returns:
        ``input_ids`` and ``labels``, both (count, length).
    """
    count, asked = answers.shape
    start = length - asked
    input_ids = np.full((count, length), blank, dtype=np.int64)
    input_ids[:, start - strings.shape[1] : start] = strings
    labels = np.full((count, length), IGNORED, dtype=np.int64)
    labels[:, start:] = answers
    return {"input_ids": input_ids, "labels": labels}
