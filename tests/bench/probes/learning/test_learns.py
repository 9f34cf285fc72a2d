"""Every task can be learned: a recurrent and an attention arm end clearly better than guessing.

Budgets are a few seconds each, so that lengths are short. Where an arm is expected to fail, or
needs more than a test can give, it is listed with the reason, and what it does do is still scored.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch

from bench import registry, tasks
from bench.data import metrics
from bench.execute import sizing
from bench.measure.subject import Subject
from bench.probes.learning import measure as learning
from bench.study import Cell, Comparison


class Budget(NamedTuple):
    """How a task is trained here: the window, the steps, and what else differs from the rest."""

    length: int = 16
    steps: int = 100
    batch: int = 32
    rate: float = 3e-3
    shortest: int = 0
    rows: int = 200


#: What those tasks need that need another budget.
BUDGETS = {
    "answers": Budget(64, 120, batch=20),
    "copy_memory": Budget(24, 500),
    "digits": Budget(64, 150, batch=20, rate=1e-3),
    "docstring": Budget(32, 150, batch=8, rate=1e-2, rows=16),
    "duplicate": Budget(15),
    "dyck2": Budget(8, 400, rate=1e-3),
    "induction": Budget(8, 500),
    "language": Budget(32, 200, batch=8, rate=1e-2, rows=100),
    "modular_arithmetic": Budget(4, 300, rate=1e-3),
    "mqar": Budget(32, 150),
    "package": Budget(64, 80, batch=20),
    "parity": Budget(6, 300, rate=1e-3, shortest=2),
    "roles": Budget(64, 60, batch=16),
    "s5": Budget(2, 1200, batch=64),
    "search": Budget(64, 40, batch=16, rate=1e-3),
    "selective_copy": Budget(40, 250),
}


def budget(task):
    """The task's own, or the usual one at the nearest length that the task has."""
    least, most = registry.tasks()[task].literals["LENGTHS"]
    return BUDGETS.get(task) or Budget(min(max(Budget().length, least), most))


#: Share of the way from the floor to a perfect score that counts as clearly above the floor.
CLEARLY = 0.1

#: Why an arm stays at the floor here.
EXPECTED_FAILURES = {
    ("parity", "transformer"): "attention has no state to flip; the task says so",
    ("s5", "transformer"): "one layer composes no permutations; the task says so",
}

#: The metric of what is written is beyond a test: no model of a few seconds writes a better line
#: than the most frequent one. Its loss has to fall below what the tokens' frequencies leave.
BY_LOSS = ("docstring",)

#: Bits per byte start far above the floor: in a few seconds a GRU ends well below it, a transformer
#: only just.
SHORT_WAYS = {"language": 0.005}


def cell(task, arm):
    here = budget(task)
    small = Comparison(
        summary="small", match_to="transformer", hidden_size=64, num_layers=1, max_positions=128,
        recurrent={"initialization": "orthogonal"},
    )  # fmt: skip
    settings = registry.probes()["learning"].literals["PROTOCOL"]
    protocol = {name: setting["default"] for name, setting in settings.items()} | {
        "steps": here.steps, "batch_size": here.batch, "learning_rates": [here.rate],
        "eval_every": here.steps, "eval_rows": here.rows, "shortest": here.shortest,
    }  # fmt: skip
    return Cell(
        probe="learning", comparison="small", task=task, length=here.length, arm=arm,
        kernel=registry.arms()[arm].literals["KERNELS"][0], device="cpu", dtype="float32",
        denormals="keep", threads=1, seed=0, axes={}, model=small, protocol=protocol,
    )  # fmt: skip


def train(task, arm, data):
    """What the learning probe records of one short training."""
    made = cell(task, arm)
    config = sizing.sized(made, data)["config"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        measured = learning.Measurement(Subject(made, config, data), lambda share: None)
        measured.round()
        return measured.result().metrics
    finally:
        torch.set_num_threads(threads)


def way(metric, floor, score):
    """How far from the floor, 0, to a perfect score, 1."""
    best = 1.0 if metrics.METRICS[metric].higher_is_better else 0.0
    return (score - floor) / (best - floor)


def frequencies_leave(task, data):
    """Nats a token of the test split's targets under the training split's frequencies plus one."""
    train, test = (
        tasks.draw(task, data, split, budget(task).length, 4000, seed=0)["labels"]
        for split in ("train", "test")
    )
    counts = np.bincount(train[train >= 0], minlength=data.vocab_size) + 1
    return float(-np.log(counts / counts.sum())[test[test >= 0]].mean())


@pytest.fixture(scope="module")
def data(corpus):
    """What the rows of a task are cut from."""

    def opened(task):
        return corpus if tasks.needs(task) == "library" else tasks.open_data(task, "offline", "")

    return opened


@pytest.mark.parametrize("arm", ["gru", "transformer"])
@pytest.mark.parametrize("task", registry.tasks())
def test_ends_clearly_above_its_floor(task, arm, data):
    found = train(task, arm, data(task))
    assert found["metric"] == tasks.load(task).METRIC
    assert math.isfinite(found["test_loss"])
    if task in BY_LOSS:
        assert found["test_loss"] < frequencies_leave(task, data(task))
        return
    gone = way(found["metric"], found["floor"], found["test_metric"])
    if (task, arm) in EXPECTED_FAILURES:
        assert gone < CLEARLY, f"no longer true: {EXPECTED_FAILURES[task, arm]}"
    else:
        assert gone >= SHORT_WAYS.get(task, CLEARLY)
