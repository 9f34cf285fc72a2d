"""The command line, ``rvt``. Nothing here imports torch: help and mistakes are answered at once."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from bench import registry, study
from bench.tools import listings

REPORTS = Path("reports/local")

app = typer.Typer(
    name="rvt",
    help="Recurrent networks and transformers, measured on the same tasks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; exit codes are in ``rvt --help``."""
    app()


@app.callback()
def begin() -> None:
    """Before any command: what is registered is what it should be."""
    try:
        registry.check()
    except registry.RegistryError as error:
        fail(str(error), 2)


@app.command()
def run(
    study_name: Annotated[str, typer.Argument(metavar="STUDY", help="Its name, or a TOML file.")],
    device: Annotated[
        str | None, typer.Option(help="Comma-separated devices, instead of the study's own.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Comma-separated data sets, or hub for all, instead of the study's own."),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder that gets a folder for the study.")
    ] = REPORTS,
    dry_run: Annotated[bool, typer.Option(help="Plan and estimate, measure nothing.")] = False,
    fresh: Annotated[
        bool, typer.Option(help="Put earlier records aside and measure everything.")
    ] = False,
    allow_mixed: Annotated[
        bool, typer.Option(help="Go on with records made by other code, versions or data.")
    ] = False,
) -> None:
    """Run what is missing of a study, and write its report.

    Exit codes: 0 all cells done, 1 some failed, 2 the request is wrong, 3 the store is locked,
    damaged or cannot be written, 130 interrupted.
    """
    try:
        loaded = study.load(study_name, names(device), names(data))
    except study.StudyError as error:
        fail(str(error), 2)
    from bench import sweep
    from bench.data.corpus import CorpusError
    from bench.execute.processes import CellFailed, ServerError
    from bench.store import StoreError
    from bench.tools.display import Display

    console = Console(markup=False, width=None if sys.stdout.isatty() else 120)
    try:
        summary = sweep.run(
            loaded,
            output / loaded.name,
            Display(console),
            fresh=fresh,
            allow_mixed=allow_mixed,
            dry_run=dry_run,
        )
    except sweep.ChangedError as error:
        fail(str(error), 2)
    except StoreError as error:
        fail(str(error), 3)
    except (ServerError, CorpusError) as error:
        fail(str(error), 1)
    except CellFailed as error:
        fail(
            f"preparing the sweep failed: {error.reason}; see {output / loaded.name / sweep.LOG}", 1
        )
    except KeyboardInterrupt:
        print("\ninterrupted; what has ended is kept. Resume with:", file=sys.stderr)
        print(f"  {resume_command(sys.argv[1:])}", file=sys.stderr)
        raise typer.Exit(130) from None
    if dry_run:
        return
    if not summary.measured:
        print(
            f"nothing to do: {len(summary.statuses)} of {summary.planned} cells are recorded "
            "(--fresh measures again)"
        )
    print(summary)
    print(f"report: {summary.report}")
    raise typer.Exit(summary.exit_code)


@app.command("ls")
def list_entries(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help=f"One of {', '.join(listings.KINDS)}.")
    ],
) -> None:
    """What there is, a line each; of the arms, what every head costs too."""
    if kind not in listings.KINDS:
        fail(registry.unknown("kind", kind, listings.KINDS), 2)
    console = Console(markup=False, width=None if sys.stdout.isatty() else 160)
    for table in listings.KINDS[kind]():
        console.print(table)


