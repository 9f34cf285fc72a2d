"""How a cell can end, and the errors that say so."""

from collections.abc import Mapping
from typing import Any

#: Statuses of a record. What is FINAL is not tried again when a sweep is resumed: the same code,
#: versions and data would end it likewise, and with others a sweep asks to be started afresh.
DONE = "done"
UNDECIDED = "undecided"  # timed, but what was asked of its ratio is not known
DIVERGED = "diverged"  # the loss stopped being a number, at a known step
UNSUPPORTED = "unsupported"  # cannot exist: too long for the model, no such device or kernel
UNAVAILABLE = "unavailable"  # something it needs is missing or is not what it should be
INVALID = "invalid"  # its model cannot be matched, fails a correctness gate, or is not finite
FAILED = "failed"
OOM = "oom"
KILLED = "killed"
TIMEOUT = "timeout"

STATUSES = (
    DONE, UNDECIDED, DIVERGED, UNSUPPORTED, UNAVAILABLE, INVALID, FAILED, OOM, KILLED, TIMEOUT
)  # fmt: skip
FINAL = (DONE, UNDECIDED, DIVERGED, UNSUPPORTED, INVALID)
MEASURED = (DONE, UNDECIDED)
#: What a seed can be lost to that was to be trained; one that is unsupported was not.
LOST = (UNAVAILABLE, INVALID, FAILED, OOM, KILLED, TIMEOUT)
#: How a training ends that may do so before its steps are over: the last two validations solve the
#: task; they bring nothing any more; the steps were over first, and it was still learning.
SOLVED, CONVERGED, CEILING = "solved", "converged", "ceiling"
STOPPED = (SOLVED, CEILING)  # while still learning
#: What records of before call a status that has another name now.
FORMERLY = {"unstable": UNDECIDED}


class CellError(Exception):
    """A cell that ends otherwise than done; ``status`` is one of ``STATUSES``."""

    status = FAILED
    details: Mapping[str, Any] = {}
    samples: Mapping[str, Any] = {}


class Unsupported(CellError):
    """The cell asks for what its arm, task or machine has not."""

    status = UNSUPPORTED


class Unavailable(CellError):
    """Something that the cell needs is missing or damaged."""

    status = UNAVAILABLE


class Invalid(CellError):
    """The cell's model is not what the study promises."""

    status = INVALID


class Diverged(CellError):
    """The loss became NaN or infinite."""

    status = DIVERGED

    def __init__(self, step: int, what: str = "the training loss") -> None:
        super().__init__(f"{what} is not finite at step {step}")
        self.step = step
        self.details = {"step": step}
