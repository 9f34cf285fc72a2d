"""The first page: the answer on one screen, a section a claim, published numbers, how to go on."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.claims import Judged
from bench.outcome import MEASURED
from bench.page import sentence as asked
from bench.page.contract import Excerpt, Section
from bench.page.judgement import UNDECIDED, Judgement
from bench.report import budget, facts, views
from bench.report.blocks import (
    Block,
    Code,
    Figure,
    Heading,
    Items,
    Line,
    Link,
    Listing,
    Page,
    Parts,
    Screen,
    Strong,
    Text,
)
from bench.report.citation import bibtex
from bench.report.content import Content, Part
from bench.report.gallery import Gallery, Shot
from bench.report.text import fitting
from bench.study.places import command

CLAIMS, METHOD = "claims", "method"
_FAILURES = 5  # said on the first page


@dataclass(frozen=True)
class Room:
    """How much of everything a page has; less of it until the page is within its budget."""

    claims: int = budget.CLAIMS
    scopes: int = 5
    rows: int = budget.ROWS
    headlines: bool = True  # again in their sections, which screen one has led to


#: From what a page would like to have down to what is always short enough.
_ROOMS = (
    Room(), Room(7, 4, 12), Room(7, 3, 12), Room(7, 2, 10), Room(7, 2, 10, headlines=False),
    Room(7, 1, 8), Room(7, 1, 8, headlines=False), Room(7, 0, 6), Room(7, 0, 3),
    *(Room(claims, 0, 3) for claims in range(6, 0, -1)),
)  # fmt: skip


def chosen(judged: Sequence[Judged], most: int = budget.CLAIMS) -> list[Judged]:
    """The claims of screen one, by place: decided ones before others that were looked at.

    Every part of the sentence has a seat, though its claims be undecided: that is an answer too.
    The other seats go by weight, which is a place without its hundreds: the first claim on what no
    part of the sentence says stays longer than the third on one that is answered already.
    """
    told = [claim for claim in judged if claim.judgements]
    told.sort(key=lambda claim: (claim.state == UNDECIDED, claim.place % 100, claim.place))
    parts = [asked.part(claim.place) for claim in told]
    first = [claim for n, claim in enumerate(told) if parts[n] and parts[n] not in parts[:n]]
    seats = {claim.name: claim for claim in [*first, *told]}
    return sorted(list(seats.values())[:most], key=lambda claim: claim.place)


def sentence(claim: Judged) -> str:
    """What stands beside a claim: its headline, or why there is none."""
    return claim.headline or fitting(claim.undecided, 35)


def pictured(content: Content, gallery: Gallery) -> tuple[Figure | None, dict[str, Figure]]:
    """The picture on top, and by claim the figure of its section, none of them twice."""
    hero = gallery.hero([hero for part in content.parts for hero in part.heroes])
    shots: dict[str | None, list[Shot]] = {}
    for part in content.parts:
        for section in part.sections:
            for shot in itertools.chain.from_iterable(gallery.shots(section)):
                shots.setdefault(shot.picture.name, []).append(shot)
    figures: dict[str, Figure] = {}
    for claim in chosen(content.judged):
        if len(figures) + (hero is not None) == budget.FIGURES:
            break
        used = {figure.stem for figure in figures.values()}
        fresh = (shot for shot in _showing(claim, shots) if shot.stem not in used)
        drawn = (gallery.figure(shot, png=True) for shot in fresh)
        if (figure := next((one for one in drawn if one is not None), None)) is not None:
            figures[claim.name] = figure
    return hero, figures


def _showing(claim: Judged, shots: Mapping[str | None, Sequence[Shot]]) -> Iterator[Shot]:
    """Facets that show what the headline is of, those of most of its records first.

    That of the scope which goes over most lengths, of as many one of the commonest state; another
    scope's picture would illustrate other numbers.
    """
    decided = claim.decided or list(claim.judgements)
    commonest = Counter(judgement.state for judgement in decided).most_common(1)[0][0]
    judgement = max(
        decided,
        key=lambda one: (len(one.scope.get("lengths", ())), one.state == commonest),
    )
    known = set(judgement.records)
    counted = [(len(known & set(s.keys)), s) for s in shots.get(judgement.figure, ())]
    ranked = sorted(counted, key=lambda pair: pair[0], reverse=True)
    yield from (shot for count, shot in ranked if count)


def page(
    content: Content,
    answers: dict[str, Any],
    hero: Figure | None,
    figures: Mapping[str, Figure],
    written: Callable[[Page], str],
) -> Page:
    """The first page, within its budget.

    Args:
        content: what there is to tell.
        answers: as ``claim.json`` has them.
        hero, figures: the picture on top, and those of claims by name.
        written: a page in Markdown, whose words are counted.
    """
    for room in _ROOMS:
        made = _page(content, answers, hero, figures, room)
        if budget.words(written(made)) <= budget.WORDS:
            break
    return made


def _page(
    content: Content,
    answers: dict[str, Any],
    hero: Figure | None,
    figures: Mapping[str, Figure],
    room: Room,
) -> Page:
    told = chosen(content.judged, room.claims)
    blocks: list[Block] = []
    if told:
        lines = [Line(c.state, c.sentence, sentence(c), _anchor(c)) for c in told]
        blocks.append(Screen(lines, hero))
    elif hero is not None:
        blocks.append(Screen([], hero))
    blocks += _nothing(content, told)
    blocks += _others([c for c in content.judged if c not in told])
    published = _published(content, room)
    if not any(claim.decided for claim in told):  # then this is what was found
        blocks, published = [*blocks, *published], []
    for claim in told:
        blocks += _section(claim, figures.get(claim.name), room)
    blocks += published
    blocks += [*_method(content), *_failed(content), *_again(content, answers)]
    title = content.meta("question") or (
        f"What do these records say of recurrent networks and transformers? — "
        f"{content.meta('title')}"
    )
    told_first = (
        facts.line(content), content.meta("lacks"), content.meta("summary"),
        facts.partial(content), facts.lost(content),
    )  # fmt: skip
    lead = [[text] for text in told_first if text]
    return Page("", title, lead, blocks)


def _anchor(claim: Judged) -> str:
    return f"claim-{claim.name}"


def _nothing(content: Content, told: Sequence[Judged]) -> list[Block]:
    if not any(record["status"] in MEASURED for record in content.records):
        return [Text(["Nothing has been measured yet."])]
    return [] if told else [Text(["No claim can be judged from these records."])]


def _others(others: Sequence[Judged]) -> list[Block]:
    """One line on the claims that have no section here."""
    if not others:
        return []
    lacking = sum(not claim.judgements for claim in others)
    more = Link("all claims, and what each needs", CLAIMS)
    one = len(others) == 1
    count = f"{len(others)} other claim{'' if one else 's'}"
    if lacking == len(others):
        return [Text([f"{count} {'is' if one else 'are'} not judged by this study: ", more, "."])]
    return [Text([f"{count}, {lacking} of them not judged by this study: ", more, "."])]


def _section(claim: Judged, figure: Figure | None, room: Room) -> list[Block]:
    """A claim with what it rests on."""
    blocks: list[Block] = [
        Heading(f"{claim.sentence}: {claim.state}", _anchor(claim)),
    ]
    scopes = _in_turn([j for j in claim.decided if j.sentence != claim.headline])
    shown = scopes[: room.scopes]
    if not claim.headline:
        blocks.append(Text([claim.undecided]))
    elif room.headlines or not shown:
        blocks.append(Text([Strong(claim.headline)]))
    items: list[Parts] = [_scope(judgement) for judgement in shown]
    rest = len(claim.judgements) - len(shown) - (len(claim.decided) - len(scopes))
    if rest and claim.headline:
        more = f"{rest} more scope{'' if rest == 1 else 's'}"
        items.append([Link(more, CLAIMS, _anchor(claim)), "."])
    if items:
        blocks.append(Items(items))
    if figure is not None:
        blocks.append(replace(figure, caption=fitting(figure.caption)))  # fmt: skip
    blocks.append(Text(["What would overturn this: ", f"{claim.literals['REFUTED']}."]))
    return blocks


def _in_turn(judgements: Sequence[Judgement]) -> list[Judgement]:
    """One of each state, then the next of each: what speaks against a claim is not left out."""
    seen: Counter[str] = Counter()
    turns = []
    for judgement in judgements:
        turns.append(seen[judgement.state])
        seen[judgement.state] += 1
    order = sorted(range(len(judgements)), key=turns.__getitem__)
    return [judgements[index] for index in order]


def _scope(judgement: Judgement) -> Parts:
    return [f"{judgement.state.capitalize()}. {judgement.sentence}"]


def _published(content: Content, room: Room) -> list[Block]:
    """Tables that sections have for the first page: others' numbers beside these."""
    blocks: list[Block] = []
    for part in content.parts:
        for section in part.sections:
            if section.excerpt and not content.frames[section.excerpt.view.name].empty:
                blocks += content.tries(
                    f"excerpt of {section.title}", _excerpt, content, part, section,
                    section.excerpt, room.rows,
                ) or []  # fmt: skip
    return blocks


