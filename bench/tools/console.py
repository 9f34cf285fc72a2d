"""Where people read: names as they are, as a comparison may be called ``[x]`` or ``:x:``.

Yet nothing in a name moves the cursor, signs that an encoding lacks are spelt in others, and what
nobody can read any more stops nothing.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from bench import signs

_HUNG_UP = (errno.EPIPE, errno.EIO)  # a pipe that nobody reads, a terminal that was closed


class _Console(Console):
    """One on which what is printed is seen, and does nothing else."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """All that is printed passes here: texts, cells of tables, lines of a progress bar."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(signs.plain(segment.text), segment.style)


def console(width: int, file: TextIO | None = None) -> Console:
    """A console that takes nothing for markup.

    Args:
        width: in characters, where output is not to a terminal.
        file: written to, standard output where None.
    """
    file = file or sys.stdout
    if isinstance(file, io.TextIOWrapper):
        file.reconfigure(errors=signs.SPELT)
    terminal = file.isatty()
    return _Console(
        file=file,
        width=None if terminal else width,
        force_terminal=terminal,  # whatever FORCE_COLOR says: a file has no cursor to move
        markup=False,
        emoji=False,
        highlight=False,
    )


def say(text: object, file: TextIO | None = None, end: str = "\n") -> None:
    """Print a text, in as many lines as it has; to standard output where no file is given."""
    print(signs.plain(str(text)), file=file, end=end)


class _Outlet(io.FileIO):
    """A file that takes everything: what cannot be written is lost, and ``lost`` says why."""

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        """All of it is taken, or lost."""
        try:
            return super().write(data)
        except OSError as error:
            self.lost = error
            return memoryview(data).nbytes


def settle() -> None:
    """Make standard output and error such files. Where one is closed, there is one to write to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which gets the lowest number that is free
    sys.stdout, sys.stderr = _outlet(1, sys.stdout), _outlet(2, sys.stderr)


def undelivered() -> str | None:
    """Why not all of standard output could be written, None where it was or nobody reads it."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    lost = raw.lost if isinstance(raw, _Outlet) else None
    return None if lost is None or lost.errno in _HUNG_UP else os.strerror(lost.errno or 0)


def _outlet(number: int, before: TextIO | None) -> TextIO:
    raw = _Outlet(number, "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before else "utf-8",
        errors=signs.SPELT,
        line_buffering=number == 2 or raw.isatty(),
    )
