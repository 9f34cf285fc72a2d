"""Which core the one-thread arms of a group share.

Cores of a shared machine are not equally fast, so arms that run one at a time take turns on the
same one; the sweep, which only waits, stays off it. Linux alone lets a process choose.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from bench.study import Cell


@dataclass(frozen=True)
class Place:
    """Where the arms of a group run.

    Args:
        core: that all share; None where the scheduler decides.
        said: in words, for the record.
    """

    core: int | None
    said: str


def place_of(cell: Cell) -> Place:
    """Where the arms of a cell's group run, decided from what this process may use now."""
    if cell.device != "cpu" or cell.threads != 1:
        return Place(None, "left to the scheduler: more than one thread, or an accelerator")
    if sys.platform != "linux":
        return Place(None, "left to the scheduler: this system pins no process to a core")
    allowed = os.sched_getaffinity(0)
    core = max(allowed)  # the first ones take the interrupts
    if len(allowed) == 1:
        return Place(core, f"core {core}, the only one allowed, beside the sweep itself")
    return Place(core, f"core {core}, shared by all arms of the group")


@contextlib.contextmanager
def off(core: int | None) -> Iterator[None]:
    """This process on other cores than that, as far as there are others."""
    others = os.sched_getaffinity(0) - {core} if core is not None else set()
    if not others:
        yield
        return
    before = os.sched_getaffinity(0)
    use(others)
    try:
        yield
    finally:
        use(before)


def use(cores: set[int]) -> None:
    """Have every thread of this process on these cores, and those that it starts later.

    Raises:
        OSError: none of them is there.
    """
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it has ended since
            os.sched_setaffinity(int(thread), cores)
