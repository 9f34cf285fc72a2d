"""Every page of every report: within its budget, whole, and readable by whoever reads it."""

import itertools
import re
from pathlib import Path

import pytest

from bench.report import budget
from bench.report.pages import HTML, PAGE

from .html_page import read

PUBLISHED = Path(__file__).parents[3] / "reports" / "published"
#: Reports that this version wrote.
THERE = sorted(path.parent for path in PUBLISHED.glob("*/claim.json"))


@pytest.fixture(params=["tiny", "costs", *(path.name for path in THERE)])
def report(request):
    if request.param == "tiny":
        return request.getfixturevalue("tiny").folder
    if request.param == "costs":
        return request.getfixturevalue("reported_costs")
    return PUBLISHED / request.param


def pages(folder, ending):
    first = folder / (PAGE if ending == "md" else HTML)
    return [first, *sorted((folder / "pages").glob(f"*.{ending}"))]


def test_within_its_budget(report):
    assert list(budget.over(report)) == []


def test_pages_beside_the_first_draw_no_more_than_they_may(report):
    for page in pages(report, "md")[1:]:
        assert page.read_text().count("<picture>") <= budget.DRAWN, page.name
        for rows in re.findall(r"(?:^\|.*\n)+", page.read_text(), re.MULTILINE):
            assert len(rows.splitlines()) <= budget.ROWS + 2, page.name


def test_markdown_links_lead_somewhere(report):
    for page in pages(report, "md"):
        text = page.read_text()
        links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
        assert links
        for link in links:
            path, _, at = link.partition("#")
            target = page if not path else page.parent / path
            assert target.is_file(), f"{page.name}: {link}"
            assert not at or f'<a id="{at}"></a>' in target.read_text(), f"{page.name}: {link}"


def test_html_links_lead_somewhere(report):
    for page in pages(report, "html"):
        for attributes in read(page.read_text()).all("a"):
            path, _, at = attributes["href"].partition("#")
            target = page if not path else page.parent / path
            assert target.is_file(), f"{page.name}: {attributes}"
            assert not at or f'id="{at}"' in target.read_text(), f"{page.name}: {attributes}"


def test_html_is_one_file_without_scripts(report):
    for page in pages(report, "html"):
        seen = read(page.read_text())
        assert not seen.all("script", "iframe", "object", "link", "form")
        (policy,) = [a["content"] for a in seen.all("meta") if a.get("http-equiv")]
        assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        for _, attributes in seen.tags:
            assert not [name for name in attributes if name.startswith("on")]
        for attributes in seen.all("img", "image"):
            source = attributes.get("src") or attributes["xlink:href"]
            assert source.startswith("data:image/"), page.name


def test_ids_are_there_once_and_headings_go_down_by_one(report):
    for page in pages(report, "html"):
        seen = read(page.read_text())
        ids = [attributes["id"] for _, attributes in seen.tags if "id" in attributes]
        assert len(ids) == len(set(ids)), page.name
        levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), page.name


def test_figures_refer_to_nothing_of_another(report):
    for page in pages(report, "html"):
        text = page.read_text()
        ids = set(re.findall(r'\bid="([^"]+)"', text))
        for used in re.findall(r'url\(#([^)]+)\)|xlink:href="#([^"]+)"', text):
            assert set(used) - {""} <= ids, page.name


def test_who_does_not_see_is_told(report):
    """Pictures by a sentence, tables by their headings."""
    for page in pages(report, "html"):
        seen = read(page.read_text())
        for attributes in seen.all("svg"):
            assert attributes["role"] == "img"
            assert attributes["aria-label"].endswith((".", "…")), page.name
        assert all(attributes["scope"] == "col" for attributes in seen.all("th"))
        assert seen.tags[1][1] == {} or seen.all("html")[0]["lang"] == "en"
    for page in pages(report, "md"):
        for alt in re.findall(r'<img alt="([^"]*)"', page.read_text()):
            assert alt.endswith((".", "…")), page.name


def test_headings_of_tables_are_words(report):
    for page in pages(report, "html"):
        headings = re.findall(r'<th scope="col">([^<]*)</th>', page.read_text())
        assert not [text for text in headings if "_" in text], page.name


def test_both_forms_say_the_same(report):
    for page in pages(report, "md"):
        other = report / HTML if page.name == PAGE else page.with_suffix(".html")
        said = read(other.read_text()).text
        for line in page.read_text().splitlines():
            if line.startswith("- ") and "](" not in line:
                plain = re.sub(r"\\(.)|\*\*", r"\1", line.removeprefix("- "))
                plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
                assert plain in said, f"{page.name}: {line}"


def test_one_question_on_top_and_how_to_go_on_below(report):
    text = (report / PAGE).read_text()
    assert "?" in text.splitlines()[0]
    for command in ("rvt run ", "rvt report ", "rvt verify ", "rvt cite ", "@misc{"):
        assert command in text
