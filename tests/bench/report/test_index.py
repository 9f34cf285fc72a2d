"""The sentence graded over published studies, from what each says of its claims."""

import json
import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from bench import claims, registry
from bench.cli import app
from bench.page import sentence
from bench.page.evidence import Evidence
from bench.page.judgement import DEPENDS, REFUTED, SUPPORTED, UNDECIDED
from bench.report import answers, index
from bench.report.text import markdown
from bench.store import archive

from .runs import PUBLISHED


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """A folder of the published studies with what they answer."""
    folder = tmp_path_factory.mktemp("reports") / "published"
    for study in sorted(path for path in PUBLISHED.iterdir() if path.is_dir()):
        source = archive.Archive(study / archive.PACKED)
        records = source.records()
        evidence = Evidence(records, source.meta("ceilings"), source.meta("published") or [])
        judged = [claims.judge(name, evidence) for name in registry.claims()]
        (folder / study.name).mkdir(parents=True)
        shutil.copy(study / archive.PACKED, folder / study.name)
        document = answers.document(source, judged, archive.PACKED, source.digest)
        answers.write(document, folder / study.name / answers.FILE)
    return folder


@pytest.fixture
def published(answered, tmp_path):
    """Of the published studies, one that judges the claim of the gradient."""
    others = shutil.ignore_patterns("gradients-*")
    return shutil.copytree(answered, tmp_path / "published", ignore=others)


def retell(published, study, change):
    """Change what a study says of the claim of the gradient."""
    found = answers.read(published / study)
    change(found, next(c for c in found["claims"] if c["id"] == "gradient_vanishes"))
    (published / study / answers.FILE).write_text(json.dumps(found))


def rows(text):
    """The cells of each line of a table that links the claim of the gradient."""
    lines = [line for line in text.splitlines() if "#claim-gradient_vanishes)" in line]
    return [line.strip("| ").split(" | ") for line in lines]


def test_every_claim_stands_in_its_part(published):
    text = index.write(published).read_text()
    assert text.count(sentence.TEXT) == 1
    for name, entry in registry.claims().items():
        assert markdown(entry.literals["SENTENCE"]) in text, name
    for part in sentence.PARTS:
        assert f"“{part.words}”: " in text
    assert "[gradients](published/gradients/README.md)" in text


def test_links_lead_to_studies_and_claims(published):
    text = index.write(published).read_text()
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", text)
    assert any(anchor for _, anchor in links)
    for link, anchor in links:
        assert (published.parent / unquote(link)).parent.is_dir()
        assert not anchor or unquote(anchor).removeprefix("claim-") in registry.claims()


def test_each_study_has_a_row_of_each_claim_that_it_judges(published):
    (row,) = rows(index.write(published).read_text())
    assert row[4] == "gradients"
    shutil.copytree(published / "gradients", published / "again")

    def refuted(found, claim):
        claim["state"] = REFUTED

    def supported(found, claim):
        claim["state"] = SUPPORTED

    retell(published, "gradients", supported)
    retell(published, "again", refuted)
    found = rows(index.write(published).read_text())
    assert [(row[1], row[4]) for row in found] == [
        (f"**{REFUTED}**", "again"), (f"**{SUPPORTED}**", "gradients"),
    ], "what contradicts it stays"  # fmt: skip

    def elsewhere(found, claim):
        found["machines"] = ["CPU another, 8 threads; Python 3.11"]

    retell(published, "again", elsewhere)
    assert [row[3:] for row in rows(index.write(published).read_text())] == [
        ["CPU AMD EPYC with 2 hardware threads", "gradients"], ["CPU another, 8 threads", "again"],
    ]  # fmt: skip


def test_what_decides_nothing_stands_last_and_says_why(published):
    shutil.copytree(published / "gradients", published / "a")

    def undecided(found, claim):
        found["machines"] = ["CPU another, 8 threads; Python 3.11"]
        claim |= {"state": UNDECIDED, "headline": "", "undecided": "Undecided in 1 of 1 scopes."}
        for one in claim["judgements"]:
            one["state"] = UNDECIDED

    retell(published, "a", undecided)
    first, last = rows(index.write(published).read_text())
    assert (first[4], last[4]) == ("gradients", "a")
    assert last[1] == f"**{UNDECIDED}**"
    assert last[2] == "Undecided in 1 of 1 scopes.", "it was measured: nothing is lacking"


def test_what_no_study_judges_is_listed_with_its_needs(published):
    shutil.rmtree(published / "gradients")
    text = index.write(published).read_text()
    entry = registry.claims()["gradient_vanishes"].literals
    assert f"- {markdown(entry['SENTENCE'])}: needs {markdown(entry['NEEDS'])}." in text
    assert not rows(text)


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ([SUPPORTED, SUPPORTED, UNDECIDED], SUPPORTED),
        ([REFUTED], REFUTED),
        ([SUPPORTED, REFUTED], DEPENDS),
        ([UNDECIDED], UNDECIDED),
        ([], UNDECIDED),
    ],
)
def test_a_part_is_what_its_decided_claims_say(states, together):
    assert index._together(states) == together


