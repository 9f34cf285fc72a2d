"""Reports from real records, and from records somebody would rather not meet."""

import copy
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import typer

from bench import cli, registry
from bench.outcome import MEASURED
from bench.page.contract import TableView
from bench.probes.learning import figures, section
from bench.probes.memory import tables
from bench.report import budget, render, spreadsheet, views
from bench.store import Store
from bench.store.records import of
from bench.study.places import command, written

from ...conftest import TINY
from ...records import elsewhere, probes, read_csv
from ..probes.learning.trainings import LANGUAGE, PARITY, retold
from .html_page import read

NASTY = "<script>alert(1)</script> | `x` $y$ =1+1"


@pytest.fixture
def folder(tiny, tmp_path):
    shutil.copytree(tiny.folder, tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def records(tiny):
    with Store(tiny.folder) as store:
        return store.records()


def text_of(folder):
    """All pages of a report, one after the other."""
    return "\n".join(
        path.read_text() for path in [folder / "README.md", *folder.glob("pages/*.md")]
    )


def assert_all_is_there(folder, records):
    """Of every probe that measured: a page, a figure for light and dark, a table with rows."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    for probe in probes(records):
        assert {f"pages/{probe}.md", f"pages/{probe}.html"} <= names
        drawn = tuple(
            f"figures/{picture.name}-"
            for section in registry.part(probe, "section").SECTIONS
            for picture in section.pictures
        )
        figures = {name for name in names if name.startswith(drawn) and name.endswith(".svg")}
        lengths = {r["cell"]["length"] for r in records if r["cell"]["probe"] == probe}
        assert figures or len(lengths) == 1, probe  # one point is no chart
        assert {name.replace("-dark", "") for name in figures} <= figures
        tables = [f"tables/{name}.csv" for name in registry.part(probe, "tables").TABLES]
        assert any(read_csv(folder / table) for table in tables if table in names), probe


def test_report_is_all_there(tiny, records):
    names = {path.relative_to(tiny.folder).as_posix() for path in tiny.folder.rglob("*")}
    assert {"README.md", "report.html", "claim.json", "records.jsonl"} <= names
    assert {
        "tables/models.csv",
        "tables/missing.csv",
        "pages/claims.md",
        "pages/method.md",
    } <= names
    assert set(probes(records)) == set(registry.probes()), "the tiny study measures by every probe"
    assert_all_is_there(tiny.folder, records)
    in_pixels = {path.stem for path in (tiny.folder / "figures").glob("*.png")}
    shown = set(re.findall(r"figures/([^\"]+)\.png", (tiny.folder / "README.md").read_text()))
    assert in_pixels == shown


def test_cells_without_a_result_are_listed_with_their_reason(tiny):
    rows = read_csv(tiny.folder / "tables/missing.csv")
    assert [row["status"] for row in rows] == ["unsupported"] * 2
    text = (tiny.folder / "pages/method.md").read_text()
    assert "beyond the 32 positions" in text
    assert "| data | length T | model | kernel | number type | seed | status | reason |" in text
    assert " cells have a result" in (tiny.folder / "README.md").read_text().splitlines()[2]


def test_same_records_same_bytes(folder):
    first = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with Store(folder) as store:
        render.write(store, folder)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".svg", ".png", ".csv", ".md", ".html", ".jsonl"):
            assert path.read_bytes() == first[path], path.name
    assert not list(folder.glob("kept-*"))


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
    for path in [*folder.rglob("*.html"), *folder.rglob("*.md")]:
        text = re.sub(r"^(```+)\n.*?^\1$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
        assert "<script" not in text
        assert NASTY not in text
    assert "script" not in dict(read((folder / "report.html").read_text()).tags)
    assert "alert(1)" in (folder / "pages/method.html").read_text()


def test_names_that_are_formulas_or_markup_are_names(folder):
    """A comparison's name goes into files, figures, tables and sentences."""
    names = ["$x_1$ [/x]", "A", "a", "小"]
    with Store(folder, write=True) as store:
        cells, plan, named = store.meta("cells"), store.meta("plan"), store.meta("comparisons")
        for name in names:
            for record in of(store.records(), "learning"):
                moved = elsewhere(record, comparison=name)
                store.put(moved)
                cells[moved["key"]] = moved["cell"]
            named[name] = named["scratch"]
        store.set_meta(cells=cells, plan=list(dict.fromkeys([*plan, *cells])), comparisons=named)
        render.write(store, folder)
    stems = [path.stem.lower() for path in (folder / "figures").glob("learning_curves-*.svg")]
    assert len(set(stems)) == len(stems) == 2 * (1 + len(names))
    page = (folder / "pages/learning.html").read_text()
    assert all(name in page for name in names)


def test_formulas_are_defused_and_numbers_untouched(tmp_path):
    mixed = pd.DataFrame({"text": ["=1+1", "plain"], "share": [-0.5, 2e-9], "any": ["@x", -1]})
    spreadsheet.write_csv(mixed.assign(seed=[1, 2], solved=[True, None]), tmp_path / "mixed.csv")
    assert (tmp_path / "mixed.csv").read_text() == (
        "text,share,any,seed,solved\n'=1+1,-0.5,'@x,1,True\nplain,2e-09,-1,2,\n"
    )
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
        render.write(store, folder)
    text = text_of(folder)
    names = {path.stem for path in (folder / "figures").glob("*.svg")}
    for name in (
        "learning_curves-scratch-docstring-cpu-float32-threads-1",
        "out_of_distribution-scratch-docstring-cpu-float32-threads-1",
        "out_of_distribution-scratch-language-cpu-float32-threads-1",
        "learning_curves-scratch-package-cpu-float32-threads-1",
        "learning_curves-scratch-package-sst2-cpu-float32-threads-1",
    ):
        assert name in names, name
    assert "out_of_distribution-scratch-package-cpu-float32-threads-1" not in names
    assert len(read_csv(folder / "tables/out_of_distribution.csv")) == 2 * 4 * 3
    assert {(row["task"], row["data"]) for row in read_csv(folder / "tables/tasks.csv")} == {
        ("package", "offline"), ("package", "sst2"), ("docstring", "offline"),
        ("language", "offline"),
    }  # fmt: skip
    assert "Who learned" in text
    assert "task package on sst2" in text
    assert f"{command(['rvt', 'run', written(TINY)])} --data sst2 --fresh" in text
    assert "**Data:** sst2: a/b@c" in text
    for expected in ("Expected of language: ", "Expected of package: ", "package on sst2: "):
        assert text.count(expected) == 1
    assert "bits per byte" in text
    assert ", lower is better: " in text


def test_costs_are_all_there(costs, reported_costs):
    with Store(costs) as store:
        records = store.records()
    assert_all_is_there(reported_costs, records)
    for probe in probes(records):  # here with rows each, but for those of other probes alone
        for name in registry.part(probe, "tables").TABLES:
            assert read_csv(reported_costs / f"tables/{name}.csv"), name
    text = text_of(reported_costs)
    for words in (
        "LSTM decodes", "Time to the first token", "takes equally long", "grows",
        "A row keeps", "flushed to zero instead of kept", "A/A ",
    ):  # fmt: skip
        assert words in text, words
    # Whether two rounds of it decide anything hangs on what else the machine does.
    assert re.search(r"LSTM trains \d|No claim on a training step at T=\d+ .*: LSTM \d", text)


def test_intervals_stand_beside_their_values():
    frame = pd.DataFrame(
        [
            {"phase": "training", "step_s": 0.01, "step_s_low": 0.009, "step_s_high": 0.012},
            {"phase": "forward", "step_s": 0.01, "step_s_low": np.nan, "step_s_high": np.nan},
        ]
    )
    shown = views.shown(TableView("speed", ["phase", "step_s"]), frame)
    assert list(shown["step_s"]) == ["10 ms [9 ms, 12 ms]", "10 ms"]


def test_a_coordinate_is_shown_where_it_differs_and_where_it_always_is():
    frame = pd.DataFrame({"task": ["a", "a"], "seed": [0, 1], "empty": [None, None]})
    view = TableView("any", ["task", "seed", "empty", "absent"])
    assert list(views.shown(view, frame)) == ["seed"]
    assert list(views.shown(replace(view, always=("task",)), frame)) == ["task", "seed"]
    once = replace(view, always=("task",), once={"task": ["task"]})
    assert list(views.shown(once, frame)["task"]) == ["a", ""]


def test_claims_stand_before_everything_else(folder):
    with Store(folder) as store:
        text = render.write(store, folder).read_text()
    told = text.index("In a recurrent network the gradient vanishes")
    assert told < text.index("What would overturn this: ") < text.index("How it was measured")
    assert "no window 4 times as long" in text or "fewer than 6 seeds" in text


def broken(*_):
    raise RuntimeError("made up")


def test_what_cannot_be_made_is_said_and_the_rest_told(folder, monkeypatch, capsys):
    """A claim, a table and a picture of anybody's may raise: no records are left without a page."""
    monkeypatch.setattr("bench.claims.gradient_vanishes.judge", broken)
    monkeypatch.setitem(tables.TABLES, "memory", broken)
    monkeypatch.setattr(figures, "learning_curves", broken)
    with Store(folder) as store, pytest.raises(render.Incomplete) as lacks:
        render.write(store, folder)
    text = lacks.value.page.read_text()
    said = text[text.index("What could not be told") :]
    assert "claim gradient\\_vanishes: RuntimeError: made up" in said
    assert "table memory: RuntimeError: made up" in said
    assert any("picture learning_curves-scratch-package" in one for one in lacks.value.failures)
    assert any("claim gradient_vanishes" in failure for failure in lacks.value.failures)
    assert "Traceback" in capsys.readouterr().err
    assert list((folder / "figures").glob("gradient_flow-*.svg"))


def test_a_report_that_lacks_parts_is_no_success(folder, monkeypatch, capsys):
    monkeypatch.setattr("bench.claims.gradient_vanishes.judge", broken)
    with pytest.raises(typer.Exit) as ended:
        cli.report(folder)
    assert ended.value.exit_code == 1
    said = capsys.readouterr()
    assert f"report: {folder / 'README.md'}" in said.out
    assert "the report lacks 1 part: claim gradient_vanishes" in said.err


def test_what_is_of_another_type_is_said(folder, monkeypatch):
    said = section.Question(900, "How?", lambda evidence: "one text")
    monkeypatch.setattr(section, "QUESTIONS", (*section.QUESTIONS, said))
    monkeypatch.setattr("bench.claims.gradient_vanishes.judge", lambda evidence: [{"state": 1}])
    with Store(folder) as store, pytest.raises(render.Incomplete) as lacks:
        render.write(store, folder)
    told = " ".join(lacks.value.failures)
    assert "How?: TypeError: expected a list of sentences" in told
    assert "expected judge to return judgements. Got dict" in told


def test_a_picture_in_two_sections_is_one_file_and_two_of_one_name_are_a_mistake(
    folder, monkeypatch
):
    first = next(s for s in section.SECTIONS if s.pictures)
    again = replace(first, title="Again", place=999)
    monkeypatch.setattr(section, "SECTIONS", [*section.SECTIONS, again])
    with Store(folder) as store:
        render.write(store, folder)
    other = replace(again, pictures=[replace(first.pictures[0], by=("task",))])
    monkeypatch.setattr(section, "SECTIONS", [*section.SECTIONS, other])
    with Store(folder) as store, pytest.raises(render.Incomplete, match="two pictures are called"):
        render.write(store, folder)


def test_half_of_the_cells_failed(folder):
    """What is missing is said on top, counted, and each named with its reason."""
    with Store(folder, write=True) as store:
        for record in store.records()[::2]:
            store.put(record | {"status": "failed", "reason": "out of luck", "metrics": {},
                                "samples": {}})  # fmt: skip
        text = render.write(store, folder).read_text()
        measured = sum(record["status"] in MEASURED for record in store.records())
        assert f"{measured} of {len(store.meta('plan'))} cells have a result" in text
    assert "out of luck" in (folder / "pages/method.md").read_text()
    assert list(budget.over(folder)) == []


def test_nothing_measured_yet(folder):
    with Store(folder, write=True) as store:
        for record in store.records():
            store.put(record | {"status": "failed", "reason": "x", "metrics": {}, "samples": {}})
        plan = store.meta("plan")
        text = render.write(store, folder).read_text()
    assert "Nothing has been measured yet." in text
    assert not list((folder / "figures").iterdir())
    assert len(read_csv(folder / "tables/missing.csv")) == len(plan)
    assert list(budget.over(folder)) == []


def test_nothing_failed(tiny):
    assert "could not be told" not in text_of(tiny.folder)
