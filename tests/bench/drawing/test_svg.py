"""Pictures that stand inside a page."""

import re
import xml.etree.ElementTree as ET

from bench.drawing import colours, style, svg

from ..test_signs import HOSTILE
from .test_style import SPACE, figure


def saved(folder, stem, **changes):
    style.save(figure(**changes), folder, stem, png=False)
    return folder / f"{stem}.svg"


def test_it_has_no_size_of_its_own_and_is_as_wide_as_the_page(tmp_path):
    root = ET.fromstring(svg.inline(saved(tmp_path, "one")))
    assert root.get("width") is root.get("height") is None
    assert root.get("viewBox") == "0 0 504 216"
    assert (root.get("role"), root.get("class")) == ("img", "figure")
    assert "max-width: 700px" in svg.CSS


def test_every_colour_is_a_variable_that_dark_pages_change(tmp_path):
    text = svg.inline(saved(tmp_path, "one"))
    body = text[text.index("</style>") :]
    assert not re.findall(r": #", body)
    used = dict(re.findall(r"var\(--(fig-\w+), (#\w+)\)", body))
    for name, shade in used.items():
        rule = f"--{name}: {colours.dark(shade)}"
        assert rule in svg.CSS or rule in text
    assert used["fig-ink"] == colours.INK


def test_two_on_one_page_share_no_ids(tmp_path):
    one, two = (svg.inline(saved(tmp_path, stem)) for stem in ("one", "two"))
    ids = [set(re.findall(r' id="([^"]*)"', text)) for text in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text, known in zip((one, two), ids, strict=True):
        used = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', text)
        assert {name for pair in used for name in pair if name} <= known


def test_marks_say_what_they_are(tmp_path):
    root = ET.parse(saved(tmp_path, "one", names=["A & B"])).getroot()
    (group,) = [g for g in root.iter(f"{SPACE}g") if g.find(f"{SPACE}title") is not None]
    assert group.find(f"{SPACE}title").text == "A & B: 1 to 100"
    assert group.find(f"{SPACE}path") is not None


def test_it_loads_nothing_and_runs_nothing(tmp_path):
    text = svg.inline(saved(tmp_path, "one"))
    assert not re.search(r"<script|@import|https?://(?!www\.w3\.org)|<!DOCTYPE|<\?xml", text)
    assert "*{" not in text, "a rule for the whole page"


def test_a_picture_has_no_sign_that_xml_or_a_reader_cannot_have():
    inside = f'<g id="{svg.hover(HOSTILE[:-2])}"><text>{HOSTILE}</text></g>'
    drawn = f'<svg viewBox="0 0 1 1">{inside}</svg>'
    text = svg.tidied(drawn, HOSTILE)
    ET.fromstring(text)
    assert text.count("2Jcde") == 3
    assert {sign for sign in text if not sign.isprintable()} == {"\n"}
