"""Where people read: names as they are, as a comparison may be called ``[x]`` or ``:x:``."""

import sys
from typing import TextIO

from rich.console import Console


def console(width: int, file: TextIO | None = None) -> Console:
    """A console that takes nothing for markup.

    Args:
        width: in characters, where output is not to a terminal.
        file: written to, standard output where None.
    """
    file = file or sys.stdout
    wide = None if file.isatty() else width
    return Console(file=file, width=wide, markup=False, emoji=False, highlight=False)
