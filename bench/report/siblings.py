"""The pages beside the first: one for each probe, one with every claim, one on method."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from bench.claims import Judged
from bench.page.contract import Section
from bench.page.judgement import RULE
from bench.report import budget, compared, facts, views
from bench.report.blocks import (
    Block,
    Code,
    Figure,
    File,
    Folded,
    Heading,
    Items,
    Link,
    Page,
    Parts,
    Strong,
    Text,
)
from bench.report.content import Content, Part
from bench.report.front import CLAIMS, METHOD, part_told
from bench.report.gallery import Gallery, Shot
from bench.report.pages import SIGNS
from bench.report.text import identifier

_BACK: Parts = [Link("The answer", "")]
_NAMED = 12  # figures that are not drawn, by name


def pages(content: Content, gallery: Gallery) -> Iterator[Page]:
    """Every page but the first."""
    for part in content.parts:
        if part_told(part, content):
            yield _of_probe(content, part, gallery)
    yield _claims(content)
    yield _method(content)


def _of_probe(content: Content, part: Part, gallery: Gallery) -> Page:
    """What one probe has to say: answers, then sections with pictures and tables."""
    blocks: list[Block] = []
    for question, sentences in part.answers:
        blocks += [Heading(question, identifier(question)), Items([[text] for text in sentences])]
    drawn, missing = _drawn(part.sections, gallery)
    for section in part.sections:
        blocks += _section(content, section, drawn.get(section.title, []))
    if missing:
        blocks += _not_drawn(missing)
    return Page(part.probe, part.summary.rstrip("."), [_BACK], blocks)


def _drawn(
    sections: Sequence[Section], gallery: Gallery
) -> tuple[dict[str, list[Figure]], list[Shot]]:
    """The figures of each section, and what is left out: pictures take turns until it is enough."""
    pictures = [shots for section in sections for shots in gallery.shots(section)]
    turns = [shot for turn in zip_longest(*pictures) for shot in turn if shot is not None]
    kept: dict[str, Figure] = {}
    left: list[Shot] = []
    for shot in turns:
        if len(kept) == budget.DRAWN:
            left.append(shot)
        elif (figure := gallery.figure(shot)) is not None:
            kept[shot.stem] = figure
    found: dict[str, list[Figure]] = {}
    for shots in pictures:
        for shot in shots:
            if shot.stem in kept:
                found.setdefault(shot.section.title, []).append(kept[shot.stem])
    return found, left


def _section(content: Content, section: Section, figures: Sequence[Figure]) -> list[Block]:
    tables = []
    for view in section.tables:
        if not (frame := content.frames[view.name]).empty:
            made = content.tries(f"view of table {view.name}", views.table, view, frame)
            tables += [made] if made is not None else []
    if not figures and not tables:
        return []
    texts = [Text([paragraph]) for paragraph in section.text.split("\n\n") if paragraph]
    return [Heading(section.title, f"section-{section.place}"), *texts, *figures, *tables]


def _not_drawn(shots: Sequence[Shot]) -> list[Block]:
    named: list[Parts] = [[f"{shot.section.title}: {shot.where}"] for shot in shots[:_NAMED]]
    rest = len(shots) - len(named)
    return [
        Heading("Not drawn here", "not-drawn"),
        Text(
            [f"{len(shots)} more figures; ", Code("rvt plot"), " draws any column of the tables."]
        ),
        Folded("Which they are", [Items([*named, *([[f"{rest} more."]] if rest else [])])]),
    ]


def _claims(content: Content) -> Page:
    """Every claim with every scope, and what those need that cannot be judged."""
    blocks: list[Block] = [
        Text([f"{RULE['text']} (rule {RULE['name']}, version {RULE['version']})"])
    ]
    for claim in content.judged:
        blocks += _claim(claim)
    return Page(CLAIMS, "Every claim, and what these records say of it", [_BACK], blocks)


def _claim(claim: Judged) -> Iterator[Block]:
    say = claim.literals
    yield Heading(claim.sentence, f"claim-{claim.name}")
    state = Strong(f"{SIGNS[claim.state]} {claim.state}")
    yield Text([state, f". {claim.headline}" if claim.headline else "."])
    scopes = [[f"{j.state.capitalize()}. {j.sentence}"] for j in claim.decided]
    if claim.undecided:
        scopes.append([claim.undecided])
    yield Items(scopes)
    delta = "" if say["DELTA"] is None else f" Differences below {say['DELTA']} count as none."
    yield Items(
        [
            [f"What is looked at: {say['QUANTITY']}; {say['LOOKS']}.{delta}"],
            [f"Where the claim is true: {say['DIRECTION']}."],
            [f"What would support it: {say['SUPPORTED']}."],
            [f"What would overturn it: {say['REFUTED']}."],
            [f"What it needs: {say['NEEDS']}."],
        ]
    )


def _method(content: Content) -> Page:
    """How it was measured, and what has no result."""
    named = content.meta("comparisons", {})
    used = {record["cell"]["comparison"] for record in content.records}
    blocks: list[Block] = [
        Heading("The run", "run"),
        Items([[Strong(f"{name}:"), f" {text}"] for name, text in facts.of(content)]),
        Heading("What was asked", "asked"),
        Items([[text] for text in facts.asked(content)]),
        Heading("Comparisons", "comparisons"),
        Items([[Strong(f"{name}:"), f" {named[name].get('summary', '')}"]
               for name in named if name in used]),
        *_section(content, compared.MODELS, []),
    ]  # fmt: skip
    missing = len(content.frames["missing"])
    if missing:
        blocks += _section(content, compared.without_result(missing, content.planned), [])
    if content.tries.failures:
        blocks += [Heading("What could not be told", "failures"),
                   Items([[text] for text in content.tries.failures])]  # fmt: skip
    blocks += [Heading("All tables", "tables"), Items(list(_files(content)))]
    return Page(METHOD, "How it was measured", [_BACK], blocks)


def _files(content: Content) -> Iterator[Parts]:
    for name, frame in content.frames.items():
        if not frame.empty:
            yield [File(f"{name}.csv", f"tables/{name}.csv"), f": {len(frame):,} rows"]
