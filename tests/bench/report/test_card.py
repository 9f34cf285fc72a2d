"""Cards, measured in pixels."""

import numpy as np
import pytest
from PIL import Image

from bench.report import card, quote
from bench.report.card import Block
from bench.report.citation import Cited

from .graded import HOSTILE, STEM, decided, document, hostile, made, unjudged


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    return made(tmp_path_factory.mktemp("report") / "r") / "figures" / f"{STEM}.png"


def pixels(said, claim_id, figure, path, *, dark):
    report = quote.report(said)
    card.save(Cited(report, quote.one(report, claim_id)), figure, path, dark=dark)
    with Image.open(path) as image:
        assert image.size == (1200, 630)
        return np.asarray(image.convert("RGB"), dtype=int)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("names", ["usual", "hostile"])
def test_nothing_runs_off(figure, tmp_path, names, dark):
    said = document() if names == "usual" else hostile(document())
    said["claims"].append(unjudged(decided(said)))
    if names == "hostile":
        decided(said)["sentence"] = said["machines"][0] * 5 + "W" * 300
        said["title"] = "W" * 500
    for shown in (figure, None):
        for claim in said["claims"]:
            found = pixels(said, claim["id"], shown, tmp_path / "c.png", dark=dark)
            apart = np.abs(found - found[0, 0]).sum(axis=2) > 60
            assert apart.any()
            rows, columns = np.nonzero(apart)
            assert rows.min() >= 40
            assert rows.max() <= 630 - 10
            assert columns.min() >= 50
            assert columns.max() <= 1200 - 50


def test_the_figure_stands_beside_text_that_leaves_it_room(figure, tmp_path):
    said = document()
    name = decided(said)["id"]
    bare = pixels(said, name, None, tmp_path / "a.png", dark=False)
    beside = pixels(said, name, figure, tmp_path / "b.png", dark=False)
    gap = beside[:520, 600:640]
    assert (gap == 255).all(axis=(0, 2)).sum() > 10, "a white gap"
    assert (bare[:520, 640:] != beside[:520, 640:]).any()


def test_each_verdict_has_its_colour(tmp_path):
    said = document()
    claim = decided(said)
    seen = set()
    for state in card._VERDICTS:
        claim["state"] = state
        found = pixels(said, claim["id"], None, tmp_path / "c.png", dark=False)
        ink = np.array([int(card._VERDICTS[state][0][i : i + 2], 16) for i in (1, 3, 5)])
        assert (found == ink).all(axis=2).sum() > 200
        seen.add(tuple(ink))
    assert len(seen) == len(card._VERDICTS) == 4


def test_the_same_claim_is_the_same_picture(figure, tmp_path):
    said = document()
    for name in ("a.png", "b.png"):
        pixels(said, decided(said)["id"], figure, tmp_path / name, dark=False)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_text_is_wrapped_then_smaller_then_cut():
    def fitted(text, height=100):
        return card.fitted(Block(text, (40, 20), height, "#000000"), 400)

    assert fitted("short") == (40, ["short"])
    size, lines = fitted("a sentence that is too long for this")
    assert (20 < size <= 40, " ".join(lines)) == (True, "a sentence that is too long for this")
    size, lines = fitted("word " * 200)
    assert (size, lines[-1][-1]) == (20, "…")
    assert len(lines) * 20 * 1.3 <= 100
    for size, lines in (fitted("W" * 200), fitted(HOSTILE), fitted("小" * 90)):
        font = card._font(size, bold=False)
        assert all(font.getlength(line) <= 400 for line in lines)
