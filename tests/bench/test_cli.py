"""The command line, run as a user runs it."""

import os

import pytest

from bench import registry

from ..conftest import TINY

# A module that fails on import, put before the real one: whoever imports torch is found out.
POISON = "raise ImportError('torch was imported')"


@pytest.fixture
def without_torch(tmp_path):
    (tmp_path / "torch.py").write_text(POISON)
    (tmp_path / "transformers.py").write_text(POISON)
    return {"PYTHONPATH": str(tmp_path)}


def test_help_without_torch(rvt, without_torch):
    done = rvt("--help", env=without_torch)
    assert done.code == 0
    assert "Usage: " in done.out


@pytest.mark.parametrize("kind", ["studies", "tasks", "arms", "probes"])
def test_lists_every_name_without_torch(kind, rvt, without_torch):
    done = rvt("ls", kind, env=without_torch)
    assert done.code == 0, done.err
    for name in getattr(registry, kind)():
        assert name in done.out


def test_wrong_requests_exit_2_without_torch_or_traceback(rvt, tmp_path, without_torch):
    (tmp_path / "bad.toml").write_text(TINY.read_text().replace('"lstm"', '"lstmm"'))
    for arguments, words in [
        (["run", "smok"], "Did you mean 'smoke'"),
        (["run", str(tmp_path / "bad.toml")], "Did you mean 'lstm'"),
        (["run", "smoke", "--device", "gpu"], "unknown device 'gpu'"),
        (["ls", "nothing"], "nothing"),
        (["report", str(tmp_path)], "no records in"),
    ]:
        done = rvt(*arguments, env=without_torch)
        assert done.code == 2, (arguments, done)
        assert words in done.err
        assert "Traceback" not in done.err


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
