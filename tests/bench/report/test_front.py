"""The first page, of whatever claims and halves of a picture there are."""

from dataclasses import replace

import pytest

from bench.claims import Judged
from bench.page.contract import Hero
from bench.page.judgement import DEPENDS, REFUTED, SUPPORTED, UNDECIDED, Judgement
from bench.report import answers, budget, content, front, pages
from bench.report.blocks import Figure, Heading, Items, Screen, Text
from bench.report.gallery import Gallery
from bench.report.tries import Tries
from bench.store import Store

WORDS = " ".join(["word"] * 34) + " end."
LITERALS = {
    "SENTENCE": "A made-up network does what people say of it however long the window is",
    "QUANTITY": "reach, in tokens", "DIRECTION": "it stays", "DELTA": 0.25, "LOOKS": "once",
    "SUPPORTED": "it stays", "NEEDS": "probe gradient at two lengths with six seeds",
    "REFUTED": "in any scope the gradient reaches the far end of the longest window measured here",
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tiny):
    with Store(tiny.folder) as store:
        source = Kept(store)
    return content.gathered(source, Tries())


class Kept:
    """A source that needs no file any more."""

    def __init__(self, store):
        self._records, self._meta = store.records(), {
            name: store.meta(name)
            for name in ("study", "source", "options", "title", "question", "summary", "plan",
                         "cells", "comparisons", "published", "ceilings", "corpus", "data",
                         "begun", "elapsed_s", "estimate_s")
        }  # fmt: skip

    def records(self):
        return self._records

    def meta(self, name, default=None):
        return self._meta.get(name, default)


def claim(name, *states, place=100, keys=(), figure=None, why="fewer than 6 seeds"):
    judgements = [
        Judgement({"n": n}, state, f"{n} {WORDS.removeprefix('word ')}", keys, figure,
                  why if state == UNDECIDED else "")
        for n, state in enumerate(states)
    ]  # fmt: skip
    headline = WORDS if set(states) - {UNDECIDED} else ""
    return Judged(name, LITERALS | {"PLACE": place}, judgements, headline)


def page(told, tmp_path, *claims, heroes=()):
    """A page with these claims, and on top no halves but these."""
    first, *rest = (replace(part, heroes=()) for part in told.parts)
    parts = [replace(first, heroes=heroes), *rest]
    made = replace(told, judged=list(claims), parts=parts, tries=Tries())
    (tmp_path / "figures").mkdir(exist_ok=True)
    gallery = Gallery(made.evidence, tmp_path / "figures", made.tries)
    hero, figures = front.pictured(made, gallery)
    said = answers.document(made.source, made.judged, "records.jsonl", "0" * 64)
    writer = pages.Writer(tmp_path)
    return front.page(made, said, hero, figures, writer.text), writer, made


def lines(page):
    return next(block for block in page.blocks if isinstance(block, Screen)).lines


def test_claims_stand_in_their_order_and_those_that_nobody_judged_apart(told, tmp_path):
    made, _, _ = page(
        told, tmp_path, claim("open", UNDECIDED, place=1), claim("first", SUPPORTED, place=2),
        claim("second", REFUTED, SUPPORTED, place=3), claim("unasked", place=0),
    )  # fmt: skip
    assert [(line.at, line.state) for line in lines(made)] == [
        ("claim-open", UNDECIDED), ("claim-first", SUPPORTED), ("claim-second", DEPENDS),
    ]  # fmt: skip
    assert lines(made)[0].headline == "Undecided in 1 of 1 scopes: fewer than 6 seeds (1)."


def test_seven_claims_at_most_and_the_rest_in_one_line(told, tmp_path):
    many = [claim(f"c{n}", SUPPORTED, place=n) for n in range(9)] + [claim("unasked", place=99)]
    made, writer, _ = page(told, tmp_path, *many)
    assert len(lines(made)) == budget.CLAIMS
    assert (
        "3 other claims, 1 of them not judged by this study: [all claims, and what each needs]"
        in writer.text(made)
    )


@pytest.mark.parametrize("scopes", [1, 6, 60])
def test_any_study_is_within_its_budget(told, tmp_path, scopes):
    states = ([SUPPORTED, REFUTED, DEPENDS] * scopes)[:scopes]
    many = [claim(f"c{n}", *states, place=n) for n in range(20)]
    made, writer, _ = page(told, tmp_path, *many)
    assert budget.words(writer.text(made)) <= budget.WORDS


