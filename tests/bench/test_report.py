"""Reports from real records, and from records somebody would rather not meet."""

import copy
import csv
import html.parser
import json
import re
import shutil
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from bench.drawing import palette
from bench.probes.gradient import figures as gradient_figures
from bench.probes.learning import figures
from bench.report import findings, render, tables
from bench.store import Store

from ..records import elsewhere

NASTY = "<script>alert(1)</script> | `x` $y$ =1+1"


@pytest.fixture
def folder(tiny, tmp_path):
    shutil.copytree(tiny.folder, tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def records(tiny):
    with Store(tiny.folder) as store:
        return store.records()


def read_csv(path):
    with path.open() as file:
        return list(csv.DictReader(file))


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_report_is_all_there(tiny):
    names = {path.relative_to(tiny.folder).as_posix() for path in tiny.folder.rglob("*")}
    assert {"README.md", "report.html", "records.jsonl"} <= names
    for figure in ("gradient-flow", "tokens-per-s", "learning-curves", "gradient-norm"):
        for kind in ("svg", "png"):
            assert any(n.startswith(f"figures/{figure}") and n.endswith(kind) for n in names)
    for table in ("gradient", "speed", "learning", "models", "missing"):
        assert f"tables/{table}.csv" in names
    text = (tiny.folder / "README.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert all((tiny.folder / link).is_file() for link in links)


def test_captions_say_machine_versions_seeds_and_limits(tiny):
    text = (tiny.folder / "README.md").read_text()
    captions = [line for line in text.splitlines() if line.startswith("*") and "SVG" in line]
    assert len(captions) == len(list((tiny.folder / "figures").glob("*.png"))) >= 5
    for caption in captions:
        for words in ("threads", "torch 2", "transformers 5", "seed"):
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
    assert tables.guarded("=1+1") == "'=1+1"
    assert tables.guarded("@x") == "'@x"
    assert tables.guarded(-1.5) == -1.5
    assert tables.guarded("plain") == "plain"


def sentences(records):
    found = findings.all_of(tables.all_of(records))
    return [line for finding in found for line in finding.sentences]


def test_trainings_of_different_lengths_share_a_figure(records):
    """Two grids of one study may train the same arm for different numbers of steps."""
    learning = [json.loads(json.dumps(r)) for r in tables.of(records, "learning")]
    shorter = learning[0]
    shorter["cell"]["protocol"]["steps"] = 2
    for name in ("loss", "gradient_norm", "seconds", "validation"):
        shorter["samples"][name] = shorter["samples"][name][:2]
    for figure in (figures.learning_curves(learning), gradient_figures.gradient_norm(learning)):
        assert figure is not None
        plt.close(figure)


def test_nothing_measured_is_no_figure():
    for name in ("learning_curves", "out_of_distribution"):
        assert getattr(figures, name)([]) is None
    assert all(frame.empty for frame in tables.all_of([]).values())
    assert sentences([]) == []


def test_every_known_arm_has_its_own_colour():
    from bench import registry

    colours = [palette.colour(arm) for arm in registry.arms()]
    assert len(set(colours)) == len(colours)


def test_a_divergence_is_counted_not_dropped(records):
    learning = [dict(r) for r in tables.of(records, "learning")]
    cut = {name: values[:2] for name, values in learning[0]["samples"].items()}
    learning[0] |= {"status": "diverged", "metrics": {"step": 3}, "samples": cut}
    frame = tables.learning(learning)
    assert len(frame) == len(learning)
    assert 3 in list(frame["diverged_at_step"])
    figure = figures.learning_curves(learning)
    crosses = [line for here in figure.axes for line in here.lines if line.get_marker() == "x"]
    assert crosses, "where it ended is marked"
    plt.close(figure)
    assert any("1 of 2 seeds diverged" in line for line in sentences(learning))


# What a model learns: real records of trainings, told what another task would have made of them.

PARITY = {
    "metric": "accuracy", "higher_is_better": True, "floor": 0.5, "solved_at": 0.95,
}  # fmt: skip
ADDING = {
    "metric": "mean squared error", "higher_is_better": False, "floor": 1 / 6, "solved_at": 0.01,
}  # fmt: skip
LANGUAGE = {
    "metric": "bits per byte", "higher_is_better": False, "floor": 2.36, "solved_at": None,
}  # fmt: skip


@pytest.fixture
def trained(records):
    """The records of the tiny study's trainings: two arms of two seeds."""
    return copy.deepcopy(tables.of(records, "learning"))


def retold(trained, says, scores, beyond=None, shortest=0):
    """Trainings that say another metric.

    Args:
        says: what their records have in common; scores: arm to the score of each seed.
        beyond: arm to what is left of that by the length tested.
    """
    retold = copy.deepcopy(trained)
    for record in retold:
        arm, seed = record["cell"]["arm"], record["cell"]["seed"]
        score = scores[arm][seed]
        record["metrics"] |= says | {"test_metric": score, "validation_metric": score}
        threshold = says["solved_at"]
        better = 1 if says["higher_is_better"] else -1
        record["metrics"]["solved"] = threshold and better * score >= better * threshold
        record["cell"]["protocol"]["shortest"] = shortest
        for number, point in enumerate(record["samples"]["validation"]):
            point[2] = says["floor"] + (score - says["floor"]) * number / 2
        if beyond:
            points = [[length, left, 0.5] for length, left in beyond[arm].items()]
            record["samples"]["out_of_distribution"] = points
    return retold


def texts(figure):
    return [text.get_text() for here in figure.axes for text in here.texts]


def levels(here):
    """Heights of the lines drawn across a panel."""
    return {
        line.get_ydata()[0]
        for line in here.lines
        if len(set(line.get_ydata())) == 1 and list(line.get_xdata()) == [0, 1]
    }


def test_a_share_is_drawn_with_its_floor_and_threshold(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 0.9], "transformer": [0.5, 0.6]})
    figure = figures.learning_curves(made)
    above = figure.axes[0]
    assert levels(above) == {0.5, 0.95}
    assert above.get_ylabel() == "validation accuracy"
    assert {"floor\n0.5", "solved\n0.95"} <= set(texts(figure))
    low, high = above.get_ylim()
    assert low <= 0
    assert high >= 1
    plt.close(figure)


