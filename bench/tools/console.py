"""Where people read: names as they are, as a comparison may be called ``[x]`` or ``:x:``."""

import sys

from rich.console import Console


def console(width: int) -> Console:
    """A console on standard output that takes nothing for markup.

    Args:
        width: in characters, where output is not to a terminal.
    """
    wide = None if sys.stdout.isatty() else width
    return Console(width=wide, markup=False, emoji=False, highlight=False)
