"""Reports from real records, and from records somebody would rather not meet."""

import copy
import csv
import html.parser
import json
import math
import re
import shutil
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from bench.drawing import palette
from bench.outcome import MEASURED, UNSTABLE
from bench.probes.speed import figures as speed_figures
from bench.report import findings, render, tables
from bench.statistics import intervals as stats
from bench.store import Store

from ..conftest import DATA
from .probes.learning.trainings import LANGUAGE, PARITY, elsewhere, retold

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


def test_tokens_per_second_are_recomputed_from_the_samples(tiny, records):
    rows = read_csv(tiny.folder / "tables/speed.csv")
    speed = {r["group"] + r["cell"]["arm"]: r for r in tables.of(records, "speed", *MEASURED)}
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
    found = findings.all_of(tables.all_of(records))
    return [line for finding in found for line in finding.sentences]


def test_trainings_of_different_lengths_share_a_figure(records):
    """Two grids of one study may train the same arm for different numbers of steps."""
    learning = [json.loads(json.dumps(r)) for r in tables.of(records, "learning")]
    shorter = learning[0]
    shorter["cell"]["protocol"]["steps"] = 2
    for name in ("loss", "gradient_norm", "seconds", "validation"):
        shorter["samples"][name] = shorter["samples"][name][:2]
    figure = figures.learning_curves(learning)
    assert figure is not None
    plt.close(figure)


def test_nothing_measured_is_no_figure():
    nothing = pd.DataFrame()
    assert speed_figures.throughput(nothing, nothing) is None
    for name in ("first_token", "by_position", "roofline", "setting", "memory", "state"):
        assert getattr(speed_figures, name)(nothing) is None
    assert all(frame.empty for frame in tables.all_of([]).values())
    assert sentences([]) == []


def test_every_known_arm_has_its_own_colour():
    from bench import registry

    colours = [palette.colour(arm) for arm in registry.arms()]
    assert len(set(colours)) == len(colours)


@pytest.fixture
def trained(records):
    """The records of the tiny study's trainings: two arms of two seeds."""
    return copy.deepcopy(tables.of(records, "learning"))


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


# What a model costs: a study of its own, run once, and copies of its records at other coordinates.


@pytest.fixture(scope="session")
def costs(rvt, tmp_path_factory):
    output = tmp_path_factory.mktemp("costs")
    done = rvt("run", str(DATA / "costs.toml"), "--output", str(output))
    assert done.code == 0, done.out + done.err
    with Store(output / "costs", write=True) as store:
        records = store.records()
        speed, memory = tables.of(records, "speed"), tables.of(records, "memory")
        kept = [r for r in speed if r["cell"]["denormals"] == "keep"]
        records += [elsewhere(r, length=length) for r in kept for length in (32, 48)]
        records += [elsewhere(r, length=length) for r in memory for length in (32, 48)]
        for record in records:
            store.put(record)
        cells = {record["key"]: record["cell"] for record in records}
        store.set_meta(plan=list(cells), cells=cells)
        render.write(store, output / "costs")
    return output / "costs"


@pytest.fixture
def costly(costs):
    """Its records, to be edited."""
    with Store(costs) as store:
        return store.records()


def training(records):
    """Records of the training steps with subnormals kept, without noise: every step 10 ms."""
    chosen = [
        r
        for r in copy.deepcopy(tables.of(records, "speed"))
        if r["cell"]["denormals"] == "keep"
    ]  # fmt: skip
    for record in chosen:
        flat = [0.01 + 1e-6 * number for number in range(12)]
        record["samples"]["seconds"] = flat
        if "canary_seconds" in record["samples"]:
            record["samples"]["canary_seconds"] = flat
    return chosen


def scaled(records, arm, factors):
    """The same, with an arm's steps longer by a factor for each length."""
    for record in records:
        if record["cell"]["arm"] == arm:
            factor = factors[record["cell"]["length"]]
            record["samples"]["seconds"] = [s * factor for s in record["samples"]["seconds"]]
    return records


def throughput(records):
    return speed_figures.throughput(tables.speed(records), tables.crossover(records))


def markers(figure, face=None):
    """How many points are drawn, of one face if it is given."""
    return sum(
        len(line.get_xdata())
        for here in figure.axes
        for line in here.lines
        if line.get_marker() == "o" and face in (None, line.get_markerfacecolor())
    )


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


def test_each_arm_is_drawn_where_it_was_measured(costly):
    frame = tables.speed(costly)
    figure = speed_figures.throughput(frame, tables.crossover(costly))
    assert markers(figure) == len(frame)
    plt.close(figure)


