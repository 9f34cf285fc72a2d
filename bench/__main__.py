"""``rvt``, also as ``python -m bench``."""

import signal
import sys
from pathlib import Path


def main() -> None:
    """The command line; until it is loaded, Ctrl-C ends a process in which nothing has begun."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from bench import cli

    cli.main()


if __name__ == "__main__":
    ours = Path(__file__).parents[1].resolve()
    if not sys.flags.safe_path and Path(sys.path[0]).resolve() != ours:
        del sys.path[0]  # the working directory, which may hold another ``models`` or ``datasets``
    main()
