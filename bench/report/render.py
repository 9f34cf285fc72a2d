"""From records to a report: its first page, the pages beside it, figures, tables, answers, records.

What a page says is in the sections of the registered probes and in the claims; here it is joined.
Everything is made in a folder beside its place and moved there when it is whole.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.report import answers, content, front, placing, siblings, spreadsheet
from bench.report.gallery import Gallery
from bench.report.pages import FOLDER, HTML, PAGE, Writer
from bench.report.tries import Tries
from bench.store import StoreError, archive
from bench.store.archive import Source

__all__ = ["HTML", "PAGE", "Incomplete", "write"]


class Incomplete(Exception):
    """The report is written, but lacks what could not be made.

    Args:
        page: its first page.
        failures: what is lacking and why, a line each.
    """

    def __init__(self, page: Path, failures: Sequence[str]) -> None:
        self.page, self.failures = page, list(failures)
        super().__init__(
            f"the report lacks {len(failures)} part{'' if len(failures) == 1 else 's'}: "
            + "; ".join(failures)
        )


def write(source: Source, folder: Path) -> Path:
    """Write the report of a source into ``folder``; returns its first page.

    Raises:
        StoreError: the source holds no plan, or the folder cannot be written.
        Incomplete: parts of it could not be made; the rest is in its place.
    """
    if source.meta("plan") is None:
        raise StoreError(f"no study was run in {folder}: there is nothing to report")
    # What is published is packed; it stays so.
    packed = isinstance(source, archive.Archive) and source.path.suffix == ".gz"
    file = archive.PACKED if packed else archive.PLAIN
    signs = (PAGE, HTML, answers.FILE)
    parts = (*signs, FOLDER, "figures", "tables", file)
    try:
        with placing.work(folder) as work:
            failures = _write(source, work, file)
            placing.place(work, folder, parts, signs)
    except placing.Busy:
        raise StoreError(
            f"the report in {folder} is being written by another process. Wait for it, then run "
            "this again: the records are kept."
        ) from None
    except OSError as error:
        raise StoreError(
            f"cannot write the report to {folder}: {error.strerror}. The records are kept."
        ) from None
    if failures:
        raise Incomplete(folder / PAGE, failures)
    return folder / PAGE


def current(source: Source, folder: Path) -> bool:
    """Whether the report in a folder is whole, and of these records as they are now."""
    if placing.interrupted(folder) or not (folder / PAGE).exists():
        return False
    try:
        said = answers.read(folder)
    except answers.AnswersError:
        return False
    of = said.get("records")
    return isinstance(of, dict) and of.get("sha256") == archive.digest(source)


def _write(source: Source, work: Path, file: str) -> list[str]:
    """Everything of a report; what could not be made of it."""
    for name in ("figures", "tables"):
        (work / name).mkdir()
    digest = archive.write(source, work / file)
    told = content.gathered(source, Tries())
    for name, frame in told.frames.items():
        if not frame.empty:
            spreadsheet.write_csv(frame, work / "tables" / f"{name}.csv")
    gallery = Gallery(told.evidence, work / "figures", told.tries)
    hero, figures = front.pictured(told, gallery)
    said = answers.document(
        source, told.judged, file, digest,
        figures={name: figure.stem for name, figure in figures.items()},
        recomputed=(told.recomputed.agreeing, told.recomputed.of),
    )  # fmt: skip
    answers.write(said, work / answers.FILE)
    writer = Writer(work)
    for page in siblings.pages(told, gallery):
        writer.write(page)
    writer.write(front.page(told, said, hero, figures, writer.text))
    return told.tries.failures
