"""What README and docs show is true: code runs, studies are valid, links lead somewhere."""

import json
import re
from pathlib import Path

import pytest
from typer.main import get_command

from bench import study
from bench.cli import app
from bench.tasks import package

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST_WORDS = 900
GRADED = re.compile(r"<!-- graded:begin -->\n(.*?)<!-- graded:end -->", re.DOTALL)
ROW = re.compile(r"^\| \[(.+?)\]\((.+?)\) \| \*\*(.+?)\*\* \| (.+?) \|$", re.MULTILINE)


def blocks(path, language):
    """The code of a page in one language, as it stands there."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def by_page(language):
    """Every such block, with a name for the test."""
    return [
        pytest.param(source, id=f"{path.stem}{number}")
        for path in PAGES
        if path.name != "CONTRIBUTING.md"  # its examples are installed and run by the contracts
        for number, source in enumerate(blocks(path, language))
    ]


@pytest.mark.parametrize("name", ["recurrent", "bert"])
@pytest.mark.parametrize("source", by_page("python"))
def test_one_name_swaps_the_model(source, name, capsys):
    swapped = source.replace('name = "recurrent"', f"name = {name!r}")
    assert repr(name) in swapped or f'"{name}"' in swapped
    namespace = {"__name__": "page"}
    exec(compile(swapped, "models.md", "exec"), namespace)
    assert namespace["model"].config.model_type == name
    printed = capsys.readouterr().out
    accuracy = float(re.fullmatch(rf"{name}: (0\.\d\d) of windows placed.*\n", printed)[1])
    assert accuracy > 1 / len(package.LABELS), "no better than guessing"


@pytest.mark.parametrize("source", by_page("toml"))
def test_a_study_that_is_shown_is_valid(source, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(source)
    assert study.load(str(path)).cells


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    for link in map("".join, links):
        if link.startswith("https://"):
            continue
        place, _, anchor = link.partition("#")
        target = path.parent / place if place else path
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            ids = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
            assert anchor in ids | set(re.findall(r'<a id="([^"]+)"', target.read_text()))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_that_are_named_are_there(path):
    named = set(re.findall(r"\brvt ([a-z]+)\b", path.read_text()))
    assert named <= set(get_command(app).commands)


def test_every_command_has_its_place():
    told = (ROOT / "docs" / "commands.md").read_text()
    for name in get_command(app).commands:
        assert f"`rvt {name} " in told or f"`rvt {name}`" in told, name


def test_every_page_is_linked_by_a_question():
    told = README.read_text()
    for path in PAGES[2:]:
        if path.name != "README.md":
            assert f"(docs/{path.name})" in told, path.name


def test_readme_is_short():
    assert len(README.read_text().split()) <= MOST_WORDS


def test_what_readme_grades_is_what_the_published_studies_say():
    """Each row is a claim of the study that it links, with its verdict and its headline."""
    (graded,) = GRADED.findall(README.read_text())
    said = {
        (path.parent.name, claim["sentence"], claim["state"]): claim
        for path in (ROOT / "reports" / "published").glob("*/claim.json")
        for claim in json.loads(path.read_text())["claims"]
        if claim["judgements"]
    }
    rows = ROW.findall(graded)
    assert bool(rows) == bool(said), "a published verdict is in README"
    for sentence, link, state, found in rows:
        page = ROOT / link.partition("#")[0]
        assert page.is_file()
        claim = said[page.parent.name, sentence, state]
        plain = found.replace("\\", "")
        assert plain == (claim["headline"] or claim["undecided"]), sentence
