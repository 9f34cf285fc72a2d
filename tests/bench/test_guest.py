"""A guest on other people's machines: it imports its own files, and records what ran of them."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter

import pytest

from bench.execute import processes
from bench.outcome import DONE
from bench.store import Store, provenance, sources

from ..conftest import Finished
from ..test_architecture import ROOTS
from .execute.groups import planned

ROOT = ROOTS["bench"].parent
HELD = ("bench", "models")
MODULES = ("datasets", "numpy", "pandas", "random", "statistics", "tokenizers", "torch",
           "transformers")  # fmt: skip
#: Whoever imports it is found out, and does not get far.
FOREIGN = """
from pathlib import Path
Path(__file__).with_suffix(".imported").touch()
raise ImportError(f"{__file__} was imported")
"""
STUDY = """
title = "Guest"
summary = "As little as can be measured."

[comparison.scratch]
summary = "random weights, matched to one another"
match_to = "transformer"
hidden_size = 128
num_layers = 1
num_heads = 2
max_positions = 32

[[grid]]
probe = "gradient"
comparison = "scratch"
task = [{tasks}]
length = 8
arm = [{arms}]
batch_size = 2
rows = 2
steps = 0
states = 0
eval_rows = 2
"""


def written(folder, tasks=("parity",), arms=("lstm",)):
    """The study's file, and where its records go."""
    listed = [", ".join(f'"{name}"' for name in names) for names in (tasks, arms)]
    path = folder / "guest.toml"
    path.write_text(STUDY.format(tasks=listed[0], arms=listed[1]))
    return path, folder / "reports"


@pytest.fixture
def foreign(tmp_path):
    """A project's folder, with packages and modules that are called as ours or as libraries."""
    folder = tmp_path / "project"
    for name in HELD:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(FOREIGN)
    for name in MODULES:
        (folder / f"{name}.py").write_text(FOREIGN)
    yield folder
    assert not list(folder.rglob("*.imported"))


def test_a_sweep_in_a_project_of_such_names_imports_its_own(foreign, tmp_path):
    """As ``rvt`` is installed: a script whose folder comes first, not the working directory."""
    script = tmp_path / "bin" / "rvt"
    script.parent.mkdir()
    script.write_text("from bench.cli import main\nmain()\n")
    study, output = written(tmp_path)
    done = subprocess.run(
        [sys.executable, script, "run", study, "--output", output],
        cwd=foreign, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    with Store(output / "guest") as store:
        (record,) = store.records()
    assert record["status"] == DONE
    assert record["provenance"]["code"] == provenance.code_hash(sources.begun().digests)
    assert record["environment"]["commit"] == provenance.commit()[0]


def test_as_a_module_it_leaves_the_working_directory_alone(foreign, rvt):
    """But for a package of its own name there, which is what Python was asked for."""
    shutil.rmtree(foreign / "bench")
    done = rvt("ls", "arms", cwd=foreign)
    assert done.code == 0, done.err
    assert "lstm" in done.out


@pytest.fixture
def tree(tmp_path):
    """A second checkout, beside the one that is installed."""
    for name, folder in ROOTS.items():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, tmp_path / "tree" / name, ignore=ignored)
    return tmp_path / "tree"


