"""A worker that is killed in the middle of a training, and the one that goes on from there."""

import os

import pytest

from bench import outcome
from bench.execute import processes
from bench.store.trainings import Trainings

from .groups import Heard, cells_of, killer, run

#: Run when a server starts: its workers save at every validation.
OFTEN = """
import math
from bench.measure import resume

resume.EVERY_S, resume.SHARE = 0.0, math.inf
"""
TIMED = ("step_s", "tokens_per_s", "train_s", "build_s", "peak_rss_bytes", "resumed_at_steps")


@pytest.fixture
def often(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(OFTEN)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    with processes.Server(tmp_path / "log") as server:
        yield server


def without_time(ended):
    metrics = {name: value for name, value in ended["metrics"].items() if name not in TIMED}
    return metrics, ended["samples"] | {"seconds": None}


def test_kill_9_of_a_worker_costs_a_training_what_came_after_the_last_saving(
    often, tmp_path, decided, fingerprint
):
    cell = next(cell for cell in cells_of("learning")[0] if cell.arm == "transformer")
    long = cell.model_copy(
        update={
            "protocol": cell.protocol
            | {"steps": 12, "eval_every": 1, "schedule": "cosine", "learning_rates": [1e-3]}
        }
    )
    configs = decided | {long.key: decided[cell.key]}
    place = Trainings(tmp_path).path(long.key)

    def measured(on_progress=None, **made_with):
        kept = {long.key: {"path": str(place), "made_with": {"code": "a"} | made_with}}
        heard = run(often, configs, fingerprint, [long], Heard(on_progress), kept=kept)
        return heard.outcomes[long.key]

    kill = killer(0)
    killed = measured(lambda cell: place.exists() and kill(cell))
    assert killed["status"] == outcome.KILLED
    assert place.exists()
    resumed = measured()
    assert resumed["status"] == outcome.DONE, resumed["reason"]
    (at,) = resumed["metrics"]["resumed_at_steps"]
    assert 0 < at < 12
    whole = measured(code="b")  # what is there is of other code
    assert "resumed_at_steps" not in whole["metrics"]
    assert without_time(resumed) == without_time(whole)
    assert "made with other code than are here now" in (tmp_path / "log").read_text()
