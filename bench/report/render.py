"""From a store to a report: README.md, report.html in one file, figures, tables, records.

What a page says is in the sections of the registered probes and in the claims; here it is joined,
in the order of their places. Everything is made in a folder beside its place and moved there when
it is whole.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from bench import __version__, claims, registry
from bench.drawing import style
from bench.page import captions
from bench.page.contract import Facet, Picture, Question, Section
from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.page.numbers import cell_text
from bench.report import compared, facts, spreadsheet, text, views
from bench.store import StoreError, archive
from bench.store.archive import Source

PAGE = "README.md"
HTML = "report.html"
_PARTS = (PAGE, HTML, "figures", "tables")


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
    archive.write(store, work / file)
    evidence = Evidence(records, store.meta("ceilings"), store.meta("published") or [])
    frames = dict(evidence) | {
        "models": compared.models(records),
        "missing": compared.missing(store.meta("cells"), plan, records),
    }
    for name, frame in frames.items():
        spreadsheet.write_csv(frame, work / "tables" / f"{name}.csv")
    told = _Telling(evidence, frames, store.meta("comparisons"), work / "figures")
    last = [compared.MODELS]
    if len(frames["missing"]):
        last.append(compared.without_result(len(frames["missing"]), len(plan)))
    context = {
        "title": store.meta("title"),
        "source": store.meta("source"),
        "options": "".join(f" {part}" for part in store.meta("options") or ()),
        "summary": store.meta("summary"),
        "version": __version__,
        "claims": claims.judge(evidence),
        "findings": list(_answers(evidence)),
        "facts": facts.of(store, records, len(plan)),
        "sections": [told(section) for section in (*_sections(), *last)],
    }
    context["sections"] = [s for s in context["sections"] if s.pictures or s.tables]
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


def _sections() -> list[Section]:
    """The sections of every registered probe, in the order of the page."""
    found: list[Section] = []
    for probe in registry.probes():
        found += registry.part(probe, "section").SECTIONS
    return sorted(found, key=lambda section: section.place)


def _answers(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """The questions that these records say something to, in the order of the page."""
    questions: list[Question] = []
    for probe in registry.probes():
        questions += registry.part(probe, "section").QUESTIONS
    for question in sorted(questions, key=lambda question: question.place):
        if sentences := question.answer(evidence):
            yield {"question": question.text, "sentences": sentences}


@dataclass(frozen=True)
class _Telling:
    """Draws what a section has to show of the evidence."""

    evidence: Evidence
    frames: Mapping[str, pd.DataFrame]
    comparisons: Mapping[str, Any]
    folder: Path

    def __call__(self, section: Section) -> Told:
        told = Told(section.title, section.text.split("\n\n"))
        for picture in section.pictures:
            told.pictures += self._drawn(section, picture)
        for view in section.tables:
            if not (frame := self.frames[view.name]).empty:
                told.tables.append((f"tables/{view.name}.csv", views.shown(view, frame)))
        return told

    def _drawn(self, section: Section, picture: Picture) -> Iterator[Shown]:
        """A picture's figures, one a facet, saved as they are made."""
        source = None
        if picture.made_from is not None:
            source = dict(facets(picture.made_from(self.evidence), picture.by))
        for name, rows in facets(picture.rows(self.evidence), picture.by):
            keys = (rows if source is None else source[name])["record"]
            records = [self.evidence.by_key[key] for key in dict.fromkeys(keys)]
            facet = Facet(self.evidence, rows, records)
            figure = picture.draw(facet)
            if figure is None:
                continue
            file = text.slug(f"{picture.name}-{name}")
            style.save(figure, self.folder, file)
            of = dict.fromkeys(record["cell"]["comparison"] for record in records)
            summary = "; ".join(self.comparisons[one]["summary"] for one in of)
            common = captions.common(section.title, summary, records)
            yield Shown(file, f"{section.title}: {name}", f"{common} {picture.caption(facet)}")
