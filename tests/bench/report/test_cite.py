"""``rvt cite``, as a user runs it."""

import json
import subprocess
import sys

import pytest
from PIL import Image
from pybtex.database import parse_file
from typer.testing import CliRunner

from bench.cli import app
from bench.report import citation, cite

from .graded import HOSTILE, STEM, copied, decided, document, hostile, made, unjudged


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report with a claim that is decided, and one that its study cannot judge."""
    said = document()
    said["claims"].append(unjudged(decided(said)))
    return made(tmp_path_factory.mktemp("reports") / "gradients", said)


@pytest.fixture
def name():
    return decided(document())["id"]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_without_a_claim_all_are_listed_with_their_verdicts(report):
    done = run("cite", report)
    assert done.exit_code == 0, done.stderr
    for claim in json.loads((report / "claim.json").read_text())["claims"]:
        assert f"{claim['id']}: {claim['state']}" in done.stdout
        assert (claim["headline"] or claim["sentence"]) in done.stdout
    assert "@misc{rvt-gradients-" in done.stdout
    assert "rvt verify gradients" in done.stdout


def test_a_claim_has_its_sentence_number_figure_entry_and_command(report, name):
    for place in (report, report / "README.md", report / "pages/claims.md"):
        done = run("cite", place, name)
        assert done.exit_code == 0, done.stderr
        said = decided(document())
        figure = str(report / f"figures/{STEM}.png")
        for words in (said["sentence"], said["state"], said["headline"], "95% interval", "n = ",
                      figure, "@misc{", "rvt verify gradients"):  # fmt: skip
            assert words in done.stdout, words


def test_one_form_is_printed_alone(report, name):
    for form, (make, _) in citation.FORMATS.items():
        done = run("cite", report, name, "--as", form)
        folder, found = cite.read(report)
        figure = (folder / f"figures/{STEM}.png").as_posix()
        assert done.stdout == make(citation.Cited(found, found.claims[0], figure))


def test_a_claim_that_cannot_be_judged_says_what_it_needs(report):
    done = run("cite", report, "open")
    assert done.exit_code == 0
    assert "\nundecided: needs probe speed at two lengths\n" in done.stdout


def test_a_scope_narrows_sentence_and_verdict(report, name):
    done = run("cite", report, name, "--scope", "arm=lstm", "--scope", "comparison=scratch")
    assert done.exit_code == 0, done.stderr
    assert "the gradient reaches" in done.stdout
    assert "LSTM" in done.stdout
    assert "GRU" not in done.stdout
    assert "it depends" not in done.stdout


@pytest.mark.parametrize(("arguments", "words"), [
    (["{report}", "opn"], "unknown claim 'opn'. Did you mean 'open'?"),
    (["{report}", "open", "--as", "bibtx"], "unknown form 'bibtx'. Did you mean 'bibtex'?"),
    (["{report}", "{name}", "--scope", "arm"], "expected --scope coordinate=value"),
    (["{report}", "{name}", "--scope", "arm=lst"], "unknown arm 'lst'. Did you mean 'lstm'?"),
    (["{report}", "--scope", "arm=lstm"], "expected a claim, of which --scope picks settings"),
    (["{report}", "--url", "example"], "expected an address"),
    (["{report}/figures"], "expected a folder with claim.json"),
    (["{report}/none"], "There is no such file"),
])  # fmt: skip
def test_a_wrong_request_is_answered_in_one_sentence(report, name, arguments, words):
    done = run("cite", *(part.format(report=report, name=name) for part in arguments))
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_answers_that_are_none_are_refused(report, tmp_path):
    folder = copied(report, tmp_path / "edited")
    for text in ("", "[]", '{"schema": 99}', '{"schema": 1}', '{"schema": 1, "claims": {}}'):
        (folder / "claim.json").write_text(text)
        done = run("cite", folder)
        assert done.exit_code == 2, text
        assert "claim.json" in done.stderr
        assert "rvt report" in done.stderr or "expected JSON" in done.stderr


def test_files_of_every_form(report, name, tmp_path):
    done = run("cite", report, name, "--to", tmp_path / "new/folder", "--url", "https://a.org/")
    assert done.exit_code == 0, done.stderr
    stem = citation.slug(name)
    names = {path.name for path in (tmp_path / "new/folder").iterdir()}
    assert names == {
        *(f"{stem}.{ending}" for ending in ("txt", "md", "bib", "tex", "csl.json")),
        *(f"{stem}{ending}" for ending in cite.FIGURES),
        f"{stem}-card.png", f"{stem}-card-dark.png", "claim.json",
    }  # fmt: skip
    assert done.stdout.split() == [str(path) for path in map((tmp_path / "new/folder").joinpath, (
        line.rpartition("/")[2] for line in done.stdout.split()))]  # fmt: skip
    folder = tmp_path / "new/folder"
    for ending in cite.FIGURES:
        assert (folder / f"{stem}{ending}").read_bytes() == (
            report / f"figures/{STEM}{ending}"
        ).read_bytes()
    for ending in ("", "-dark"):
        with Image.open(folder / f"{stem}-card{ending}.png") as card:
            assert card.size == (1200, 630)
    assert f"]({stem}.png)" in (folder / f"{stem}.md").read_text()
    assert f"{{{stem}.png}}" in (folder / f"{stem}.tex").read_text()
    assert len(parse_file(folder / f"{stem}.bib").entries) == 1
    assert [c["id"] for c in json.loads((folder / "claim.json").read_text())["claims"]] == [name]
    assert run("cite", folder, name).exit_code == 0, "what was written can be quoted again"


def test_nothing_else_is_replaced_but_by_force(report, name, tmp_path):
    """The same again is no loss, and what is refused has written nothing."""
    run("cite", report, name, "--to", tmp_path)
    assert run("cite", report, name, "--to", tmp_path).exit_code == 0
    mine, names = tmp_path / f"{citation.slug(name)}.md", {p.name for p in tmp_path.iterdir()}
    mine.write_text("a note of mine")
    done = run("cite", report, name, "--to", tmp_path)
    assert done.exit_code == 2
    assert f"whose {mine.name} would be: name another one, or replace them with --force" in (
        " ".join(done.stderr.split())
    )
    assert (mine.read_text(), {p.name for p in tmp_path.iterdir()}) == ("a note of mine", names)
    assert run("cite", report, name, "--to", tmp_path, "--force").exit_code == 0
    assert "a note" not in mine.read_text()
    folder = copied(report, tmp_path / "report")
    before = (folder / "claim.json").read_bytes()
    assert run("cite", report, name, "--to", folder).exit_code == 2, "a report keeps its answers"
    assert (folder / "claim.json").read_bytes() == before


def test_of_a_scope_only_that_is_written(report, name, tmp_path):
    assert run("cite", report, name, "--scope", "arm=gru", "--to", tmp_path).exit_code == 0
    (claim,) = json.loads((tmp_path / "claim.json").read_text())["claims"]
    assert {judgement["scope"]["arm"] for judgement in claim["judgements"]} == {"gru"}


def test_a_report_without_that_figure_is_quoted_without_it(report, name, tmp_path):
    folder = copied(report, tmp_path / "bare")
    said = json.loads((folder / "claim.json").read_text())
    for stem in (None, "none", "../claim", 3):
        decided(said)["figure"] = stem
        (folder / "claim.json").write_text(json.dumps(said))
        assert "figure" not in run("cite", folder, name, "--as", "text").stdout
    assert run("cite", folder, name, "--to", tmp_path / "to").exit_code == 0
    assert not list((tmp_path / "to").glob("*.svg"))
    assert len(list((tmp_path / "to").glob("*-card*.png"))) == 2


def test_hostile_names(tmp_path):
    folder = made(tmp_path / "a `b` $(c) 小", hostile(document()))
    for claim in json.loads((folder / "claim.json").read_text())["claims"]:
        done = run("cite", folder, claim["id"], "--to", tmp_path / claim["id"])
        assert done.exit_code == 0, done.stderr
        shown = run("cite", folder, claim["id"])
        assert shown.exit_code == 0
        assert HOSTILE not in shown.stdout, "its lines would be several"
        assert "rvt verify 'a `b` $(c) 小'" in shown.stdout


def test_a_folder_that_cannot_be_written_is_said(report, name, tmp_path):
    (tmp_path / "file").touch()
    done = run("cite", report, name, "--to", tmp_path / "file/x")
    assert done.exit_code == 3
    assert "cannot write the citation to" in done.stderr


def test_nothing_large_is_imported(report, name):
    code = (
        "import sys\nfrom bench.cli import app\n"
        "try: app(['cite', *sys.argv[1:]])\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        "large = {'torch', 'transformers', 'pandas', 'matplotlib', 'scipy', 'jinja2', 'PIL'}\n"
        "assert not large & set(sys.modules), large & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(report), name], check=True, timeout=60,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    to = str(report.parent / "to")
    light = code.replace(", 'PIL'", "")
    subprocess.run([sys.executable, "-c", light, str(report), name, "--to", to], check=True,
                   timeout=60, stdout=subprocess.DEVNULL)  # fmt: skip
