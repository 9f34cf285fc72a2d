"""``rvt index``: the sentence, graded claim by claim over all published studies and machines.

It is written from each study's ``claim.json``, beside the folder they stand in, and needs neither
pandas nor matplotlib.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from bench import registry, signs
from bench.page import sentence
from bench.page.judgement import DEPENDS, STATES, UNDECIDED
from bench.report import answers, text
from bench.store import archive

PAGE = "README.md"
_TITLE = "# The sentence, graded"  # of the template
_NEEDED = {"claims", "machines", "records", "summary", "title"}
_OTHER = sentence.Part("", "What else is claimed?", -1, -1)


class PublishedError(ValueError):
    """There are no published studies that can be read."""


@dataclass(frozen=True)
class Study:
    """A published study: its folder's name, and what its ``claim.json`` says."""

    name: str
    answers: dict[str, Any]

    @property
    def machine(self) -> str:
        """What it ran on; the versions are on its own page."""
        return "; ".join(dict.fromkeys(one.partition(";")[0] for one in self.answers["machines"]))


@dataclass(frozen=True)
class Row:
    """What one study says of a claim.

    Args:
        place, name, sentence: of the claim.
        state, found: its verdict, and the headline; of what is not decided, why.
        machine, study: where, and by which study.
        link: to the claim's section of that study's page.
    """

    place: int
    name: str
    sentence: str
    state: str
    found: str
    machine: str
    study: str
    link: str


def write(given: Path) -> Path:
    """Write the page beside the folder of the published studies; returns it.

    Raises:
        PublishedError: there is no study in the folder, or one without answers; or a page that
            somebody else wrote stands where this one would.
        OSError: it cannot be written.
    """
    folder = given.resolve()
    studies = list(_studies(folder))
    if not studies:
        raise PublishedError(
            f"no published study in {given}: expected folders with {answers.FILE}, which "
            "rvt report writes"
        )
    path = folder.parent / PAGE
    if path.exists() and not path.read_text("utf-8", "replace").startswith(_TITLE):
        raise PublishedError(
            f"{path} is there and no page of graded claims: move it away, or the studies into a "
            "folder of their own"
        )
    made = page(studies, folder.name, f"{folder.parent.name}/{folder.name}")
    path.write_text(signs.plain(made), encoding="utf-8")
    return path


def page(studies: Sequence[Study], folder: str, place: str) -> str:
    """The page, in Markdown.

    Args:
        studies: all that are published.
        folder: in which they stand, beside the page.
        place: the same as commands are given it.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report"),
        autoescape=False,  # noqa: S701  # Markdown; the filter md escapes what it must
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"md": text.markdown}
    rows = sorted((row for study in studies for row in _rows(study, folder)), key=_order)
    parts = [_part(part, rows) for part in sentence.PARTS]
    return environment.get_template("index.md.jinja").render(
        text=sentence.TEXT,
        parts=parts,
        sections=[*parts, _part(_OTHER, rows)],
        folder=folder,
        place=place,
        studies=[
            {
                "name": study.name,
                "link": _page_of(folder, study.name),
                "summary": study.answers["summary"] or study.answers["title"],
                "count": study.answers["records"]["count"],
                "machine": study.machine,
            }
            for study in studies
        ],
    )


def _studies(folder: Path) -> Iterator[Study]:
    """The studies of a folder, by name; what holds neither answers nor records is none."""
    names = (answers.FILE, archive.PACKED, archive.PLAIN)
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if any((place / name).is_file() for name in names):
            try:
                found = answers.read(place)
            except answers.AnswersError as error:
                raise PublishedError(str(error)) from None
            if lacking := sorted(_NEEDED - found.keys()):
                raise PublishedError(
                    f"{place / answers.FILE}: lacks {', '.join(lacking)}; "
                    f"rvt report {place} writes it anew from the records"
                )
            yield Study(place.name, found)


def _page_of(folder: str, study: str) -> str:
    return f"{quote(folder)}/{quote(study)}/{PAGE}"


def _rows(study: Study, folder: str) -> Iterator[Row]:
    """What a study says of each claim that it can judge at all."""
    known = registry.claims()
    for claim in study.answers["claims"]:
        if not claim["judgements"]:
            continue
        entry = known.get(claim["id"])
        yield Row(
            -1 if entry is None else int(entry.literals.get("PLACE", -1)),
            claim["id"],
            claim["sentence"],
            claim["state"],
            claim["headline"] or claim["undecided"],
            study.machine,
            study.name,
            f"{_page_of(folder, study.name)}#claim-{quote(claim['id'])}",
        )


def _order(row: Row) -> tuple[Any, ...]:
    """What is decided stands first."""
    return row.state == UNDECIDED, row.place, row.name, row.machine, row.study


def _part(part: sentence.Part, rows: Sequence[Row]) -> dict[str, Any]:
    """A part of the sentence, with the rows of its claims, and those that nobody can judge."""

    def about(place: int) -> bool:
        return (sentence.part(place) or _OTHER) is part

    mine = [row for row in rows if about(row.place)]
    judged = {row.name for row in mine}
    unjudged = [
        {"sentence": entry.literals["SENTENCE"], "needs": entry.literals["NEEDS"]}
        for name, entry in sorted(
            registry.claims().items(), key=lambda item: (item[1].literals.get("PLACE", 0), item[0])
        )
        if name not in judged and about(int(entry.literals.get("PLACE", -1)))
    ]
    states = {name: _together([row.state for row in mine if row.name == name]) for name in judged}
    counts = Counter(states.values()) + Counter({UNDECIDED: len(unjudged)})
    return {
        "words": part.words,
        "question": part.question,
        "state": _graded([*states.values(), *(UNDECIDED for _ in unjudged)]),
        "counts": _told({state: counts[state] for state in STATES if counts[state]}),
        "rows": mine,
        "open": unjudged,
    }


def _told(counts: Mapping[str, int]) -> str:
    """``1 of its 8 claims is supported, 7 are undecided.``: how many are of each state."""
    if not counts:
        return "No claim is about it."
    total = sum(counts.values())
    told: list[str] = []
    for state, count in counts.items():
        many = f"{count} of its {total} claims" if not told else str(count)
        if state != DEPENDS:
            told.append(f"{many} {'is' if count == 1 else 'are'} {state}")
        else:
            told.append(f"in {many} it depends" if told else f"It depends in {many}")
    return ", ".join(told) + "."


def _graded(states: Sequence[str]) -> str:
    """The state of a part of the sentence: one of its claims that is decided is no answer to it."""
    undecided = sum(state == UNDECIDED for state in states)
    return UNDECIDED if 2 * undecided >= len(states) else _together(states)


def _together(states: Sequence[str]) -> str:
    """What several verdicts say together: what is undecided is silent where others are not."""
    decided = set(states) - {UNDECIDED}
    if not decided:
        return UNDECIDED
    return decided.pop() if len(decided) == 1 else DEPENDS