def test_ratio_control_and_spread_are_recomputed_from_the_samples(costly):
    frame = tables.speed(costly).set_index("record")
    by_key = {record["key"]: record for record in costly}
    compared = frame[frame["reference"].notna()]
    assert len(compared) == len(frame) / 2
    for key, row in compared.iterrows():
        record = by_key[key]
        base = next(
            r for r in costly
            if (r["alike"], r["cell"]["arm"]) == (record["alike"], "transformer")
            and r["cell"]["denormals"] == record["cell"]["denormals"]
        )  # fmt: skip
        own, other = (np.reshape(r["samples"]["seconds"], (-1, 2)) for r in (record, base))
        ratio = np.exp(np.median((np.log(other) - np.log(own)).mean(axis=1)))
        assert row["speed_ratio"] == pytest.approx(ratio)
        assert row["speed_ratio_low"] <= ratio <= row["speed_ratio_high"]
        canary = np.reshape(base["samples"]["canary_seconds"], (-1, 2))
        noise = np.exp(np.median((np.log(other) - np.log(canary)).mean(axis=1)))
        assert row["aa_ratio"] == pytest.approx(noise)
        assert row["step_p95_s"] == pytest.approx(np.percentile(own, 95))
        assert row["samples"] == own.size


def test_an_unstable_measurement_is_hollow_and_no_claim_rests_on_it(costly):
    records = scaled(training(costly), "lstm", {16: 0.5, 32: 1.0, 48: 2.0})
    assert "crosses" not in str(tables.crossover(records)["outcome"][0])
    for record in records:
        if record["cell"]["length"] == 48:
            record["status"] = "unstable"
    frame = tables.speed(records)
    assert list(frame["status"]).count("unstable") == 2
    assert list(frame["verdict"].dropna()) == ["faster", "no difference", "unstable"]
    figure = throughput(records)
    assert markers(figure, "white") == 2
    assert "unstable: no claim" in [text.get_text() for text in figure.legends[0].get_texts()]
    plt.close(figure)
    assert tables.growth(records).empty, "two lengths are no line"
    assert tables.crossover(records)["outcome"][0].startswith("undecided")
    assert any(line.startswith("No claim at T=48") for line in sentences(records))
    assert tables.missing({r["key"]: r["cell"] for r in records}, [], records).empty