def test_an_error_is_drawn_on_a_log_axis_and_lower_is_said_to_be_better(trained):
    made = retold(trained, ADDING, {"lstm": [5e-5, 0.16], "transformer": [0.17, 0.3]})
    figure = figures.learning_curves(made)
    above, below = figure.axes
    assert above.get_yscale() == below.get_yscale() == "log"
    assert above.get_ylabel() == "validation mean squared error\n(lower is better)"
    assert levels(above) == {1 / 6, 0.01}
    low, high = above.get_ylim()
    assert low < 5e-5
    assert high > 0.3
    plt.close(figure)


def test_bits_are_drawn_beyond_1_with_their_floor_and_no_threshold(trained):
    made = retold(trained, LANGUAGE, {"lstm": [2.1, 2.2], "transformer": [4.0, 1.9]})
    figure = figures.learning_curves(made)
    low, high = figure.axes[0].get_ylim()
    assert low < 1.9
    assert high > 4
    assert levels(figure.axes[0]) == {2.36}
    assert not any("solved" in text for text in texts(figure))
    plt.close(figure)


def test_every_seed_is_drawn_thin_and_the_median_thick(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 0.8], "transformer": [0.5, 0.6]})
    figure = figures.learning_curves(made)
    blue = [line for line in figure.axes[0].lines if line.get_color() == palette.colour("lstm")]
    assert sorted(line.get_ydata()[-1] for line in blue) == pytest.approx([0.8, 0.9, 1.0])
    thick = max(blue, key=lambda line: line.get_linewidth())
    assert thick.get_ydata()[-1] == pytest.approx(0.9)
    plt.close(figure)


BEYOND = {
    "lstm": {8: 1.0, 32: 0.9, 64: 0.8},
    "transformer": {8: 0.7, 32: 0.5, 64: None},  # has no such positions
}


