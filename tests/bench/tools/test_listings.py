"""What ``rvt ls`` prints, run as a user runs it."""

import pytest

from bench import registry
from bench.data import corpus as library
from bench.tools import listings

CLAIM = '''\
"""A claim of somebody else."""

SENTENCE = "Longer is better"
QUANTITY = "tokens per second"
DIRECTION = "upwards"
DELTA = None
LOOKS = "once"
NEEDS = "probe speed"
SCOPE = ("task", "arm")
SUPPORTED = "it grows"
REFUTED = "it falls"
TABLES = ("speed",)


def judge(evidence):
    """Nothing."""
    return []
'''


@pytest.mark.parametrize("kind", ["studies", "tasks", "probes", "claims"])
def test_lists_every_name_without_torch(kind, rvt, without_torch):
    done = rvt("ls", kind, env=without_torch)
    assert done.code == 0, done.err
    for name in getattr(registry, kind)():
        assert name in done.out


def test_help_says_what_can_be_listed(rvt):
    done = rvt("ls", "--help")
    assert done.code == 0
    for kind in listings.KINDS:
        assert kind in done.out


def test_a_claim_is_listed_with_what_would_overturn_it(rvt, install, without_torch):
    install({"claims/longer.py": CLAIM})
    done = rvt("ls", "claims", env=without_torch)
    assert done.code == 0, done.err
    (row,) = [line for line in done.out.splitlines() if line.startswith("│ longer ")]
    cells = [cell.strip() for cell in row.strip("│ ").split("│")]
    assert cells == ["longer", "Longer is better", "tokens per second", "task, arm", "it falls"]


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


def test_every_task_has_its_line_at_160_columns_and_is_scored_once(rvt):
    done, again = rvt("ls", "tasks"), rvt("ls", "tasks")
    assert (done.code, again.code) == (0, 0), done.err
    assert (again.out, again.err) == (done.out, "")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 160
    assert not set("│┃━─") & set(done.out)  # plain text
    for name, entry in registry.tasks().items():
        (line,) = [line for line in lines if line.startswith(f" {name} ")]
        assert entry.literals["KIND"] in line.split()
    assert "floor: the best guess without looking" in done.out


class TestTasks:
    """Rows of ``rvt ls tasks`` where something cannot be had."""

    @pytest.fixture
    def rows(self, monkeypatch):
        """Of these tasks, by name."""
        every = registry.tasks()

        def listed(*names):
            monkeypatch.setattr(registry, "tasks", lambda: {name: every[name] for name in names})
            return {row.cells[0]: row for row in listings.task_rows(lambda text: None)}

        return listed

    def test_a_cache_that_cannot_be_written_is_gone_without(self, rows, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/x")
        found = rows("parity")["parity"]
        assert found.missing == ""
        assert all(found.cells)

    def test_data_that_cannot_be_had_is_the_reason(self, rows, monkeypatch, tmp_path):
        def none():
            raise library.CorpusError("no sources here")

        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(library, "fingerprint", none)
        found = rows("parity", "language")
        assert found["language"].missing == "no sources here"
        assert found["language"].cells[5:7] == ("", "")
        assert found["parity"].missing == ""
        assert all(found["parity"].cells)