def _excerpt(
    content: Content, part: Part, section: Section, excerpt: Excerpt, rows: int
) -> list[Block]:
    anchor = f"section-{section.place}"
    table = views.table(excerpt.view, content.frames[excerpt.view.name], rows)
    note = [*table.note, " · ", Link("more", part.probe, anchor)]
    said = Text([excerpt.sentence(content.evidence)])
    return [Heading(section.title, anchor), said, replace(table, note=note)]


def _method(content: Content) -> list[Block]:
    pages: list[Parts] = [
        [Link(part.summary.rstrip("."), part.probe)]
        for part in content.parts
        if part_told(part, content)
    ]
    cells = facts.of(content)[0][1]
    return [
        Heading("How it was measured, and everything else", "method"),
        Text([f"{cells}. ", Link("Machine, models with their parameters, settings, seeds, cells "
              "without a result and why", METHOD), "."]),
        Items([*pages, [Link("Every claim, every scope, and what each needs", CLAIMS)]]),
    ]  # fmt: skip


def part_told(part: Part, content: Content) -> bool:
    """Whether a probe has a page of its own: it answers something, or has rows to show."""
    if part.answers:
        return True
    views_of = (view for section in part.sections for view in section.tables)
    return any(not content.frames[view.name].empty for view in views_of)


def _failed(content: Content) -> list[Block]:
    """What could not be made."""
    failures = content.tries.failures
    if not failures:
        return []
    items: list[Parts] = [[fitting(text, 30)] for text in failures[:_FAILURES]]
    if len(failures) > _FAILURES:
        items.append([f"{len(failures) - _FAILURES} more: ", Link("all", METHOD, "failures"), "."])
    return [Heading("What could not be told", "failures"), Items(items)]


def _again(content: Content, answers: dict[str, Any]) -> list[Block]:
    options = content.meta("options", ())
    run = command(["rvt", "run", content.meta("source", ""), *options, "--fresh"])
    return [
        Heading("Make it again, verify it, cite it", "again"),
        Text(["The first command measures anew; the others read ", Code(answers["records"]["file"]),
              ", from which every number here is computed."]),
        Listing(f"{run}\nrvt report FOLDER\nrvt verify FOLDER\nrvt cite FOLDER"),
        Listing(bibtex(answers)),
    ]  # fmt: skip