def test_out_of_distribution_shows_where_training_ended_and_who_reads_no_further(trained):
    made = retold(trained, PARITY, {"lstm": [1, 1], "transformer": [0.6, 0.7]}, BEYOND, 8)
    figure = figures.out_of_distribution(made)
    (here,) = figure.axes
    thick = {
        line.get_color(): dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
        for line in here.lines
        if line.get_marker() == "o"
    }
    assert thick[palette.colour("lstm")] == {8: 1.0, 16: 1.0, 32: 0.9, 64: 0.8}
    assert thick[palette.colour("transformer")] == pytest.approx({8: 0.7, 16: 0.65, 32: 0.5})
    assert 16 in {line.get_xdata()[0] for line in here.lines if line.get_linestyle() == ":"}
    assert {" trained to 16", "floor\n0.5", "solved\n0.95"} <= set(texts(figure))
    assert here.get_title() == "trained on T = 8 to 16"
    plt.close(figure)
    assert figures.out_of_distribution(trained) is None, "tested on no other length"


def test_out_of_distribution_has_a_row_for_every_length_and_seed(trained):
    made = retold(trained, PARITY, {"lstm": [1, 1], "transformer": [0.6, 0.7]}, BEYOND, 8)
    frame = tables.out_of_distribution(made)
    assert len(frame) == 4 * 4
    inside = frame[frame["in_distribution"]]
    assert sorted(set(inside["test_length"])) == [8, 16]
    lost = frame[frame["test_metric"].isna()]
    assert set(zip(lost["arm"], lost["test_length"], strict=True)) == {("transformer", 64)}
    assert not lost["solved"].any()
    (line,) = [line for line in sentences(made) if line.startswith("Trained at")]
    assert "T=8–16, tested to T=64" in line
    assert "LSTM 1.00 → 0.80, transformer 0.65 → 0.50 at T=32, and reads none longer" in line
    assert "Floor there 0.5" in line


def test_a_floor_that_depends_on_the_length_is_drawn_as_it_does(trained, monkeypatch, tmp_path):
    """A task of the reader's own, whose floor is a formula."""
    from bench import registry, tasks

    entry = registry.Entry("halving", "", {"FLOOR": "1 / T", "METRIC": "nats"})
    task = type("Halving", (), {"FLOOR": "1 / T", "floor": staticmethod(lambda n: 1 / n)})
    known = registry.tasks() | {"halving": entry}
    monkeypatch.setattr(registry, "tasks", lambda: known)
    monkeypatch.setattr(tasks, "load", lambda name: task)
    says = {"metric": "nats", "higher_is_better": False, "floor": 1 / 16, "solved_at": None}
    beyond = {arm: {32: 0.02, 64: 0.01} for arm in ("lstm", "transformer")}
    made = retold(trained, says, {"lstm": [0.05, 0.05], "transformer": [0.05, 0.06]}, beyond)
    for record in made:
        record["cell"]["task"] = "halving"
    figure = figures.out_of_distribution(made)
    dashed = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert [list(line.get_ydata()) for line in dashed] == [[1 / 16, 1 / 32, 1 / 64]]
    plt.close(figure)
    assert set(tables.out_of_distribution(made)["floor"]) == {1 / 16, 1 / 32, 1 / 64}


@pytest.mark.parametrize(
    ("says", "scores", "solved"),
    [
        (PARITY, {"lstm": [1.0, 0.96], "transformer": [0.95, 0.5]}, [1, 0.5]),
        (ADDING, {"lstm": [5e-5, 0.16], "transformer": [0.2, 0.3]}, [0.5, 0]),
        (LANGUAGE, {"lstm": [2.1, 2.2], "transformer": [1.8, 1.9]}, [None, None]),
    ],
)
def test_a_tasks_row_sums_up_its_seeds(trained, says, scores, solved):
    frame = tables.tasks(retold(trained, says, scores)).set_index("arm")
    for (arm, seeds), rate in zip(scores.items(), solved, strict=True):
        row = frame.loc[arm]
        assert row["median"] == pytest.approx(np.mean(seeds))
        assert (row["least"], row["most"]) == (min(seeds), max(seeds))
        assert (row["seeds"], row["diverged"], row["metric"]) == (2, 0, says["metric"])
        assert row["floor"] == says["floor"]
        assert pd.isna(row["solve_rate"]) if rate is None else row["solve_rate"] == rate
    assert set(frame["head"]) == {"AutoModelForSequenceClassification"}
    assert frame["expected"].str.startswith("either").all()


