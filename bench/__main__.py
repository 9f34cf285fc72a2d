"""``rvt``, also as ``python -m bench``."""

import signal


def main() -> None:
    """The command line; until it is loaded, Ctrl-C ends a process in which nothing has begun."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from bench import cli

    cli.main()


if __name__ == "__main__":
    main()
