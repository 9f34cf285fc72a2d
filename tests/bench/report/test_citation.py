"""Citations, read by what reads them."""

import json
import re
from pathlib import Path

import pybtex
import pytest
import yaml
from pybtex.database import parse_string

import bench
from bench.report import citation, quote
from bench.report.citation import FORMATS, Cited
from bench.report.tex import escaped

from .graded import HOSTILE, decided, document, hostile

CFF = Path(__file__).parents[3] / "CITATION.cff"
KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@pytest.fixture
def said():
    return document()


def cited(said, claim_id=None, scope=None, **more):
    report = quote.report(said, **more)
    claim = None if claim_id is None else quote.one(report, claim_id, scope)
    return Cited(report, claim, "x.png" if claim else "")


def parsed(text):
    """The one entry of a file, as BibTeX reads it; and a style sets it."""
    (key,) = (found := parse_string(text, "bibtex")).entries
    for style in ("plain", "alpha", "unsrt"):
        assert pybtex.format_from_string(text, style, output_backend="plaintext").strip()
    assert KEY.fullmatch(key)
    return found.entries[key]


def test_an_entry_says_what_finds_the_numbers_again(said):
    claim = decided(said)
    fields = parsed(citation.bibtex(said, claim["id"])).fields
    assert fields["title"] == f"{{{claim['sentence']}: {claim['state']}}}"
    assert fields["year"] == said["ended"][:4]
    note = fields["note"].replace(r"\%", "%")
    for words in (
        said["records"]["sha256"], said["code"][0]["commit"][:12], said["machines"][0],
        "95% interval", "n = ", "rvt verify gradients",
    ):  # fmt: skip
        assert words in note, words
    report = parsed(citation.bibtex(said)).fields
    assert report["title"] == f"{{{said['title']}}}"
    assert "url" not in report
    assert [str(author) for author in parsed(citation.bibtex(said)).persons["author"]] == [
        f"{{{citation.AUTHOR}}}"
    ]


def test_keys_differ_as_what_they_name_does(said):
    name = decided(said)["id"]
    other = said | {"records": said["records"] | {"sha256": "f" * 64}}
    keys = [
        cited(said).key, cited(other).key, cited(said, name).key, cited(other, name).key,
        *(cited(said, name, {"arm": arm}).key for arm in ("lstm", "gru")),
        *(cited(said | {"study": study}).key for study in ("小", "大")),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert all(KEY.fullmatch(key) for key in keys)


def test_hostile_names_stay_text_in_every_form(said):
    said = hostile(said)
    for claim in (None, *(claim["id"] for claim in said["claims"])):
        one = cited(said, claim, url="https://example.org/a_b%20c#d&e")
        for name, (make, _) in FORMATS.items():
            text = make(one)
            assert "\x1b" not in text
            if name == "bibtex":
                entry = parsed(text)
                assert entry.fields["title"].startswith("{" + escaped(HOSTILE))
                assert entry.fields["url"] == "https://example.org/a_b%20c#d&e"
            elif name == "latex":
                assert text.isascii()
                assert HOSTILE not in text
            elif name == "markdown":
                prose = re.sub(r"(`+).*?\1", "", text)
                assert "<script" not in prose
                assert "](b)" not in prose
            elif name == "csl-json":
                assert json.loads(text)[0]["title"].startswith(HOSTILE)
            else:
                assert all(line.isprintable() for line in text.splitlines())


def test_csl_has_the_fields_that_its_schema_knows(said):
    for claim in (None, decided(said)["id"]):
        (item,) = json.loads(citation.csl_json(cited(said, claim, url="https://example.org/")))
        assert set(item) <= {"id", "type", "title", "author", "genre", "publisher", "version",
                             "note", "abstract", "issued", "URL"}  # fmt: skip
        assert item["type"] == "report"
        assert item["issued"]["date-parts"] == [[int(p) for p in said["ended"][:10].split("-")]]
        assert item["author"] == [{"literal": citation.AUTHOR}]
        assert item["URL"] == "https://example.org/"
    undated = cited(said | {"ended": None, "begun": None})
    assert "issued" not in json.loads(citation.csl_json(undated))[0]
    assert "year" not in parsed(citation.entry(undated)).fields


def test_text_has_the_sentence_and_all_that_it_rests_on(said):
    claim = decided(said)
    text = citation.text(cited(said, claim["id"]))
    assert text.startswith(f"{claim['sentence']}: {claim['state']}.\n{claim['headline']}\n")
    labels = [line.split()[0] for line in text.splitlines()[3:]]
    assert labels == ["number", "holds", "scopes", "rule", "figure", "source", "machine", "code",
                      "records", "verify"]  # fmt: skip


def test_all_settings_that_a_headline_names_have_their_numbers(said):
    claim = next(claim for claim in said["claims"] if claim["id"] == "gradient_vanishes")
    one = cited(said, claim["id"])
    assert all(arm in claim["headline"] for arm in ("Elman RNN", "LSTM", "GRU"))
    assert re.fullmatch(
        r"reach, window of 8,192 tokens: Elman RNN 9 tokens \(.*\); LSTM 12 tokens \(.*\); "
        r"GRU 12 tokens \(.*\)",
        one.number,
    )
    assert one.holds.startswith("Elman RNN, LSTM, GRU, comparison scratch, task package")
    assert one.number.rstrip(".") in " ".join(one.note.split()).replace("Reach", "reach")
    alone = cited(said, claim["id"], {"arm": "gru", "comparison": "scratch"})
    assert alone.number.startswith("reach, window of 8,192 tokens: 12 tokens (")
    assert alone.holds.startswith("GRU, comparison scratch")
    claim["headline"] = "An Elman RNN is named alone"
    assert "LSTM" not in cited(said, claim["id"]).holds


def test_what_was_recomputed_is_said(said):
    assert "checked" not in citation.text(cited(said))
    said["recomputed"] = {"agreeing": 1367, "of": 1368}
    told = "1,367 of 1,368 metrics follow from their raw samples"
    assert f"  checked   {told}\n" in citation.text(cited(said))
    assert told in cited(said).note


def test_latex_cites_its_entry_and_shows_pixels_only(said):
    claim = decided(said)["id"]
    one = cited(said, claim)
    assert f"~\\cite{{{one.key}}}." in citation.latex(one)
    assert "\\includegraphics[width=\\linewidth]{x.png}" in citation.latex(one)
    for path in ("x.svg", "a_{b}%.png"):
        other = citation.latex(Cited(one.report, one.claim, path))
        assert "includegraphics" not in other
        assert f"% LaTeX cannot include its figure by this name: {path}" in other


def test_code_in_markdown_has_a_longer_fence():
    assert citation.code("rvt verify x") == "`rvt verify x`"
    assert citation.code("a``b") == "``` a``b ```"


def test_the_suites_own_citation_is_whole_and_of_this_version():
    found = yaml.safe_load(CFF.read_text())
    assert found["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "abstract", "license", "date-released"} <= set(found)
    assert found["type"] == "software"
    assert str(found["version"]) == bench.__version__
    assert found["authors"] == [{"name": citation.AUTHOR}]
    assert found["title"].startswith(citation.SUITE)
    assert found.get("url", "") == quote.URL
