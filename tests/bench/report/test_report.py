"""Reports from real records, and from records somebody would rather not meet."""

import copy
import html.parser
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench import registry
from bench.page.contract import TableView
from bench.probes.learning import figures, section
from bench.probes.memory import tables
from bench.report import render, spreadsheet, views
from bench.report.text import slug
from bench.store import Store
from bench.store.records import of

from ...records import elsewhere, probes, read_csv
from ..probes.learning.trainings import LANGUAGE, PARITY, retold

NASTY = "<script>alert(1)</script> | `x` $y$ =1+1"


@pytest.fixture
def folder(tiny, tmp_path):
    shutil.copytree(tiny.folder, tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def records(tiny):
    with Store(tiny.folder) as store:
        return store.records()


def assert_all_is_there(folder, records):
    """Of every probe that measured: a figure in both forms, a table with rows, and every table."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    for probe in probes(records):
        drawn = tuple(
            f"figures/{slug(picture.name)}-"
            for section in registry.part(probe, "section").SECTIONS
            for picture in section.pictures
        )
        for kind in ("svg", "png"):
            assert any(n.startswith(drawn) and n.endswith(kind) for n in names), probe
        tables = [f"tables/{name}.csv" for name in registry.part(probe, "tables").TABLES]
        assert set(tables) <= names
        assert any(read_csv(folder / table) for table in tables), probe


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_report_is_all_there(tiny, records):
    names = {path.relative_to(tiny.folder).as_posix() for path in tiny.folder.rglob("*")}
    assert {"README.md", "report.html", "records.jsonl"} <= names
    assert {"tables/models.csv", "tables/missing.csv"} <= names
    assert set(probes(records)) == set(registry.probes()), "the tiny study measures by every probe"
    assert_all_is_there(tiny.folder, records)
    links = re.findall(r"\]\(([^)]+)\)", (tiny.folder / "README.md").read_text())
    assert links
    assert all((tiny.folder / link).is_file() for link in links)


def test_captions_say_where_it_was_measured_and_what_they_do_not_say(tiny):
    text = (tiny.folder / "README.md").read_text()
    captions = [line for line in text.splitlines() if line.startswith("*") and "SVG" in line]
    assert len(captions) == len(list((tiny.folder / "figures").glob("*.png"))) >= 5
    for caption in captions:
        for words in ("thread", "CPU", "seed"):
            assert words in caption
        assert re.search(r"not |nothing (follows|of)", caption, re.IGNORECASE)


def test_cells_without_a_result_are_listed_with_their_reason(tiny):
    rows = read_csv(tiny.folder / "tables/missing.csv")
    assert [row["status"] for row in rows] == ["unsupported"] * 2
    text = (tiny.folder / "README.md").read_text()
    assert "beyond the 32 positions" in text
    assert "| comparison | task | data | length | arm | seed | status | reason |" in text


def test_same_records_same_bytes(folder):
    first = {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with Store(folder) as store:
        render.write(store, folder)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".svg", ".png", ".csv", ".md", ".html", ".jsonl"):
            assert path.read_bytes() == first[path.name], path.name


def test_rebuilt_without_torch(folder, tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom bench.report import render\n"
        "from bench.store import Store\nfolder = Path(sys.argv[1])\n"
        "with Store(folder) as store: render.write(store, folder)\n"
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=120)


def test_hostile_text_stays_text(folder):
    with Store(folder, write=True) as store:
        cells = store.meta("cells")
        key = store.meta("plan")[0]
        record = next(r for r in store.records() if r["key"] == key)
        store.put(record | {"status": "failed", "reason": NASTY, "metrics": {}, "samples": {}})
        store.set_meta(title=NASTY, summary=NASTY, cells=cells)
        render.write(store, folder)
    page = (folder / "report.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert "script" not in {tag for tag, _ in tags.seen}
    policy = [a["content"] for tag, a in tags.seen if a.get("http-equiv")]
    assert policy[0].startswith("default-src 'none'")
    assert all(a["src"].startswith("data:") for tag, a in tags.seen if tag == "img")
    text = (folder / "README.md").read_text()
    assert "<script>" not in text
    assert NASTY not in text


def test_formulas_are_defused_and_numbers_untouched():
    assert spreadsheet.guarded("=1+1") == "'=1+1"
    assert spreadsheet.guarded("@x") == "'@x"
    assert spreadsheet.guarded(-1.5) == -1.5
    assert spreadsheet.guarded("plain") == "plain"


@pytest.fixture
def trained(records):
    """The records of the tiny study's trainings: two arms of two seeds."""
    return copy.deepcopy(of(records, "learning"))


def test_a_report_of_many_metrics_is_whole(folder, trained):
    """Through the store, every picture and table of it; one task's data in two versions."""
    beyond = {arm: {32: 0.5, 64: 0.25} for arm in ("lstm", "transformer")}
    scores = {"lstm": [0.9, 1.0], "transformer": [0.6, 0.7]}
    with Store(folder, write=True) as store:
        cells, plan = store.meta("cells"), store.meta("plan")
        for task, says in (("docstring", PARITY), ("language", LANGUAGE)):
            for record in retold(trained, says, scores, beyond):
                moved = elsewhere(record, task=task)
                store.put(moved)
                cells[moved["key"]] = moved["cell"]
        for record in trained:
            moved = elsewhere(record, data="sst2")
            store.put(moved)
            cells[moved["key"]] = moved["cell"]
        store.set_meta(cells=cells, plan=list(dict.fromkeys([*plan, *cells])))
        store.set_meta(options=["--data", "sst2"], data={"sst2": {"repo": "a/b", "revision": "c"}})
        text = render.write(store, folder).read_text()
    names = {path.stem for path in (folder / "figures").glob("*.png")}
    for name in (
        "learning-curves-scratch-docstring-cpu-float32-threads-1",
        "out-of-distribution-scratch-docstring-cpu-float32-threads-1",
        "out-of-distribution-scratch-language-cpu-float32-threads-1",
        "learning-curves-scratch-package-cpu-float32-threads-1",
        "learning-curves-scratch-package-sst2-cpu-float32-threads-1",
    ):
        assert name in names, name
    assert "out-of-distribution-scratch-package-cpu-float32-threads-1" not in names
    assert len(read_csv(folder / "tables/out_of_distribution.csv")) == 2 * 4 * 3
    assert {(row["task"], row["data"]) for row in read_csv(folder / "tables/tasks.csv")} == {
        ("package", "offline"), ("package", "sst2"), ("docstring", "offline"),
        ("language", "offline"),
    }  # fmt: skip
    assert "Who learned" in text
    assert "task package on sst2" in text
    assert "rvt run tiny.toml --data sst2 --fresh" in text
    assert "**Data:** sst2: a/b@c" in text
    for expected in ("Expected of language: ", "Expected of package: ", "package on sst2: "):
        assert text.count(expected) == 1
    assert "Task language, by bits per byte: lower is better" in text


def test_costs_are_all_there(costs, tmp_path):
    costs = shutil.copytree(costs, tmp_path / "costs")
    with Store(costs) as store:
        render.write(store, costs)
        records = store.records()
    assert_all_is_there(costs, records)
    for probe in probes(records):  # here with rows each, but for those of other probes alone
        for name in registry.part(probe, "tables").TABLES:
            assert read_csv(costs / f"tables/{name}.csv"), name
    names = {path.name for path in (costs / "figures").glob("*.png")}
    assert {path.stem for path in (costs / "figures").glob("*.svg")} == {n[:-4] for n in names}
    text = (costs / "README.md").read_text()
    for words in (
        "LSTM trains", "LSTM decodes", "Time to the first token", "takes equally long", "grows",
        "A row keeps", "flushed to zero instead of kept", "A/A, the reference beside itself",
    ):  # fmt: skip
        assert words in text, words
    assert "There is no A/A control in this version" not in text


def test_intervals_stand_beside_their_values():
    frame = pd.DataFrame(
        [
            {"phase": "training", "step_s": 0.01, "step_s_low": 0.009, "step_s_high": 0.012},
            {"phase": "forward", "step_s": 0.01, "step_s_low": np.nan, "step_s_high": np.nan},
        ]
    )
    shown = views.shown(TableView("speed", ["phase", "step_s"]), frame)
    assert list(shown["step_s"]) == ["10 ms [9 ms, 12 ms]", "10 ms"]


def test_jsonl_is_the_store(tiny, records):
    _, *lines = (tiny.folder / "records.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == records


def test_a_coordinate_is_shown_where_it_differs_and_where_it_always_is():
    frame = pd.DataFrame({"task": ["a", "a"], "seed": [0, 1], "empty": [None, None]})
    view = TableView("any", ["task", "seed", "empty", "absent"])
    assert list(views.shown(view, frame)) == ["seed"]
    assert list(views.shown(replace(view, always=("task",)), frame)) == ["task", "seed"]
    once = replace(view, always=("task",), once={"task": ["task"]})
    assert list(views.shown(once, frame)["task"]) == ["a", ""]


def test_claims_stand_before_everything_else(folder):
    with Store(folder) as store:
        page = render.write(store, folder)
    text = page.read_text()
    told = text.index("In a recurrent network the gradient vanishes")
    assert told < text.index("At a glance")
    assert "no window 4 times as long" in text or "fewer than 6 seeds" in text
    assert "What would overturn it: " in text
    assert "the gradient vanishes with distance" in (folder / "report.html").read_text()


def test_what_cannot_be_made_is_said_and_the_rest_told(folder, monkeypatch, capsys):
    """A claim, a table and a picture of anybody's may raise: no records are left without a page."""

    def broken(*_):
        raise RuntimeError("made up")

    monkeypatch.setattr("bench.claims.gradient_vanishes.judge", broken)
    monkeypatch.setitem(tables.TABLES, "memory", broken)
    monkeypatch.setattr(figures, "learning_curves", broken)
    with Store(folder) as store:
        text = render.write(store, folder).read_text()
    lacks = text[text.index("What could not be told") :]
    assert "claim gradient\\_vanishes: RuntimeError: made up" in lacks
    assert "table memory: RuntimeError: made up" in lacks
    assert "picture learning-curves-scratch-package" in lacks
    assert "Traceback" in capsys.readouterr().err
    assert "LSTM" in text
    assert list((folder / "figures").glob("gradient-flow-*.png"))


def test_what_is_of_another_type_is_said(folder, monkeypatch):
    said = section.Question(900, "How?", lambda evidence: "one text")
    monkeypatch.setattr(section, "QUESTIONS", (*section.QUESTIONS, said))
    monkeypatch.setattr("bench.claims.gradient_vanishes.judge", lambda evidence: [{"state": 1}])
    with Store(folder) as store:
        text = render.write(store, folder).read_text()
    lacks = text[text.index("What could not be told") :]
    assert "How?: TypeError: expected a list of sentences" in lacks
    assert "expected judge to return judgements. Got dict" in lacks


def test_two_pictures_of_one_name_are_two_files(folder, monkeypatch):
    first = next(s for s in section.SECTIONS if s.pictures)
    monkeypatch.setattr(section, "SECTIONS", [*section.SECTIONS, first])
    with Store(folder) as store:
        text = render.write(store, folder).read_text()
    names = re.findall(r"\(figures/([^)]+)\.svg\)", text)
    assert len(names) == len(set(names))
    assert any(name.endswith("-2") for name in names)


def test_nothing_failed(tiny):
    assert "could not be told" not in (tiny.folder / "README.md").read_text()
