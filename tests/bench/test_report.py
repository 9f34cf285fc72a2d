"""Reports from real records, and from records somebody would rather not meet."""

import csv
import html.parser
import json
import re
import shutil
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bench.report import figures, findings, render, tables
from bench.store import Store

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
    assert len(captions) == 4
    for caption in captions:
        for words in ("threads", "torch 2", "transformers 5", "seed"):
            assert words in caption
        assert re.search(r"not |no A/A|nothing follows", caption)


def test_cells_without_a_result_are_listed_with_their_reason(tiny):
    rows = read_csv(tiny.folder / "tables/missing.csv")
    assert [row["status"] for row in rows] == ["unsupported"] * 2
    assert "beyond the 32 positions" in (tiny.folder / "README.md").read_text()


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


def test_tokens_per_second_are_recomputed_from_the_samples(tiny, records):
    rows = read_csv(tiny.folder / "tables/speed.csv")
    speed = {r["group"] + r["cell"]["arm"]: r for r in tables.of(records, "speed")}
    assert len(rows) == len(speed)
    for row, record in zip(rows, speed.values(), strict=True):
        turns = np.reshape(record["samples"]["seconds"], (-1, 2))
        step = np.median(turns.mean(axis=1))
        assert record["metrics"]["step_s"] == pytest.approx(step)
        assert float(row["tokens_per_s"]) == pytest.approx(
            record["metrics"]["tokens_per_step"] / step
        )
        low, high = float(row["tokens_per_s_low"]), float(row["tokens_per_s_high"])
        assert low <= float(row["tokens_per_s"]) <= high


def sentences(records):
    return [line for finding in findings.all_of(records) for line in finding.sentences]


def flow_record(norms, arm="lstm"):
    return {
        "cell": {"length": len(norms), "arm": arm},
        "samples": {"distance_init": list(range(len(norms))), "norm_init": norms},
    }


def test_zeros_are_drawn_below_the_log_axis_not_dropped():
    figure = figures.gradient_flow([flow_record([1.0, 1e-20, 0.0, 0.0])])
    (here,) = figure.axes
    low, _ = here.get_ylim()
    drawn = [
        (x, y)
        for line in here.lines
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if np.isfinite(y) and line.get_color() == figures.colour("lstm")
    ]
    assert {x for x, _ in drawn} == {0, 1, 2, 3}
    assert all(low < y < figures._FLOOR for x, y in drawn if x >= 2)
    assert "exactly 0" in [label.get_text() for label in here.get_yticklabels()]
    plt.close(figure)


def test_trainings_of_different_lengths_share_a_figure(records):
    """Two grids of one study may train the same arm for different numbers of steps."""
    learning = [json.loads(json.dumps(r)) for r in tables.of(records, "learning")]
    shorter = learning[0]
    shorter["cell"]["protocol"]["steps"] = 2
    for name in ("loss", "gradient_norm", "seconds", "validation"):
        shorter["samples"][name] = shorter["samples"][name][:2]
    for figure in (figures.learning_curves(learning, 0.125), figures.gradient_norm(learning)):
        assert figure is not None
        plt.close(figure)


def test_a_gradient_that_is_not_a_number_is_a_gap_not_an_exception():
    figure = figures.gradient_flow([flow_record([1.0, None, 0.5])])
    assert figure is not None
    plt.close(figure)


def test_nothing_measured_is_no_figure():
    for draw in (figures.gradient_flow, figures.throughput, figures.gradient_norm):
        assert draw([]) is None
    assert figures.learning_curves([], 0.1) is None
    assert findings.all_of([]) == []


def test_every_known_arm_has_its_own_colour():
    from bench import registry

    colours = [figures.colour(arm) for arm in registry.arms()]
    assert len(set(colours)) == len(colours)


def test_a_divergence_is_counted_not_dropped(records):
    learning = [dict(r) for r in tables.of(records, "learning")]
    cut = {name: values[:2] for name, values in learning[0]["samples"].items()}
    learning[0] |= {"status": "diverged", "metrics": {"step": 3}, "samples": cut}
    frame = tables.learning(learning)
    assert len(frame) == len(learning)
    assert 3 in list(frame["diverged_at_step"])
    figure = figures.learning_curves(learning, 0.125)
    crosses = [line for here in figure.axes for line in here.lines if line.get_marker() == "x"]
    assert crosses, "where it ended is marked"
    plt.close(figure)
    assert any("1 of 2 seeds diverged" in line for line in sentences(learning))


def test_findings_quote_wins_of_either_side():
    """The sentence orders arms by what was measured, whoever is first."""

    def record(arm, seconds, together="x"):
        return {
            "key": arm,
            "alike": "g",
            "together": together,
            "status": "done",
            "cell": {
                "probe": "speed", "comparison": "scratch", "task": "package", "length": 64,
                "arm": arm, "kernel": "k", "device": "cpu", "dtype": "float32",
                "denormals": "keep", "axes": {"phase": "training"},
                "protocol": {"batch_size": 8}, "model": {"match_to": "transformer"},
            },
            "metrics": {"tokens_per_step": 512, "first_step_s": 1.0, "peak_rss_bytes": 1},
            "samples": {"seconds": [seconds] * 12},
        }  # fmt: skip

    (line,) = sentences([record("lstm", 0.5), record("transformer", 1.0)])
    assert "LSTM 2.00× [2.00, 2.00]" in line
    (line,) = sentences([record("lstm", 2.0), record("transformer", 1.0)])
    assert "LSTM 0.50× [0.50, 0.50]" in line
    apart = [record("lstm", 2.0, "earlier"), record("transformer", 1.0)]
    assert sentences(apart) == [], "no ratio of what was not timed in the same rounds"


def test_jsonl_is_the_store(tiny, records):
    lines = (tiny.folder / "records.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == records
