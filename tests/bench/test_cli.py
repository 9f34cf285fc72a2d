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


@pytest.mark.parametrize("kind", ["studies", "tasks", "probes"])
def test_lists_every_name_without_torch(kind, rvt, without_torch):
    done = rvt("ls", kind, env=without_torch)
    assert done.code == 0, done.err
    for name in getattr(registry, kind)():
        assert name in done.out


def test_arms_are_listed_with_every_head_and_its_cost(rvt):
    from models.arms import HEADS

    done = rvt("ls", "arms")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    for head in HEADS:
        for name in registry.arms():
            (row,) = [line for line in lines if f" {head} " in line and f" {name} " in line]
            cells = [cell.strip() for cell in row.strip("│ ").split("│")]
            assert cells[-1]  # the size, or why there is none
            if cells[2]:
                parameters, body, forward, training, state = (
                    float(cell.replace(",", "")) for cell in cells[2:7]
                )
                assert parameters > body > 0
                assert 2 * forward < training <= 3 * forward + 1
                assert state > 0
            if name == "transformer":
                assert cells[7:] == ["+0.00%", "sets the budget"]
    assert "T=512" in done.out


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
