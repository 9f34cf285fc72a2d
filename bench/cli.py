"""The command line, ``rvt``. Nothing here imports torch: help and mistakes are answered at once."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bench import registry, study
from bench.study import places
from bench.tools import ending, listings
from bench.tools.console import console, say
from bench.tools.ending import fail

if TYPE_CHECKING:
    from contextlib import ExitStack

    from bench.store.archive import Source

REPORTS = places.REPORTS
PUBLISHED = Path("reports/published")

app = typer.Typer(
    name="rvt",
    cls=ending.Commands,
    help="Recurrent networks and transformers, measured on the same tasks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; exit codes are in ``rvt --help``."""
    ending.main(app)


@app.callback()
def begin() -> None:
    """Before any command: there is room for it, and what is registered is what it should be."""
    ending.check_memory()
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
    damaged or cannot be written; 130, 143 and 129 interrupted, asked to end, its terminal closed.
    """
    try:
        loaded = study.load(study_name, names(device), names(data))
    except study.StudyError as error:
        fail(str(error), 2)
    from bench.store import StoreError, sources

    sources.begun()  # before more of it is imported
    from bench import sweep
    from bench.data.corpus import CorpusError
    from bench.execute.processes import CellFailed, ServerError
    from bench.tools.display import Display

    try:
        summary = sweep.run(
            loaded,
            output / loaded.name,
            Display(console(120)),
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
    if dry_run:
        return
    if not summary.measured:
        done = "measure" if summary.reported else "do"
        say(
            f"nothing to {done}: {len(summary.statuses)} of {summary.planned} cells are recorded "
            "(--fresh measures again)"
        )
    say(summary)
    say(f"report: {summary.report}")
    raise typer.Exit(summary.exit_code)


@app.command("ls")
def list_entries(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help=f"One of {', '.join(listings.KINDS)}.")
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Checkpoints beside the listed ones: folders, or owner/name@commit.",
        ),
    ] = None,
) -> None:
    """What there is, a line each; of the arms, what every head costs too."""
    from models.checkpoints import CheckpointError

    if kind not in listings.KINDS:
        fail(registry.unknown("kind", kind, listings.KINDS), 2)
    if names and kind != "checkpoints":
        fail(f"expected names behind checkpoints only. Got {kind} {' '.join(names)}.", 2)
    screen = console(160)
    try:
        for table in listings.checkpoints(names) if names else listings.KINDS[kind]():
            screen.print(table)
    except CheckpointError as error:
        fail(str(error), 2)


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
    try:
        for line in page.page(task, data, split, length, rows, seed, console(120).width):
            say(line)
    except ValueError as error:  # the data has no such window
        fail(str(error), 2)
    except (CorpusError, CheckpointError) as error:
        fail(str(error), 1)


@app.command()
def doctor(
    study_name: Annotated[
        str | None,
        typer.Argument(metavar="STUDY", help="Its name, or a TOML file. Default: quick."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Time an arm against itself, again and again, instead.")
    ] = False,
    pairs: Annotated[int | None, typer.Option(help="With --trust: how often. Default: 20.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --trust: print JSON, for machines.")
    ] = False,
) -> None:
    """What this machine is, how noisy it is, and what a study will need here.

    Exit codes: 0 the study can run, 1 part of it cannot, 2 the request is wrong. With --trust: 0
    claims from this machine can be trusted, 1 they cannot or it is not known, 130 interrupted; what
    is known is said.
    """
    if trust and study_name is not None:
        fail(f"--trust times a pair of its own: leave out {study_name!r}, or --trust", 2)
    if pairs is not None and pairs < 1:
        fail(f"expected --pairs of 1 or more. Got {pairs}", 2)
    if trust:
        trusted(20 if pairs is None else pairs, as_json)
    if pairs is not None or as_json:
        fail("--pairs and --json are of rvt doctor --trust: give that too, or leave them out", 2)
    try:
        loaded = study.load(study_name or "quick")
    except study.StudyError as error:
        fail(str(error), 2)
    from bench.data.corpus import CorpusError
    from bench.execute.processes import CellFailed, ServerError
    from bench.tools.display import Display
    from bench.tools.doctor import examine

    try:
        able = examine(loaded, Display(console(120)))
    except (ServerError, CorpusError) as error:
        fail(str(error), 1)
    except CellFailed as error:
        fail(f"preparing failed: {error.reason}", 1)
    raise typer.Exit(0 if able else 1)


def trusted(pairs: int, as_json: bool) -> NoReturn:
    """``rvt doctor --trust``: progress on standard error where standard output is JSON."""
    import json

    from bench.data.corpus import CorpusError
    from bench.execute.processes import CellFailed, ServerError
    from bench.tools import trust
    from bench.tools.display import Display

    screen = console(120, sys.stderr if as_json else sys.stdout)
    try:
        found = trust.examine(pairs, Display(screen))
    except (ServerError, CorpusError, trust.TrustError) as error:
        fail(str(error), 1)
    except CellFailed as error:
        fail(f"preparing failed: {error.reason}", 1)
    if as_json:
        say(json.dumps(found.document(), indent=1, allow_nan=False))
    else:
        for line in found.lines():
            say(line)
    raise typer.Exit(found.code or (0 if found.trusted else 1))


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
        if isinstance(source, Store) and source.found:
            say(source.found, sys.stderr)
        elif lacks := source.meta("lacks"):
            say(f"{path}: {lacks}", sys.stderr)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            say(f"report: {render.write(source, folder)}")
        finally:
            if isinstance(source, Store):
                source.close()
    except render.Incomplete as error:
        say(f"report: {error.page}")
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
        say(line)
    raise typer.Exit(0 if found.state == verify.CONSISTENT else 1)


@app.command()
def compare(
    before: Annotated[
        Path, typer.Argument(metavar="A", help="A store, a file of records, or a folder with one.")
    ],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another run of the same study.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    fail_on_change: Annotated[
        bool, typer.Option(help="Exit 1 where a cell or a verdict changed.")
    ] = False,
) -> None:
    """What changed between two runs, what of it is real, and what cannot be told.

    Exit codes: 0 compared, 1 something changed and --fail-on-change was given, 2 the request is
    wrong, 3 records are damaged.
    """
    import json
    from contextlib import ExitStack

    from bench.report import compare as comparing

    with ExitStack() as opened:
        sources = [source(place, opened) for place in (before, after)]
        try:
            found = comparing.compare(
                sources[0][1], sources[1][1], (str(sources[0][0]), str(sources[1][0]))
            )
        except comparing.UnlikeError as error:
            fail(str(error), 2)
    if as_json:
        say(json.dumps(comparing.document(found), indent=1, allow_nan=False))
    else:
        comparing.show(found, console(160))
    raise typer.Exit(1 if fail_on_change and found.changed else 0)


@app.command()
def index(
    folder: Annotated[Path, typer.Argument(help="Folder of the published studies.")] = PUBLISHED,
) -> None:
    """Grade the sentence over all published studies; the page is written beside their folder.

    Exit codes: 0 written, 2 there are none, 3 the page cannot be written.
    """
    from bench.report import index as grading

    try:
        say(f"index: {grading.write(folder)}")
    except grading.PublishedError as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"cannot write {folder.parent / grading.PAGE}: {error.strerror}", 3)


@app.command()
def plot(
    records: Annotated[
        list[Path], typer.Argument(help="Stores, files of records, or folders with one.")
    ],
    x: Annotated[str, typer.Option("--x", help="Column across.")] = "length",
    y: Annotated[str, typer.Option("--y", help="Column up.")] = "tokens_per_s",
    by: Annotated[str, typer.Option("--by", help="Column that each colour is a value of.")] = "arm",
    where: Annotated[
        list[str] | None, typer.Option(help="COLUMN=VALUE that rows must have; may be repeated.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="Default: the first that has these columns.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write, .svg or .png. Default: Y-by-X.svg here.")
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="For a dark page.")] = False,
    logx: Annotated[
        bool | None, typer.Option("--logx/--no-logx", help="Default: where x is far apart.")
    ] = None,
    logy: Annotated[
        bool | None, typer.Option("--logy/--no-logy", help="Default: where y is far apart.")
    ] = None,
) -> None:
    """One comparison of any quantity that a table has, of one run or of several.

    Exit codes: 0 drawn, 2 the request is wrong, 3 records are damaged, or it cannot be written.
    """
    from contextlib import ExitStack

    from bench.report import plot as plotting
    from bench.report import selection

    target = output or Path(f"{y}-by-{x}.svg")
    with ExitStack() as opened:
        runs = dict(source(place, opened) for place in records)
        named = dict(zip(plotting.called(list(runs)), runs.values(), strict=True))
        try:
            request = selection.Request(
                x, y, by, selection.parsed(where or ()), table, logx, logy, dark
            )
            say(plotting.plot(named, request, target))
        except selection.PlotError as error:
            fail(str(error), 2)
        except OSError as error:
            fail(f"cannot write {target}: {error.strerror}", 3)


def source(place: Path, opened: "ExitStack") -> "tuple[Path, Source]":
    """The file that holds the records of a place, and these; ends the command without any."""
    from bench.store import Store, StoreError, archive

    try:
        path = archive.find(place)
    except StoreError as error:
        fail(str(error), 2)
    try:
        found = archive.opened(path)
    except StoreError as error:
        fail(str(error), 3)
    if isinstance(found, Store):
        opened.callback(found.close)
    return path, found


@app.command()
def cite(
    place: Annotated[
        Path, typer.Argument(metavar="REPORT", help="A report's folder, or one of its pages.")
    ],
    claim: Annotated[
        str | None, typer.Argument(help="Its name. Default: the report, and a list of its claims.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder to write every form to, with a claim's figure and cards."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files there that say something else.")
    ] = False,
    form: Annotated[
        str | None, typer.Option("--as", help="text, markdown, bibtex, latex or csl-json.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="Settings to quote alone, coordinate=value.")
    ] = None,
    url: Annotated[str, typer.Option(help="Where the report can be read.")] = "",
) -> None:
    """Quote a claim as a report grades it: sentence, number, figure, citation, how to verify it.

    Exit codes: 0 quoted, 2 the request is wrong, 3 a file cannot be written.
    """
    from bench.report import cite as citing
    from bench.report.answers import AnswersError

    try:
        within = citing.scope_of(scope or [])
        if to is None:
            say(citing.shown(place, claim, form, within, url), end="")
            return
        for path in citing.write(place, claim, to, within, url, force=force):
            say(path)
    except AnswersError as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"cannot write the citation to {to}: {error.strerror or error}", 3)


@app.command()
def blog(
    place: Annotated[
        Path, typer.Argument(metavar="REPORT", help="A report's folder, or one of its pages.")
    ],
    to: Annotated[
        Path, typer.Option(help="Folder that gets the post, and a folder of its figures.")
    ] = Path(),
    author: Annotated[
        str | None, typer.Option(help="Whose post it is, as .authors.yml names them.")
    ] = None,
    url: Annotated[str, typer.Option(help="Where the report can be read.")] = "",
) -> None:
    """Write a draft of a post for MkDocs Material, which answers claim by claim.

    Exit codes: 0 written, 2 the request is wrong, 3 it cannot be written.
    """
    from bench.report import blog as posting
    from bench.report.answers import AnswersError

    try:
        say(f"post: {posting.write(place, to, author, url)}")
    except AnswersError as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"cannot write the post to {to}: {error.strerror or error}", 3)


def names(text: str | None) -> list[str] | None:
    """``cpu,cuda`` as a list."""
    return None if text is None else [part.strip() for part in text.split(",")]