def test_a_crossover_is_marked_and_said(costly):
    records = scaled(training(costly), "lstm", {16: 0.5, 32: 0.8, 48: 1.6})
    (row,) = tables.crossover(records).to_dict("records")
    assert 32 < row["at_length_low"] <= row["at_length"] <= row["at_length_high"] < 48
    assert row["outcome"].endswith("LSTM leads below")
    figure = throughput(records)
    (marked,) = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert marked.get_xdata()[0] == pytest.approx(row["at_length"])
    plt.close(figure)
    assert any(f"at T={row['at_length']:.0f} [" in line for line in sentences(records))


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [
        (0.5, "none in 16–48: LSTM leads"),
        (2.0, "none in 16–48: transformer leads"),
        (1.0, "undecided in 16–48"),
    ],
)
def test_without_a_crossover_it_says_who_leads(costly, factor, outcome):
    records = scaled(training(costly), "lstm", dict.fromkeys((16, 32, 48), factor))
    assert list(tables.crossover(records)["outcome"]) == [outcome]
    figure = throughput(records)
    assert not [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    plt.close(figure)


def test_a_lead_within_the_noise_is_no_lead(costly):
    """Every ratio is 1.1, and the reference differs from itself by as much."""
    records = scaled(training(costly), "lstm", dict.fromkeys((16, 32, 48), 1 / 1.1))
    for record in records:
        if "canary_seconds" in record["samples"]:
            longer = [1.2 * s for s in record["samples"]["seconds"]]
            record["samples"]["canary_seconds"] = longer
    assert list(tables.crossover(records)["outcome"]) == ["undecided in 16–48"]
    assert set(tables.speed(records)["verdict"].dropna()) == {"no difference"}


def test_growth_is_the_power_of_the_length(costly):
    squared = {length: (length / 16) ** 2 for length in (16, 32, 48)}
    frame = tables.growth(scaled(training(costly), "lstm", squared)).set_index("arm")
    assert frame.loc["lstm", "exponent"] == pytest.approx(2, abs=1e-6)
    assert frame.loc["transformer", "exponent"] == pytest.approx(0, abs=1e-6)
    low, high = frame.loc["lstm", "exponent_low"], frame.loc["lstm", "exponent_high"]
    assert low <= frame.loc["lstm", "exponent"] <= high


def test_share_of_the_roofline_names_both_numbers(costly):
    """Each cell beside the ceilings of its own number of threads."""
    most = {"gemm_flops_per_s": {"float32": 1e11}, "copy_bytes_per_s": 1e10}
    ceilings = {"cpu": {"1": most, "all": {"gemm_flops_per_s": {"float32": 2e11}}}}
    frame = tables.speed(costly, ceilings)
    record = next(r for r in costly if r["key"] == frame.loc[0, "record"])
    rows = record["cell"]["protocol"]["batch_size"]
    got = rows * record["model"]["cost"]["training_flops"] / frame.loc[0, "step_s"]
    assert frame.loc[0, "achieved_flops_per_s"] == pytest.approx(got)
    assert frame.loc[0, "ceiling_flops_per_s"] == 1e11
    assert frame.loc[0, "roofline_share"] == pytest.approx(got / 1e11)
    decoded = tables.decode(costly, ceilings)
    assert (decoded["roofline_share"] > 0).all()
    figure = speed_figures.roofline(pd.concat([frame, decoded]))
    assert [here.get_title() for here in figure.axes] == [
        "training step, batch 2",
        "decoding, batch 1",
    ]
    plt.close(figure)
    on_all = copy.deepcopy(costly)
    for record in on_all:
        record["cell"]["threads"] = "all"
    assert tables.speed(on_all, ceilings).loc[0, "ceiling_flops_per_s"] == 2e11
    for known in (None, {"cpu": {"2": most}}, {"cpu": {}}, {"cpu": {"failed": "no memory"}}):
        assert tables.speed(costly, known)["roofline_share"].isna().all()


def test_a_prefill_has_a_share_of_its_own_cost(costly):
    record = copy.deepcopy(next(r for r in training(costly) if r["cell"]["arm"] == "lstm"))
    record["cell"]["axes"]["phase"] = "prefill"
    ceilings = {"cpu": {"1": {"gemm_flops_per_s": {"float32": 1e9}}}}
    assert tables.speed([record], ceilings)["roofline_share"].isna().all(), "its cost is not known"
    record["model"]["cost"]["prefill_flops"] = 10**6
    (row,) = tables.speed([record], ceilings).to_dict("records")
    rows = record["cell"]["protocol"]["batch_size"]
    assert row["roofline_share"] == pytest.approx(rows * 1e6 / row["step_s"] / 1e9)


def test_a_decoded_step_reads_the_decoder_and_what_rows_keep(costly):
    record = copy.deepcopy(next(r for r in costly if r["cell"]["probe"] == "decode"))
    record["model"]["cost"]["step_weight_bytes"] = 1000
    record["metrics"] |= {"state_bytes": 100, "state_end_bytes": 300}
    record["cell"]["protocol"]["batch_size"] = 4
    (row,) = tables.decode([record]).to_dict("records")
    assert row["achieved_bytes_per_s"] == pytest.approx((1000 + 4 * 200) / row["step_s"])
    assert math.isnan(row["roofline_share"])


def test_a_share_above_the_ceiling_is_shown_and_named(costly):
    ceilings = {"cpu": {"1": {"gemm_flops_per_s": {"float32": 1.0}, "copy_bytes_per_s": 1.0}}}
    frame = pd.concat([tables.speed(costly, ceilings), tables.decode(costly, ceilings)])
    assert (frame["roofline_share"] > 1).all()
    figure = speed_figures.roofline(frame)
    for here in figure.axes:
        drawn = [y for line in here.lines for y in line.get_ydata()]
        assert here.get_ylim()[1] > max(drawn) > 1
    plt.close(figure)
    said = render._roofline_limits([], frame)
    assert f"{len(frame)} of {len(frame)} lie above 100%" in said
    below = frame.assign(roofline_share=0.5)
    assert "above 100%" not in render._roofline_limits([], below)


def test_the_effect_of_a_setting_has_the_interval_of_two_independent_medians(costly):
    (row, _) = tables.settings(costly).to_dict("records")
    assert (row["denormals"], row["arm"]) == ("flush / keep", "lstm")
    flush, keep = (
        next(r for r in costly if r["key"] == row[key]) for key in ("record", "against_record")
    )
    flush["samples"]["seconds"] = [0.5 * s + 1e-4 for s in keep["samples"]["seconds"]]
    flush["together"] = "other rounds"
    (row, _) = tables.settings(costly).to_dict("records")
    assert not row["paired"]
    assert pd.isna(row["verdict"])
    ours, theirs = (
        stats.median(r["samples"]["seconds"], 2, r["samples"]["launch"]) for r in (flush, keep)
    )
    assert row["ratio"] == pytest.approx(theirs.value / ours.value)
    alone = math.log(theirs.value / theirs.low), math.log(ours.high / ours.value)
    together = math.log(row["ratio"] / row["ratio_low"])
    assert together == pytest.approx(math.hypot(*alone))


def flushed(records, factor):
    """The group of both settings without noise, the LSTM that flushes this many times as fast."""
    chosen = copy.deepcopy([r for r in tables.of(records, "speed") if r["cell"]["length"] == 16])
    for record in chosen:
        flat = [0.01 + 1e-6 * number for number in range(12)]
        if "canary_seconds" in record["samples"]:
            record["samples"]["canary_seconds"] = flat
        if (record["cell"]["arm"], record["cell"]["denormals"]) == ("lstm", "flush"):
            flat = [seconds / factor for seconds in flat]
        record["samples"]["seconds"] = flat
    return chosen


def test_settings_that_took_turns_have_a_ratio_of_pairs(costly):
    frame = tables.settings(costly)
    assert frame["paired"].all()
    for row in frame.to_dict("records"):
        flush, keep = (
            next(r for r in costly if r["key"] == row[key]) for key in ("record", "against_record")
        )
        assert (flush["alike"], flush["together"]) == (keep["alike"], keep["together"])
        paired = stats.paired_ratio(
            keep["samples"]["seconds"], flush["samples"]["seconds"], 2, keep["samples"]["launch"]
        )
        assert (row["ratio"], row["ratio_low"]) == pytest.approx((paired.value, paired.low))
        assert row["aa_ratio_low"] <= row["aa_ratio"] <= row["aa_ratio_high"]


@pytest.mark.parametrize(
    ("factor", "said"), [(12.0, "faster"), (1 / 12, "slower"), (1.0, "no difference")]
)
def test_what_flushing_does_is_said_beyond_noise_only(costly, factor, said):
    records = flushed(costly, factor)
    rows = {row["arm"]: row for row in tables.settings(records).to_dict("records")}
    assert rows["lstm"]["verdict"] == said
    assert rows["lstm"]["ratio"] == pytest.approx(factor)
    assert rows["transformer"]["verdict"] == "no difference"
    records[0]["status"] = UNSTABLE
    frame = tables.settings(records)
    assert set(frame[frame["arm"] == records[0]["cell"]["arm"]]["verdict"]) == {"unstable"}


def test_a_setting_is_compared_with_its_own_rounds_where_it_was_measured_twice(costly):
    """The same arm is also in a group that only keeps them, with another budget."""
    again = [
        elsewhere(r, protocol=r["cell"]["protocol"] | {"budget_s": 1.0})
        for r in flushed(costly, 3.0)
        if r["cell"]["denormals"] == "keep"
    ]
    for records in (flushed(costly, 3.0) + again, again + flushed(costly, 3.0)):
        frame = tables.settings(records)
        assert list(frame["paired"]) == [True, True]
        assert set(frame["against_record"]).isdisjoint(r["key"] for r in again)


def test_a_setting_says_which_kind_of_ratio_it_has(costly):
    records = flushed(costly, 12.0)
    frame = tables.settings(records)
    (line,) = findings._settings(frame)
    assert "flushed to zero instead of kept, in the same rounds, A/A [1.00, 1.00]: LSTM 12" in line
    assert "transformer 1.00× [1.00, 1.00] (no difference beyond noise)" in line
    text = render._setting_limits(records, frame)
    assert "took turns in the same rounds: " in text
    assert "different groups" not in text
    other = elsewhere(next(r for r in records if r["cell"]["arm"] == "lstm"), dtype="bfloat16")
    both = tables.settings([*records, other])
    assert sorted(both["paired"]) == [False, True, True]
    apart = [line for line in findings._settings(both) if "bfloat16" in line]
    assert "one after the other, so that a drift of the machine is in the ratio: " in apart[0]
    text = render._setting_limits(records, both)
    assert "same rounds for 2 of 3 ratios" in text
    assert "one after the other for the other 1" in text
    assert "took turns" not in render._setting_limits(records, both[~both["paired"]])
    for record in records:
        record["samples"].pop("canary_seconds", None)
    without = tables.settings(records)
    assert set(without["verdict"]) == {"no difference"}, "without a control everything is noise"
    assert "without an A/A control" in findings._settings(without)[0]


def test_memory_that_did_not_grow_is_drawn_not_dropped(costly):
    frame = tables.memory(costly)
    frame.loc[frame["arm"] == "lstm", "rss_growth_bytes"] = 0
    figure = speed_figures.memory(frame)
    (resident,) = [here for here in figure.axes if "resident" in here.get_title()]
    low, _ = resident.get_ylim()
    zeros = [
        y for line in resident.lines for y in np.atleast_1d(line.get_ydata()) if y == 0
    ]  # fmt: skip
    assert zeros
    assert low < 0
    plt.close(figure)


def test_a_cache_grows_and_a_state_does_not(costly):
    frame = tables.state(costly)
    measured = frame.dropna(subset=["measured_bytes"])
    assert len(measured) == 4
    assert (measured["measured_bytes"] == measured["state_bytes"]).all()
    sizes = measured.pivot_table(index="length", columns="arm", values="measured_bytes")
    assert sizes.loc[32, "transformer"] == 2 * sizes.loc[16, "transformer"]
    assert sizes.loc[32, "lstm"] == sizes.loc[16, "lstm"]


def test_decoded_positions_follow_the_context(costly):
    frame = tables.decode_positions(costly)
    for _, steps in frame.groupby("record"):
        length = steps["length"].iloc[0]
        assert list(steps["position"]) == list(range(length + 1, length + 12))
    twice = copy.deepcopy(tables.of(costly, "decode", *MEASURED))
    for record in twice:  # a second launch, three times as slow
        first = record["samples"]["position_seconds"][:11]
        record["samples"]["position_seconds"] = first + [3 * second for second in first]
    once = [second for r in twice for second in r["samples"]["position_seconds"][:11]]
    assert tables.decode_positions(twice)["step_s"].tolist() == pytest.approx(
        [2 * second for second in once]
    )


def test_kernels_of_an_arm_are_told_apart(costly):
    frame = tables.speed(costly)
    other = frame[frame["arm"] == "lstm"].assign(kernel="loop")
    figure = speed_figures.throughput(pd.concat([frame, other]), pd.DataFrame())
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["LSTM, fused", "LSTM, loop", "transformer"]
    assert len({line.get_linestyle() for line in figure.legends[0].get_lines()}) == 2
    plt.close(figure)


def test_batch_sizes_share_no_line(costly):
    frame = tables.speed(costly)
    both = pd.concat([frame, frame.assign(batch_size=64)])
    names = [name for name, _ in render._facets(both, render._FACET)]
    assert len(names) == len(set(names)) == 4
    assert sum("batch 64" in name for name in names) == 2


def no_control(records):
    for record in records:
        record["samples"].pop("canary_seconds", None)


def no_reference(records):
    for record in records:
        if record["cell"]["arm"] == "transformer":
            record |= {"status": "failed", "reason": "x", "metrics": {}, "samples": {}}


def one_arm(records):
    records[:] = [r for r in records if r["cell"]["arm"] == "lstm"]


def one_length(records):
    records[:] = [r for r in records if r["cell"]["length"] == 16]


def few_rounds(records):
    for record in records:
        samples = record["samples"]
        for name in ("launch", "steal", "psi"):
            samples[name] = samples.get(name, [])[:3]
        for name in ("seconds", "canary_seconds", "first_token_seconds"):
            if name in samples:
                samples[name] = samples[name][:6]


def all_flagged(records):
    for record in records:
        if "steal" in record["samples"]:
            record["samples"]["steal"] = [0.5] * len(record["samples"]["steal"])


def no_pressure(records):
    for record in records:
        for name in ("steal", "psi"):
            if name in record["samples"]:
                record["samples"][name] = [None] * len(record["samples"][name])


def no_cost(records):
    for record in records:
        record["model"]["cost"] = None


ODD = {
    no_control: "Without an A/A control",
    no_reference: "Without an A/A control",
    one_arm: "Without an A/A control",
    one_length: "A/A, the reference",
    few_rounds: "fewer than 6 rounds",
    all_flagged: "In 100% of the rounds other work",
    no_pressure: "A/A, the reference",
    no_cost: "A/A, the reference",
}


@pytest.mark.parametrize("edit", ODD, ids=lambda edit: edit.__name__)
def test_an_odd_store_still_has_its_report(costs, tmp_path, edit):
    shutil.copytree(costs, tmp_path / "costs")
    with Store(tmp_path / "costs", write=True) as store:
        records = [
            r for r in store.records()
            if r["cell"]["length"] in (16, 32) and r["cell"]["denormals"] == "keep"
        ]  # fmt: skip
        edit(records)
        for record in records:
            store.put(record)
        store.set_meta(plan=[record["key"] for record in records])
        page = render.write(store, tmp_path / "costs")
    assert ODD[edit] in page.read_text()


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
