"""The command line, run as a user runs it."""

import os
import subprocess
import sys

import pytest

from bench import cli

from ..conftest import TINY


def test_help_without_torch(rvt, without_torch):
    done = rvt("--help", env=without_torch)
    assert done.code == 0
    assert "Usage: " in done.out


def test_nothing_heavy_is_imported_before_it_is_needed():
    heavy = "{'torch', 'transformers', 'matplotlib', 'pandas', 'scipy'}"
    code = f"import sys, bench.cli; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_wrong_requests_exit_2_without_torch_or_traceback(rvt, tmp_path, without_torch):
    (tmp_path / "bad.toml").write_text(TINY.read_text().replace('"lstm"', '"lstmm"'))
    for arguments, words in [
        (["run", "smok"], "Did you mean 'smoke'"),
        (["run", str(tmp_path / "bad.toml")], "Did you mean 'lstm'"),
        (["run", "smoke", "--device", "gpu"], "unknown device 'gpu'"),
        (["ls", "tsks"], "unknown kind 'tsks'. Did you mean 'tasks'"),
        (["doctor", "--pairs", "3"], "are of rvt doctor --trust"),
        (["doctor", "--trust", "--pairs", "0"], "expected --pairs of 1 or more. Got 0"),
        (["report", str(tmp_path)], "no records in"),
        (["report", str(tmp_path / "bad.toml")], "is no file of records: expected records.sqlite"),
        (["verify", str(tmp_path)], "is no report: it lacks README.md, claim.json"),
    ]:
        done = rvt(*arguments, env=without_torch)
        assert done.code == 2, (arguments, done)
        assert words in done.err
        assert "Traceback" not in done.err


TASK = '''\
"""A task of somebody else."""

HEAD = "AutoModelForSequenceClassification"
KIND = "diagnostic"
METRIC = "accuracy"
FLOOR = 0.5
SOLVED = None
LENGTHS = (2, 64)
EXPECTED = ""
LABELS = ("even", "odd")


def rows(data, length, count, rng):
    """Nothing."""
'''
#: Files of an installed package that are no entries, and what is said of them.
WRONG = {
    "tasks/broken.py": (TASK + "def (", "expected Python. Got SyntaxError in line 15"),
    "tasks/unsaid.py": (TASK.replace("FLOOR", "ROOF"), "lacks FLOOR. A file of this folder has "),
    "tasks/parity.py": (TASK, "its name is taken by "),
    "tasks/heavy.py": (TASK + "import torch\n", "imports torch, which needs torch"),
    "probes/loose.py": (TASK, "a probe is a folder. Move it to loose/"),
    "probes/empty/notes.txt": ("", "missing: a probe's folder says there literally"),
}


class TestRegistry:
    """A file that is no entry of its folder is named before anything is done."""

    def test_every_such_file_is_named_at_once(self, rvt, install, without_torch):
        install({name: text for name, (text, _) in WRONG.items()})
        done = rvt("ls", "studies", env=without_torch)
        assert (done.code, done.out) == (2, "")
        lines = done.err.splitlines()
        for name, (_, words) in WRONG.items():
            where = name.replace("notes.txt", "__init__.py")
            assert [line for line in lines if where in line.partition(": ")[0] and words in line]
        assert all(": " in line for line in lines), "no traceback"

    @pytest.mark.parametrize("command", [command.name or command.callback.__name__
                                         for command in cli.app.registered_commands])  # fmt: skip
    def test_by_every_command(self, command, rvt, install, without_torch):
        install({"tasks/unsaid.py": TASK.replace("METRIC", "MEASURE")})
        done = rvt(command, "smoke", env=without_torch)
        assert (done.code, done.out) == (2, "")
        assert done.err.count("\n") == 1
        assert done.err.startswith(f"{without_torch['PYTHONPATH']}/extra/tasks/unsaid.py: ")

    def test_an_entry_point_that_names_no_package(self, rvt, install, tmp_path):
        env = install({})
        (tmp_path / "extra-1.0.dist-info" / "entry_points.txt").write_text(
            "[rnn_vs_transformer]\nextra = nowhere_to_be_found\n"
        )
        done = rvt("ls", "studies", env=env)
        assert done.code == 2
        assert "Got 'nowhere_to_be_found': reinstall it" in done.err

    def test_a_file_that_is_one_stops_nothing(self, rvt, install):
        done = rvt("ls", "studies", env=install({"tasks/mine.py": TASK}))
        assert done.code == 0, done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_output_is_one_line(rvt, tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny").chmod(0o555)
    done = rvt("run", str(TINY), "--output", str(tmp_path))
    assert done.code == 3
    assert done.err.count("\n") == 1
    assert "read-only" in done.err


def test_output_that_is_a_file_is_one_line(rvt, tmp_path):
    (tmp_path / "tiny").write_text("in the way")
    done = rvt("run", str(TINY), "--output", str(tmp_path))
    assert done.code == 3
    assert done.err.count("\n") == 1
    assert (tmp_path / "tiny").read_text() == "in the way"