def run(tree, study, output, env=None, edits=()):
    """Run a study with a checkout's code, and edit its files when it says so.

    Args:
        edits: what a line of output holds, and which file then gets which text.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "run", study, "--output", output],
        cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | (env or {}),
    )  # fmt: skip
    said, left = [], list(edits)
    for line in process.stdout:
        said.append(line)
        if left and left[0][0] in line:
            _, name, text = left.pop(0)
            edit(tree / name, text)
    assert not left, "".join(said)
    process.stdout.close()
    return Finished(process.wait(), "".join(said), "")


def edit(path, text):
    with path.open("a") as file:
        file.write(f"\n{text}\n")


def test_what_is_edited_while_a_sweep_runs_is_not_what_runs(tree, tmp_path, rvt):
    """Each edit would fail every cell that ran it; the records carry the hash of what ran."""
    study, output = written(tmp_path, ("parity", "reverse"), ("lstm", "transformer"))
    files = ["models/arms/transformer.py", "bench/tasks/parity.py", "bench/tasks/reverse.py"]
    edits = [
        ("preparing 4 of 4", files[0], "ARM = None"),
        ("estimate: ", files[1], "rows = None"),
        (" left]", files[2], "rows = None"),
        ("writing the report", "bench/outcome.py", "DONE = None"),
    ]
    done = run(tree, study, output, edits=edits)
    assert done.code == 0, done.out
    with Store(output / "guest") as store:
        records = store.records()
    assert Counter(record["status"] for record in records) == {DONE: 4}
    (code,) = {record["provenance"]["code"] for record in records}
    assert code == provenance.code_hash(sources.begun().digests), "of the tree as it was copied"
    assert {record["environment"]["commit"] for record in records} == {None}
    said = "edited while this ran, which ran as before: "
    assert f"{said}{files[1]}, {files[2]} and {files[0]}\n" in done.out
    resumed = rvt("run", str(study), "--output", str(output), cwd=tree)
    assert resumed.code == 2
    assert "made with other code" in resumed.err


def test_what_is_edited_before_workers_import_it_refuses_the_sweep(tree, tmp_path):
    """The worker server's own interpreter edits a file before anything is imported there."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(
        textwrap.dedent(f"""
            import sys
            if any(part.endswith("server.py") for part in sys.orig_argv):
                with open({str(tree / "bench/tasks/parity.py")!r}, "a") as file:
                    file.write("# edited\\n")
        """)
    )
    study, output = written(tmp_path)
    done = run(tree, study, output, env={"PYTHONPATH": str(tmp_path / "hook")})
    assert done.code == 2, done.out
    assert "expected workers to import bench/tasks/parity.py as this process did" in done.out
    assert "Traceback" not in done.out
    with Store(output / "guest") as store:
        assert not store.records()


LATE = """
\"\"\"The first token.\"\"\"
import numpy as np

HEAD = "AutoModelForSequenceClassification"
KIND = "diagnostic"
METRIC = "accuracy"
FLOOR = 0.5
SOLVED = None
LENGTHS = (2, 64)
EXPECTED = ""
NEEDS = None
LABELS = ("a", "b")
VOCABULARY = 3
SYMBOLS = ("·", "a", "b")

def rows(data, split, length, count, generator):
    from extra import helper  # when it is first needed

    bits = generator.integers(0, 2, (count, length))
    return {"input_ids": bits + 1, "labels": bits[:, 0]}
"""


def test_what_is_edited_and_then_imported_for_the_first_time_fails_its_cells(
    install, tmp_path, monkeypatch
):
    """An extension's file that nothing had imported when the workers' server was ready."""
    env = install({"tasks/__init__.py": "", "tasks/late.py": LATE.lstrip(), "helper.py": ""})
    monkeypatch.setenv("PYTHONPATH", env["PYTHONPATH"])
    with processes.Server(tmp_path / "log") as server:
        assert "extra/helper.py" in server.code
        cell = planned("gradient", task="late", length=8)
        decided = processes.prepare(server, [cell], "", 1)
        assert decided["cells"][cell.key]["estimate_s"] > 0
        edit(tmp_path / "extra" / "helper.py", "edited = True")
        with pytest.raises(processes.CellFailed, match=r"expected extra/helper\.py as it was"):
            processes.prepare(server, [cell], "", 1)


def test_a_hook_of_another_repository_does_not_lend_its_commit(tmp_path, monkeypatch):
    mine = provenance.commit()
    if mine[0] is None:
        pytest.skip("this is no checkout")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    provenance.commit.cache_clear()
    assert provenance.commit()[0] == mine[0]