def test_sentences_speak_of_the_metric_its_direction_and_who_solved(trained):
    made = retold(trained, ADDING, {"lstm": [5e-5, 0.16], "transformer": [0.2, 0.3]})
    lines = sentences(made)
    (line,) = [line for line in lines if line.startswith("T=16")]
    assert "test mean squared error after 3 steps" in line
    assert "lower is better: LSTM 0.08 (5e-05–0.16), solved by 1 of 2; transformer 0.25" in line
    assert line.endswith("Floor 0.167.")
    assert any(line.startswith("Expected of package: either") for line in lines)


def test_a_divergence_has_not_solved_the_task(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 1.0], "transformer": [0.5, 0.6]})
    broken = next(r for r in made if r["cell"]["arm"] == "lstm")
    broken |= {"status": "diverged", "metrics": {"step": 3}}
    frame = tables.tasks(made).set_index("arm")
    assert (frame.loc["lstm", "solve_rate"], frame.loc["lstm", "diverged"]) == (0.5, 1)
    assert frame.loc["lstm", "median"] == 1.0


def test_records_of_before_metrics_had_names_are_read(trained):
    old = copy.deepcopy(trained)
    for record in old:
        metrics = record["metrics"]
        record["metrics"] = {
            "test_accuracy": metrics["test_metric"], "test_loss": metrics["test_loss"],
            "validation_accuracy": metrics["validation_metric"], "tokens": metrics["tokens"],
        }  # fmt: skip
        del record["cell"]["data"], record["samples"]["out_of_distribution"]
        del record["cell"]["protocol"]["shortest"]
    before, now = tables.learning(old), tables.learning(trained)
    for column in ("data", "metric", "test_metric", "validation_metric", "floor", "shortest"):
        assert list(before[column]) == list(now[column]), column
    assert set(before["metric"]) == {"accuracy"}
    figure = figures.learning_curves(old)
    assert 0.125 in levels(figure.axes[0])
    plt.close(figure)


def test_further_metrics_of_a_head_have_columns(trained):
    for record in trained:
        record["metrics"]["test_macro_f1"] = 0.25
    assert list(tables.learning(trained)["test_macro_f1"]) == [0.25] * 4


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


# What a model costs.


@pytest.fixture(scope="module")
def costs(costs, tmp_path_factory):
    """The study of costs, with the report of its further lengths."""
    folder = tmp_path_factory.mktemp("reported") / "costs"
    shutil.copytree(costs, folder)
    with Store(folder) as store:
        render.write(store, folder)
    return folder


def test_costs_are_all_there(costs):
    names = {path.name for path in (costs / "figures").glob("*.png")}
    for figure in (
        "tokens-per-s", "first-token", "decode-by-position", "memory", "state", "setting"
    ):  # fmt: skip
        assert any(name.startswith(figure) for name in names), figure
    for table in ("speed", "decode", "decode_positions", "memory", "growth", "crossover"):
        assert read_csv(costs / f"tables/{table}.csv"), table
    assert {path.stem for path in (costs / "figures").glob("*.svg")} == {n[:-4] for n in names}
    text = (costs / "README.md").read_text()
    for words in (
        "LSTM trains", "LSTM decodes", "Time to the first token", "Equally fast", "grows",
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
    shown = render._shown("speed", frame)
    assert list(shown["step_s"]) == ["10 ms [9 ms, 12 ms]", "10 ms"]


def test_jsonl_is_the_store(tiny, records):
    lines = (tiny.folder / "records.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == records