def test_what_weighs_most_stays_longest():
    """A seat for each part of the sentence, then by the place without its hundreds."""
    states = {100: UNDECIDED, 110: SUPPORTED, 200: REFUTED, 210: SUPPORTED, 220: SUPPORTED,
              300: SUPPORTED, 310: REFUTED, 500: SUPPORTED, 510: SUPPORTED}  # fmt: skip
    judged = [claim(f"c{place}", state, place=place) for place, state in states.items()]
    places = {most: [c.place for c in front.chosen(judged, most)] for most in (3, 4, 7)}
    assert places == {
        3: [110, 200, 300],
        4: [110, 200, 300, 500],
        7: [110, 200, 210, 300, 310, 500, 510],
    }


def test_few_claims_have_room_for_their_scopes(told, tmp_path):
    made, writer, _ = page(told, tmp_path, claim("one", *[SUPPORTED] * 9, REFUTED))
    items = next(block for block in made.blocks if isinstance(block, Items))
    said = ["".join(part if isinstance(part, str) else part.text for part in one)
            for one in items.items]  # fmt: skip
    assert len(said) == 6
    assert [text.split(".")[0] for text in said[:2]] == ["Supported", "Refuted"]
    assert said[-1] == "5 more scopes."
    assert "What would overturn this: in any scope" in writer.text(made)


def keys(told, comparison="scratch"):
    return told.frames["gradient"].query("comparison == @comparison")["record"].tolist()


def test_a_claim_shows_the_facet_that_it_rests_on_and_no_figure_is_there_twice(told, tmp_path):
    shown = {"keys": keys(told), "figure": "gradient_flow"}
    made, _, _ = page(
        told, tmp_path, claim("one", SUPPORTED, **shown), claim("two", SUPPORTED, **shown),
        claim("three", SUPPORTED, keys=keys(told), figure="no_such_picture"),
    )  # fmt: skip
    figure, *others = [block for block in made.blocks if isinstance(block, Figure)]
    assert figure.stem not in {other.stem for other in others}
    assert figure.stem.startswith("gradient_flow-scratch-package-")
    assert (tmp_path / "figures" / f"{figure.stem}-dark.png").is_file()
    assert figure.alt.endswith(").")
    assert len(figure.caption.split()) <= 40
    place = made.blocks.index(figure)
    assert isinstance(made.blocks[place + 1], Text)


def half(place, rows=lambda evidence: evidence["reach"], finding="A made-up reach is 12 tokens"):
    def draw(axes, facet):
        axes.plot(facet.rows["length"], facet.rows["reach_tokens"])

    return Hero(place, rows, draw, lambda facet: finding, lambda facet: "Reach. Not its use.")


def test_two_halves_make_the_picture_on_top(told, tmp_path):
    halves = [
        half(3, finding="No third half"), half(1),
        half(0, rows=lambda evidence: evidence["reach"].iloc[:0], finding="Nothing"),
        half(2, finding="An LSTM trains no faster."),
    ]  # fmt: skip
    made, _, _ = page(told, tmp_path, claim("one", SUPPORTED), heroes=halves)
    screen = made.blocks[0]
    assert screen.hero == Figure(
        "hero", "A made-up reach is 12 tokens. An LSTM trains no faster.",
        "Reach. Not its use. Reach. Not its use.", png=True,
    )  # fmt: skip
    text = (tmp_path / "figures/hero.svg").read_text()
    assert "A made-up reach is 12 tokens" in text
    assert "No third half" not in text


def test_half_of_a_picture_that_fails_is_said(told, tmp_path):
    def broken(evidence):
        raise RuntimeError("made up")

    made, writer, there = page(told, tmp_path, claim("one", SUPPORTED), heroes=[half(1, broken)])
    assert there.tries.failures == ["rows of the picture on top, 1: RuntimeError: made up"]
    assert "What could not be told" in writer.text(made)
    assert made.blocks[0].hero is None


def test_without_claims_the_page_says_so(told, tmp_path):
    made, writer, _ = page(told, tmp_path, claim("unasked"))
    assert "No claim can be judged from these records." in writer.text(made)
    assert "1 other claim is not judged by this study: " in writer.text(made)
    assert not [b for b in made.blocks if isinstance(b, Heading) and b.id.startswith("claim-")]


def test_a_question_is_the_title(told, tmp_path):
    made, _, _ = page(told, tmp_path)
    assert made.title.startswith("What do these records say")
    told.source._meta["question"] = "How far does it reach?"
    made, _, _ = page(told, tmp_path)
    assert made.title == "How far does it reach?"
