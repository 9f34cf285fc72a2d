"""From a store to a report: README.md, report.html in one file, figures, tables, records.

What a page says is in the sections of the registered probes and in the claims; here it is joined,
in the order of their places. Everything is made in a folder beside its place and moved there when
it is whole.
"""

import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import jinja2
import pandas as pd

from bench import __version__, claims, registry
from bench.drawing import style
from bench.page import captions
from bench.page.contract import Facet, Picture, Question, Section
from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.page.numbers import cell_text
from bench.report import answers, compared, facts, spreadsheet, text, views
from bench.store import StoreError, archive
from bench.store.archive import Source

P = ParamSpec("P")
T = TypeVar("T")

PAGE = "README.md"
HTML = "report.html"
_PARTS = (PAGE, HTML, answers.FILE, "figures", "tables")


@dataclass
class Shown:
    """A figure on a page: its file's name, what it shows, and its caption."""

    name: str
    alt: str
    caption: str


@dataclass
class Told:
    """A section as a page has it."""

    title: str
    paragraphs: list[str]
    pictures: list[Shown] = field(default_factory=list)
    tables: list[tuple[str, pd.DataFrame]] = field(default_factory=list)


def write(store: Source, folder: Path) -> Path:
    """Write the report of a store into ``folder``; returns its first page.

    Raises:
        StoreError: the store holds no plan, or the folder cannot be written.
    """
    if store.meta("plan") is None:
        raise StoreError(f"no study was run in {folder}: there is nothing to report")
    try:
        work = Path(tempfile.mkdtemp(dir=folder, prefix=".report-"))
    except OSError as error:
        raise StoreError(
            f"cannot write the report to {folder}: {error.strerror}. The records are kept."
        ) from None
    try:
        # What is published is packed; it stays so.
        packed = isinstance(store, archive.Archive) and store.path.suffix == ".gz"
        file = archive.PACKED if packed else archive.PLAIN
        _write(store, work, file)
        for name in (*_PARTS, file):
            target = folder / name
            if target.is_dir():
                shutil.rmtree(target)
            (work / name).replace(target)
    except OSError as error:
        raise StoreError(
            f"cannot write the report to {folder}: {error.strerror}. The records are kept."
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder / PAGE


def _write(store: Source, work: Path, file: str) -> None:
    records, plan = store.records(), store.meta("plan")
    (work / "figures").mkdir()
    (work / "tables").mkdir()
    digest = archive.write(store, work / file)
    evidence = Evidence(records, store.meta("ceilings"), store.meta("published") or [])
    tries = _Tries()
    made = {name: tries(f"table {name}", evidence.__getitem__, name) for name in evidence}
    judged = sorted(_judged(evidence, tries), key=lambda claim: claim.place)
    frames = {name: pd.DataFrame() if frame is None else frame for name, frame in made.items()} | {
        "models": compared.models(records),
        "missing": compared.missing(store.meta("cells"), plan, records),
    }
    for name, frame in frames.items():
        spreadsheet.write_csv(frame, work / "tables" / f"{name}.csv")
    answers.write(answers.document(store, judged, file, digest), work / answers.FILE)
    told = _Telling(evidence, frames, store.meta("comparisons"), work / "figures", tries)
    last = [compared.MODELS]
    if len(frames["missing"]):
        last.append(compared.without_result(len(frames["missing"]), len(plan)))
    context = {
        "title": store.meta("title"),
        "source": store.meta("source"),
        "options": "".join(f" {part}" for part in store.meta("options") or ()),
        "summary": store.meta("summary"),
        "version": __version__,
        "claims": [claim for claim in judged if claim.judgements],
        "findings": list(_answers(evidence, tries)),
        "facts": facts.of(store, records, len(plan)),
        "sections": [told(section) for section in (*_sections(tries), *last)],
    }
    context["sections"] = [s for s in context["sections"] if s.pictures or s.tables]
    context["failures"] = tries.failures
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report"),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"md": text.markdown, "cell": cell_text, "svg": text.svg_of(work)}
    for name in (PAGE, HTML):
        page = environment.get_template(f"{name}.jinja" if name == PAGE else name).render(context)
        (work / name).write_text(page, encoding="utf-8")


def _sections(tries: "_Tries") -> list[Section]:
    """The sections of every registered probe, in the order of the page."""
    found: list[Section] = []
    for part in _told_parts(tries):
        found += part.SECTIONS
    return sorted(found, key=lambda section: section.place)


def _told_parts(tries: "_Tries") -> Iterator[Any]:
    for probe in registry.probes():
        if (part := tries(f"section of {probe}", registry.part, probe, "section")) is not None:
            yield part


class _Tries:
    """What a probe or a claim, which may be anybody's, fails to make is said, and the rest told."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def __call__(
        self, what: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """What is made, or None and one more failure; the traceback goes to standard error."""
        try:
            return make(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # an hour's records must not lack a page
            reason = f"{what}: {type(error).__name__}: {error}".partition("\n")[0]
            if reason not in self.failures:
                traceback.print_exception(error)
                self.failures.append(reason)
            return None


def _judged(evidence: Evidence, tries: _Tries) -> Iterator[claims.Judged]:
    """The claims, those that these records cannot judge too."""
    for name in registry.claims():
        judged = tries(f"claim {name}", claims.judge, name, evidence)
        if judged is not None:
            yield judged


def _answers(evidence: Evidence, tries: _Tries) -> Iterator[dict[str, Any]]:
    """The questions that these records say something to, in the order of the page."""
    questions: list[Question] = []
    for part in _told_parts(tries):
        questions += part.QUESTIONS
    for question in sorted(questions, key=lambda question: question.place):
        if sentences := tries(question.text, _sentences, question, evidence):
            yield {"question": question.text, "sentences": sentences}


def _sentences(question: Question, evidence: Evidence) -> list[str]:
    found: Any = question.answer(evidence)
    if isinstance(found, str):
        raise TypeError(f"expected a list of sentences. Got one text: {found[:60]!r}")
    return list(found)


@dataclass(frozen=True)
class _Telling:
    """Draws what a section has to show of the evidence."""

    evidence: Evidence
    frames: Mapping[str, pd.DataFrame]
    comparisons: Mapping[str, Any]
    folder: Path
    tries: _Tries

    def __call__(self, section: Section) -> Told:
        told = Told(section.title, section.text.split("\n\n"))
        for picture in section.pictures:
            told.pictures += self._drawn(section, picture)
        for view in section.tables:
            if (frame := self.frames[view.name]).empty:
                continue
            shown = self.tries(f"view of table {view.name}", views.shown, view, frame)
            if shown is not None:
                told.tables.append((f"tables/{view.name}.csv", shown))
        return told

    def _free(self, file: str) -> str:
        """The name, or the next that no other picture of this report has."""
        names = [file, *(f"{file}-{number}" for number in range(2, 100))]
        return next(name for name in names if not (self.folder / f"{name}.svg").exists())

    def _facets(self, picture: Picture) -> list[tuple[str, pd.DataFrame, pd.Series]]:
        """Name and rows of each facet, and the keys of the records that it was made from."""
        found = facets(picture.rows(self.evidence), picture.by)
        if picture.made_from is None:
            return [(name, rows, rows["record"]) for name, rows in found]
        source = dict(facets(picture.made_from(self.evidence), picture.by))
        return [(name, rows, source[name]["record"]) for name, rows in found]

    def _drawn(self, section: Section, picture: Picture) -> Iterator[Shown]:
        """A picture's figures, one a facet, saved as they are made."""
        found = self.tries(f"rows of picture {picture.name}", self._facets, picture)
        for name, rows, keys in found or ():
            records = [self.evidence.by_key[key] for key in dict.fromkeys(keys)]
            facet = Facet(self.evidence, rows, records)
            file = self._free(text.slug(f"{picture.name}-{name}"))
            figure = self.tries(f"picture {file}", picture.draw, facet)
            if figure is None:
                continue
            style.save(figure, self.folder, file, png=True)
            caption = self.tries(f"caption of {file}", picture.caption, facet)
            whole = captions.whole(caption or "", records)
            yield Shown(file, f"{section.title}: {name}", whole)