def test_places_have_one_part_each():
    ends = [(part.least, part.most) for part in sentence.PARTS]
    assert ends == sorted(ends)
    assert [sentence.part(place) for place in (99, 500)] == [None, None]
    assert [sentence.part(place) for place in (100, 250, 300, 499)] == [
        sentence.PARTS[0], sentence.PARTS[1], sentence.PARTS[2], sentence.PARTS[2],
    ]  # fmt: skip


def test_the_same_studies_make_the_same_page(published):
    first = index.write(published).read_bytes()
    assert index.write(published).read_bytes() == first


def test_markup_of_others_stays_text(published):
    retell(published, "gradients", lambda found, claim: claim.update(headline="<b>| [x](y)"))
    assert r"&lt;b&gt;\| \[x\](y)" in index.write(published).read_text()


def test_the_committed_page_is_what_is_written(tmp_path):
    if not all((study / answers.FILE).is_file() for study in PUBLISHED.iterdir()):
        pytest.skip(f"a published study has no {answers.FILE} yet")
    folder = shutil.copytree(PUBLISHED, tmp_path / "reports" / "published")
    committed = (PUBLISHED.parent / index.PAGE).read_text()
    assert index.write(folder).read_text() == committed, "rvt index writes it"


def test_codes(published, tmp_path):
    def rvt(place):
        return CliRunner().invoke(app, ["index", str(place)])

    done = rvt(published)
    assert (done.exit_code, done.stdout.split()[0]) == (0, "index:")
    for place in (tmp_path / "nowhere", tmp_path / "published" / "gradients"):
        done = rvt(place)
        assert (done.exit_code, "no published study in" in done.stderr) == (2, True)
    retell(published, "gradients", lambda found, claim: found.pop("machines"))
    done = rvt(published)
    assert (done.exit_code, "lacks machines; rvt report" in done.stderr) == (2, True)
    (published / "gradients" / answers.FILE).unlink()
    done = rvt(published)
    assert (done.exit_code, "rvt report" in done.stderr) == (2, True), "records without answers"


def test_neither_pandas_nor_matplotlib_is_needed(published):
    code = (
        "import sys\nfrom pathlib import Path\nfrom bench.report import index\n"
        "index.write(Path(sys.argv[1]))\n"
        "assert not {'torch', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(published)], check=True, timeout=120)


@pytest.mark.parametrize(
    ("states", "graded"),
    [
        ([SUPPORTED, SUPPORTED, UNDECIDED], SUPPORTED),
        ([SUPPORTED, REFUTED, UNDECIDED], DEPENDS),
        ([SUPPORTED, UNDECIDED], UNDECIDED),
        ([SUPPORTED, *[UNDECIDED] * 7], UNDECIDED),
        ([], UNDECIDED),
    ],
)
def test_one_claim_that_is_decided_is_no_answer_to_a_part_of_the_sentence(states, graded):
    assert index._graded(states) == graded


def test_two_studies_that_contradict_each_other_leave_it_depending(published):
    shutil.copytree(published / "gradients", published / "again")
    for study, state in (("gradients", SUPPORTED), ("again", REFUTED)):
        found = answers.read(published / study)
        for claim in found["claims"]:
            claim["state"] = state if claim["judgements"] else UNDECIDED
        (published / study / answers.FILE).write_text(json.dumps(found))
    text = index.write(published).read_text()
    assert f"“{sentence.PARTS[0].words}”: {DEPENDS}.** It depends in 3 of its 3 claims." in text


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({DEPENDS: 3}, "It depends in 3 of its 3 claims."),
        ({SUPPORTED: 1, UNDECIDED: 7}, "1 of its 8 claims is supported, 7 are undecided."),
        ({REFUTED: 2, DEPENDS: 1}, "2 of its 3 claims are refuted, in 1 it depends."),
        ({}, "No claim is about it."),
    ],
)
def test_counts_are_said_in_a_sentence(counts, told):
    assert index._told(counts) == told


def test_a_page_that_somebody_else_wrote_is_left_alone(published):
    page = published.parent / "README.md"
    page.write_text("# My project\n")
    done = CliRunner().invoke(app, ["index", str(published)])
    assert done.exit_code == 2
    assert "move it away" in done.stderr
    assert page.read_text() == "# My project\n"
    page.unlink()
    for _ in range(2):  # its own it writes anew
        assert CliRunner().invoke(app, ["index", str(published)]).exit_code == 0
