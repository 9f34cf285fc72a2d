"""The pytest door, opened as a user opens it."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bench.plugin import Replay
from bench.store import Store
from bench.store.archive import Archive

from ..conftest import SHORT, TINY

ROOT = Path(__file__).parents[2]


def run_pytest(folder, *arguments, env=None):
    """As anywhere outside a clone, where the plugin is asked for."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "bench.plugin",
            *arguments,
        ],
        cwd=folder,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.fixture(scope="session")
def session(once):
    """Where a study was run by ``pytest --benchmark``, and how that ended."""

    def run(folder):
        done = run_pytest(
            folder, "--benchmark", "--study", str(SHORT), "--benchmark-json", "out.json",
            "--benchmark-autosave",
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return once("door", run)


@pytest.fixture
def folder(session, tmp_path):
    """A copy of that folder, which a test may measure in again."""
    return shutil.copytree(session[0], tmp_path / "door")


def test_runs_the_study_and_says_where_the_report_is(session):
    folder, (code, out, err) = session
    assert code == 0, out + err
    assert out.rstrip().endswith("report: reports/local/short/README.md")
    assert (folder / "reports/local/short/README.md").is_file()


def test_an_entry_for_each_timed_cell(session):
    folder, _ = session
    text = (folder / "out.json").read_text()
    entries = json.loads(text, parse_constant=lambda name: pytest.fail(name))["benchmarks"]
    records = Archive(folder / "reports/local/short/records.jsonl").records()
    timed = {r["name"]: r for r in records if r["status"] == "done" and "seconds" in r["samples"]}
    assert len(entries) == len(timed) > 0
    for entry in entries:
        info = entry["extra_info"]
        assert {"arm", "data", "length", "device", "parameters", "tokens_per_s"} <= set(info)
        name = entry["param"].replace("-", " ")
        (record,) = [r for n, r in timed.items() if n.replace("-", " ") == name]
        assert entry["stats"]["data"] == pytest.approx(record["samples"]["seconds"])
        assert entry["group"] == record["group"]
        assert info["parameters"] == record["model"]["parameters"]["total"]
        assert info["status"] == "done"
        cell = record["cell"]
        if cell["probe"] == "speed" and cell["arm"] == "lstm":
            assert info["reference"] == "transformer"
            assert info["ratio_low"] <= info["ratio"] <= info["ratio_high"]
            assert info["aa_low"] <= info["aa_high"]
    assert "tensor" not in text


def test_the_machine_is_named_by_what_stays(session):
    """Neither the host's name nor a clock that moves while nothing has changed."""
    folder, _ = session
    machine = json.loads((folder / "out.json").read_text())["machine_info"]
    assert "node" not in machine
    assert machine["cpu"]["brand_raw"]
    assert not [name for name in machine["cpu"] if name.startswith("hz_actual")]


def test_another_machine_is_a_warning(folder):
    """Also where other warnings are errors, as in the clone."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    filters = settings["filterwarnings"]
    assert "error" in filters
    (first,) = sorted(folder.glob(".benchmarks/*/0001_*.json"))
    saved = json.loads(first.read_text())
    saved["machine_info"]["cpu"]["hz_actual"] = [2_000_000_000, 0]
    first.write_text(json.dumps(saved))
    done = run_pytest(
        folder, "--benchmark", "--study", str(SHORT), "--collect-only", "-q",
        "--benchmark-compare", "-o", "filterwarnings=" + "\n".join(filters),
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Comparing against benchmarks from: " in said


def test_measuring_again_is_measuring(folder):
    """A part of a finished study is measured anew in its place; the rest stays as it is."""
    path = folder / "reports/local/short/records.jsonl"
    before = {r["key"]: r for r in Archive(path).records()}
    done = run_pytest(folder, "--benchmark", "--study", str(SHORT), "-k", "gradient")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    after = {r["key"]: r for r in Archive(path).records()}
    anew = {key for key in before if after[key]["ended"] != before[key]["ended"]}
    assert {before[key]["cell"]["probe"] for key in anew} == {"gradient"}
    assert len(after) == len(before)


def test_a_part_of_what_other_code_measured_exits_2(folder):
    with Store(folder / "reports/local/short", write=True) as store:
        store.set_meta(provenance=store.meta("provenance") | {"code": "something else"})
    done = run_pytest(folder, "--benchmark", "--study", str(SHORT), "-k", "gradient")
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "were made with other code (something el" in said
    assert "INTERNALERROR" not in said


def test_saved_runs_are_compared(folder):
    done = run_pytest(
        folder, "--benchmark", "--study", str(SHORT), "-k", "forward and 16",
        "--benchmark-autosave", "--benchmark-compare", "--benchmark-compare-fail=median:100000%",
        "--benchmark-histogram=drawn",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (drawn,) = folder.glob("drawn*.svg")
    assert "lstm" in drawn.read_text()
    assert "(0001_" in done.stdout, "the table shows the saved run beside this one"
    compared = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", "0001", "0002"],
        cwd=folder, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert compared.returncode == 0, compared.stderr
    assert "speed-forward-scratch-package-T=16-cpu-float32-threads=1-seed=0-lstm" in compared.stdout


def test_a_slower_run_fails_the_comparison(folder):
    """A run that is said to have been a thousand times faster is one to fall behind."""
    (first,) = sorted(folder.glob(".benchmarks/*/0001_*.json"))
    saved = json.loads(first.read_text())
    for entry in saved["benchmarks"]:
        for name, value in entry["stats"].items():
            if isinstance(value, float):
                entry["stats"][name] = value / 1000
    (first.parent / "0000_fast.json").write_text(json.dumps(saved))
    done = run_pytest(
        folder, "--benchmark", "--study", str(SHORT), "-k", "forward and 16",
        "--benchmark-compare=0000", "--benchmark-compare-fail=median:10%",
    )  # fmt: skip
    assert done.returncode != 0
    assert "Performance has regressed" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-n", "2"], "expected one process, "),
        (["-n", "2", "--benchmark-only"], "expected one process, "),
        (["--benchmark-disable"], "Got --benchmark-disable; --benchmark-enable overrides it"),
        (["-p", "no:benchmark"], "expected pytest-benchmark, "),
        (["--benchmark-compare-fail=median:10%"], "Got --benchmark-compare-fail without it"),
        (["short.toml"], "Got short.toml. --study names a study"),
        (["--benchmark-compare", "--benchmark-compare-fail=median:10%"],
         "expected a saved run to compare with. Got none: "),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_before_anything_is_measured(tmp_path, arguments, reason):
    shutil.copy(SHORT, tmp_path)
    done = run_pytest(tmp_path, "--benchmark", "--study=short.toml", *arguments)
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert reason in said
    assert "INTERNALERROR" not in said
    assert not (tmp_path / "reports").exists()


#: A cell's test as pytest names it in the clone.
PASTED = (
    "bench/benchmark_cells.py::"
    "test_measured[gradient-scratch-package-T=32-xpu-float32-threads=1-seed=0-lstm/fused]"
)


@pytest.mark.parametrize(
    ("chosen", "swept", "shown"),
    [
        (["--benchmark-only"], {("learning", 16), ("speed", 16), ("decode", 16)}, 10),
        (["--benchmark-skip", "-k", "T=16 and lstm"], {("memory", 16)}, 4),
        ([PASTED], {("gradient", 32)}, 1),
    ],
    ids=["timed", "untimed", "pasted"],
)
def test_the_cells_that_are_tested_are_swept(tmp_path, chosen, swept, shown):
    """Of a device that is not there, so that each is recorded at once."""
    done = run_pytest(
        tmp_path, "--benchmark", f"--study={SHORT}", "--device=xpu", *chosen, "--reports=out"
    )
    with Store(tmp_path / "out/short") as store:
        records = store.records()
    assert {(r["cell"]["probe"], r["cell"]["length"]) for r in records} == swept, done.stdout
    assert {r["status"] for r in records} == {"unsupported"}
    assert f" {shown} skipped" in done.stdout


def test_the_sweep_needs_no_extras():
    """In the clone, whose own settings are read."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:timeout",
         "-p", "no:xdist", "--benchmark", "--study=smoke", "--collect-only", "-q", "-k", "decode"],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nbench/benchmark_cells.py::test_timed[decode-" in "\n" + done.stdout


def test_wrong_study_exits_2_with_every_mistake(tmp_path):
    (tmp_path / "bad.toml").write_text(
        TINY.read_text().replace('"lstm"', '"lstmm"').replace("rounds", "roundz")
    )
    done = run_pytest(tmp_path, "--benchmark", "--study", "bad.toml")
    assert done.returncode == 2
    assert "unknown arm 'lstmm'. Did you mean 'lstm'?" in done.stdout + done.stderr
    assert "unknown field 'roundz'. Did you mean 'rounds'?" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_file_that_is_no_entry_ends_a_benchmark_and_nothing_else(tmp_path, install):
    env = install({"arms/mine.py": '"""An arm without weights."""\nKERNELS = ("loop",)\n'})
    done = run_pytest(tmp_path, "--benchmark", "--study", str(TINY), env=env)
    said = done.stdout + done.stderr
    assert done.returncode == 2
    assert f"{tmp_path}/extra/arms/mine.py: lacks WEIGHTS, ARM." in said
    assert "Traceback" not in said
    (tmp_path / "test_one.py").write_text("def test_one(): pass")
    assert run_pytest(tmp_path, env=env).returncode == 0


def test_absent_device_skips_with_the_reason(tmp_path):
    done = run_pytest(tmp_path, "--benchmark", "--study", str(TINY), "--device", "xpu")
    assert "no xpu device on this machine" in done.stdout
    assert " passed" not in done.stdout
    assert done.returncode == 1, "nothing was measured"


def test_bare_pytest_runs_no_benchmark(tmp_path):
    (tmp_path / "test_one.py").write_text("def test_one(): pass")
    done = run_pytest(tmp_path)
    assert done.returncode == 0
    assert "1 passed" in done.stdout
    assert not (tmp_path / "reports").exists()


def test_collect_only_measures_nothing(tmp_path):
    done = run_pytest(tmp_path, "--benchmark", "--study", str(TINY), "--collect-only", "-q")
    assert done.returncode == 0
    assert (
        "test_timed[speed-training-scratch-package-T=16-cpu-float32-threads=1-seed=0-lstm/fused]"
        in done.stdout
    )
    assert not (tmp_path / "reports").exists()


def test_replay_reads_like_a_clock():
    replay = Replay()
    replay.load([0.5, 0.25])
    readings = [replay() for _ in range(4)]
    assert [readings[1] - readings[0], readings[3] - readings[2]] == [0.5, 0.25]
