"""A post, built by what builds posts."""

import html.parser
import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from bench.cli import app
from bench.page.judgement import UNDECIDED
from bench.page.sentence import TEXT
from bench.report import citation, cite

from .graded import HOSTILE, STEM, copied, decided, document, hostile, made, unjudged

SITE = """\
site_name: A blog
site_url: https://example.org/
theme:
  name: material
  font: false
  palette: {scheme: default}
markdown_extensions: [footnotes, attr_list, md_in_html]
plugins: []
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    said = document()
    said["claims"].append(unjudged(decided(said)))
    return made(tmp_path_factory.mktemp("reports") / "gradients", said)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


class Page(html.parser.HTMLParser):
    """The tags of a page, and the text that a reader sees."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self.code = [], "", ""
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.cdata_elem:
            self.code += data
        else:
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def built(folder):
    """Build ``folder/docs`` with nothing that the theme does not bring; any warning is an error."""
    (folder / "mkdocs.yml").write_text(SITE)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    return folder / "site"


def notes_of(said):
    """A note on the report, and one on each claim that has a verdict."""
    judged = [claim for claim in said["claims"] if claim["state"] != UNDECIDED]
    return [f"fn:{place}" for place in range(1, len(judged) + 2)]


def split(post):
    """Front matter and text of a post."""
    _, front, text = post.read_text().split("---\n", 2)
    return yaml.safe_load(front), text


def test_a_post_builds_and_answers_claim_by_claim(report, tmp_path):
    done = run("blog", report, "--to", tmp_path / "docs", "--author", "somebody")
    assert done.exit_code == 0, done.stderr
    post = tmp_path / "docs/gradients.md"
    assert done.stdout == f"post: {post}\n"
    page = Page(built(tmp_path) / "gradients/index.html")
    claim = decided(document())
    for words in (
        claim["sentence"], claim["headline"].rstrip("."), claim["refuted_if"], claim["undecided"],
        f"These records decide {len(notes_of(document())) - 1} of the suite's ",
        "What would overturn this", "Recurrent networks are slow to train",
        "needs probe speed at two lengths", "rvt verify gradients", "95% interval",
        f"rvt cite gradients {claim['id']}", "rvt run gradients --fresh", "@misc{rvt-gradients",
        TEXT,
    ):  # fmt: skip
        assert words in " ".join(page.text.split()), words
    images = [image for image in page.all("img") if "only-" in image["src"]]
    assert [image["src"].partition("#")[2] for image in images] == ["only-light", "only-dark"]
    assert all(image["alt"].startswith(claim["headline"].rstrip(".")) for image in images)
    for image in images:
        assert (tmp_path / "site/gradients" / image["src"].partition("#")[0]).is_file()
    notes = [attrs["id"] for attrs in page.all("li") if attrs.get("id", "").startswith("fn:")]
    assert notes == notes_of(document())


def test_front_matter_is_what_the_theme_reads(report, tmp_path):
    run("blog", report, "--to", tmp_path, "--author", "o: 'x'")
    front, text = split(tmp_path / "gradients.md")
    assert front["draft"] is True
    assert front["date"].isoformat() == document()["ended"][:10]
    assert front["authors"] == ["o: 'x'"]
    assert front["categories"] == ["Benchmarks"]
    assert text.count("<!-- more -->") == 1
    assert text.index("[^1]") < text.index("<!-- more -->") < text.index("\n## ")
    run("blog", report, "--to", tmp_path / "other")
    assert split(tmp_path / "other/gradients.md")[0]["authors"] == []


def test_its_figures_are_the_reports(report, tmp_path):
    run("blog", report, "--to", tmp_path)
    name = next((tmp_path / "gradients").glob("*-dark.png")).name.removesuffix("-dark.png")
    for ending in (".png", "-dark.png"):
        assert (tmp_path / f"gradients/{name}{ending}").read_bytes() == (
            report / f"figures/{STEM}{ending}"
        ).read_bytes()
    bare = copied(report, tmp_path / "bare")
    for path in (bare / "figures").iterdir():
        path.unlink()
    run("blog", bare, "--to", tmp_path / "to")
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["gradients.md"]


def test_a_draft_that_somebody_may_have_edited_stays(report, tmp_path):
    assert run("blog", report, "--to", tmp_path).exit_code == 0
    (tmp_path / "gradients.md").write_text("mine\n")
    done = run("blog", report, "--to", tmp_path)
    assert done.exit_code == 2
    assert "somebody may have edited it: move it, or write elsewhere (--to)" in done.stderr
    assert (tmp_path / "gradients.md").read_text() == "mine\n"


def test_hostile_names_build_and_stay_text(tmp_path):
    folder = made(tmp_path / "a `b` $(c) 小", hostile(document()))
    assert run("blog", folder, "--to", tmp_path / "docs", "--author", HOSTILE).exit_code == 0
    (post,) = (tmp_path / "docs").glob("*.md")
    assert split(post)[0]["authors"] == [HOSTILE]
    page = Page(built(tmp_path) / post.stem / "index.html")
    assert "alert" not in page.code
    flat = " ".join(HOSTILE.split())
    text = " ".join(page.text.split())
    assert text.count(flat) >= 8, "title, summary, machine, claims, scope, notes"
    assert not [a for a in page.all("a") if a.get("href") == "b"]
    assert not [image for image in page.all("img") if image["src"] == "b"]
    notes = [attrs["id"] for attrs in page.all("li") if attrs.get("id", "").startswith("fn:")]
    assert notes == notes_of(document())


def test_a_report_that_judges_nothing_says_so(report, tmp_path):
    folder = copied(report, tmp_path / "none")
    said = json.loads((folder / "claim.json").read_text())
    said["claims"] = [unjudged(said["claims"][0])]
    (folder / "claim.json").write_text(json.dumps(said | {"ended": None, "begun": None}))
    run("blog", folder, "--to", tmp_path / "docs")
    front, text = split(tmp_path / "docs/gradients.md")
    assert "date" not in front
    assert "These records decide none of the suite's 1 claim." in text
    built(tmp_path)


def numbers(text):
    """Each as digits alone: ``4,096`` is the 4096 of the answers."""
    return set(re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d{3})", "", text)))


def test_numbers_are_those_of_the_answers(report, tmp_path):
    """Every number stands in a text of the answers, is the one to quote, or counts something."""
    run("blog", report, "--to", tmp_path)
    _, text = split(tmp_path / "gradients.md")
    _, found = cite.read(report)
    judged = [claim for claim in found.claims if claim.effect is not None]
    states = [claim.state for claim in found.claims]
    counts = {len(states), len(judged), *map(states.count, states)}
    known = numbers(json.dumps(found.raw)) | {str(count) for count in counts}
    known |= numbers(found.measured) | numbers(found.code)
    known |= numbers(citation.entry(citation.Cited(found)))
    for claim in judged:
        cited = citation.Cited(found, claim)
        known |= numbers(cited.number) | numbers(cited.holds)
    text = re.sub(r"\[\^\d+\]|^#.*$|\(gradients/.*\)", "", text, flags=re.MULTILINE)
    assert numbers(text) <= known


def test_what_is_no_report_is_said(tmp_path):
    done = run("blog", tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no report at" in done.stderr
