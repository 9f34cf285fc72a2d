"""How a command ends: as it should, with a sentence and an exit code, or because it is stopped."""

import resource
import shlex
import sys
from typing import NoReturn

import typer
from typer.core import TyperGroup

from bench import interrupts
from bench.tools import console

_GIB = 2**30
#: What libraries reserve. With less they fail at random, and OpenBLAS tries for ever.
_ADDRESS_SPACE = 2 * _GIB


class Commands(TyperGroup):
    """The commands; one that is stopped says so, and how to go on."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run the one that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            told = "\ninterrupted"
            if ctx.invoked_subcommand == "run":
                told += f"; what has ended is kept. Resume with:\n  {resume(sys.argv[1:])}"
            code = stop.code if isinstance(stop, interrupts.Stopped) else 130
            fail(told, code)


def main(app: typer.Typer) -> None:
    """Run a command line, so that a signal or a lost output ends it in an orderly way."""
    console.settle()
    interrupts.heed()
    try:
        app()
    except SystemExit as end:
        lost = console.undelivered()
        if lost is not None and not end.code:
            console.say(f"standard output cannot be written: {lost}", sys.stderr)
            sys.exit(3)
        raise


def check_memory() -> None:
    """End here where the libraries would not find room to start."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < _ADDRESS_SPACE:
        fail(
            f"expected an address space of {_ADDRESS_SPACE / _GIB:.0f} GiB or more. Got "
            f"{limit / _GIB:.1f} GiB: raise the limit (ulimit -v)",
            2,
        )


def resume(arguments: list[str]) -> str:
    """The command that goes on where this one was stopped."""
    return shlex.join(["rvt", *(part for part in arguments if part != "--fresh")])


def fail(message: str, code: int) -> NoReturn:
    """One clear message on standard error, then the exit code."""
    console.say(message, sys.stderr)
    raise typer.Exit(code)