@app.command()
def show(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Its name; rvt ls tasks has all.")],
    length: Annotated[int, typer.Option(help="Tokens of a window.")] = 64,
    rows: Annotated[int, typer.Option(help="How many rows.")] = 3,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    seed: Annotated[int, typer.Option(help="Which rows.")] = 0,
    data: Annotated[str, typer.Option(help="offline, or a data set of the hub.")] = "offline",
) -> None:
    """Rows of a task as a person reads them, inputs and labels aligned.

    Exit codes: 0 shown, 1 the data cannot be had here, 2 the request is wrong.
    """
    from bench.data.corpus import CorpusError
    from bench.tools import show as page
    from models.checkpoints import CheckpointError

    mistake = page.mistake(task, data, split, length, rows, seed)
    if mistake is not None:
        fail(mistake, 2)
    console = Console(markup=False, width=None if sys.stdout.isatty() else 120)
    try:
        for line in page.page(task, data, split, length, rows, seed, console.width):
            print(line)
    except ValueError as error:  # the data has no such window
        fail(str(error), 2)
    except (CorpusError, CheckpointError) as error:
        fail(str(error), 1)


@app.command()
def doctor(
    study_name: Annotated[
        str, typer.Argument(metavar="STUDY", help="Its name, or a TOML file.")
    ] = "quick",
) -> None:
    """What this machine is, how noisy it is, and what a study will need here.

    Exit codes: 0 the study can run, 1 part of it cannot, 2 the request is wrong.
    """
    try:
        loaded = study.load(study_name)
    except study.StudyError as error:
        fail(str(error), 2)
    from bench.data.corpus import CorpusError
    from bench.execute.processes import CellFailed, ServerError
    from bench.tools.display import Display
    from bench.tools.doctor import examine

    console = Console(markup=False, width=None if sys.stdout.isatty() else 120)
    try:
        able = examine(loaded, Display(console))
    except (ServerError, CorpusError) as error:
        fail(str(error), 1)
    except CellFailed as error:
        fail(f"preparing failed: {error.reason}", 1)
    raise typer.Exit(0 if able else 1)


@app.command()
def report(
    records: Annotated[
        Path, typer.Argument(help="A store, a file of records, or a folder with either.")
    ],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write to. Default: where the records are.")
    ] = None,
) -> None:
    """Write a study's pages, figures and tables again from its records.

    Exit codes: 0 written, 1 written but for parts that are named, 2 there are no such records,
    3 they are damaged or cannot be written.
    """
    from bench.report import render
    from bench.store import Store, StoreError, archive

    try:
        path = archive.find(records)
    except StoreError as error:
        fail(str(error), 2)
    folder = output or path.parent
    try:
        source = archive.opened(path)
        if isinstance(source, archive.Archive) and source.lacks:
            print(source.lacks, file=sys.stderr)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            print(f"report: {render.write(source, folder)}")
        finally:
            if isinstance(source, Store):
                source.close()
    except render.Incomplete as error:
        print(f"report: {error.page}")
        fail(str(error), 1)
    except StoreError as error:
        fail(str(error), 3)
    except OSError as error:
        fail(f"cannot write the report to {folder}: {error.strerror}", 3)


@app.command()
def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="REPORT", help="A report's folder, its records inside.")
    ],
) -> None:
    """Recompute every number of a report from its records, and these from their samples.

    Exit codes: 0 consistent, 1 inconsistent or decision-inconsistent, 2 there is no such report,
    3 its records are damaged.
    """
    from bench.report import verify
    from bench.store import StoreError

    try:
        found = verify.verify(folder)
    except verify.NoReportError as error:
        fail(str(error), 2)
    except StoreError as error:
        fail(str(error), 3)
    for line in found.lines():
        print(line)
    raise typer.Exit(0 if found.state == verify.CONSISTENT else 1)


def names(text: str | None) -> list[str] | None:
    """``cpu,cuda`` as a list."""
    return None if text is None else [part.strip() for part in text.split(",")]


def resume_command(arguments: list[str]) -> str:
    """The command that goes on where this one was stopped."""
    import shlex

    return shlex.join(["rvt", *(part for part in arguments if part != "--fresh")])


def fail(message: str, code: int) -> NoReturn:
    """One clear message on standard error, then the exit code."""
    print(message, file=sys.stderr)
    raise typer.Exit(code)
