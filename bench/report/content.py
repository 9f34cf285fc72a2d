"""What a report has to tell: records, tables, judgements, and each probe's sections and answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import claims, registry
from bench.page.contract import Hero, Question, Section
from bench.page.evidence import Evidence
from bench.report import compared
from bench.report.recompute import Recomputed, check
from bench.report.tries import Tries
from bench.store.archive import Source
from bench.store.records import Record


@dataclass(frozen=True)
class Part:
    """What one probe says of itself.

    Args:
        probe: its name in the registry.
        summary: what it measures, in a sentence.
        sections: in the order of the page.
        answers: questions, each with its sentences, those without any left out.
        heroes: halves of the picture on top.
    """

    probe: str
    summary: str
    sections: Sequence[Section]
    answers: Sequence[tuple[str, Sequence[str]]]
    heroes: Sequence[Hero]


@dataclass(frozen=True)
class Content:
    """All that the pages of a report are made of.

    Args:
        source: of the records.
        records, evidence: what was measured.
        frames: every table, those of no probe too.
        judged: the claims by place, those that cannot be judged too.
        parts: of the probes, by the place of their first section.
        recomputed: how many numbers follow from the records' samples.
        planned: cells of the plan.
        tries: what could not be made.
    """

    source: Source
    records: Sequence[Record]
    evidence: Evidence
    frames: Mapping[str, pd.DataFrame]
    judged: Sequence[claims.Judged]
    parts: Sequence[Part]
    recomputed: Recomputed
    planned: int
    tries: Tries

    def meta(self, name: str, default: Any = None) -> Any:
        """What the records are of."""
        value = self.source.meta(name)
        return default if value is None else value


def gathered(source: Source, tries: Tries) -> Content:
    """Everything that is computed of a source, before anything is written."""
    records, plan = source.records(), source.meta("plan")
    evidence = Evidence(records, source.meta("ceilings"), source.meta("published") or [])
    made = {name: tries(f"table {name}", evidence.__getitem__, name) for name in evidence}
    frames = {name: pd.DataFrame() if frame is None else frame for name, frame in made.items()} | {
        "models": compared.models(records),
        "missing": compared.missing(source.meta("cells"), plan, records),
    }
    judged = sorted(_judged(evidence, tries), key=lambda claim: claim.place)
    recomputed = tries("what records say again of their samples", check, records)
    return Content(
        source, records, evidence, frames, judged, list(_parts(evidence, tries)),
        recomputed or Recomputed(0, 0, []), len(plan), tries,
    )  # fmt: skip


def _judged(evidence: Evidence, tries: Tries) -> Iterator[claims.Judged]:
    """The claims, those that these records cannot judge too."""
    for name in registry.claims():
        judged = tries(f"claim {name}", claims.judge, name, evidence)
        if judged is not None:
            yield judged


def _parts(evidence: Evidence, tries: Tries) -> list[Part]:
    found = []
    for probe, entry in registry.probes().items():
        told = tries(f"section of {probe}", registry.part, probe, "section")
        if told is None:
            continue
        sections = sorted(told.SECTIONS, key=lambda section: section.place)
        questions = sorted(told.QUESTIONS, key=lambda question: question.place)
        answers = [(q.text, tries(q.text, _sentences, q, evidence)) for q in questions]
        kept = [(text, sentences) for text, sentences in answers if sentences]
        found.append(Part(probe, entry.summary, sections, kept, getattr(told, "HEROES", ())))
    return sorted(found, key=lambda part: [section.place for section in part.sections])


def _sentences(question: Question, evidence: Evidence) -> list[str]:
    found: Any = question.answer(evidence)
    if isinstance(found, str):
        raise TypeError(f"expected a list of sentences. Got one text: {found[:60]!r}")
    return list(found)
