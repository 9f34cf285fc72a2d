"""Every task can be learned: a recurrent and an attention arm end clearly better than guessing.

Budgets are a few seconds each, so that lengths are short. Where an arm is expected to fail, or
needs more than a test can give, it is listed with the reason, and what it does do is still scored.
"""

from typing import NamedTuple

import torch

from bench import registry
from bench.execute import prepare
from bench.probes import learning
from bench.probes.subject import Subject
from bench.study import Cell, Comparison

ROWS = 200


class Budget(NamedTuple):
    """How a task is trained here: the window, the steps, and what else differs from the rest."""

    length: int
    steps: int
    batch: int = 32
    rate: float = 3e-3
    shortest: int = 0


BUDGETS = {
    "adding": Budget(16, 150),
    "answers": Budget(64, 150),
    "bucket_sort": Budget(16, 60),
    "copy_memory": Budget(24, 300),
    "digits": Budget(64, 100, batch=20),
    "docstring": Budget(64, 100),
    "duplicate": Budget(15, 100),
    "dyck2": Budget(8, 300),
    "induction": Budget(16, 300),
    "language": Budget(64, 100),
    "listops": Budget(16, 100),
    "modular_arithmetic": Budget(4, 300),
    "mqar": Budget(32, 300),
    "package": Budget(64, 60),
    "parity": Budget(6, 300, shortest=2),
    "reverse": Budget(16, 100),
    "roles": Budget(64, 60),
    "s5": Budget(3, 300),
    "search": Budget(64, 100),
    "selective_copy": Budget(40, 300),
}


def cell(task, arm):
    budget = BUDGETS[task]
    small = Comparison(
        summary="small", match_to="transformer", hidden_size=64, num_layers=1, max_positions=128,
        recurrent={"initialization": "orthogonal"},
    )  # fmt: skip
    settings = registry.probes()["learning"].literals["PROTOCOL"]
    protocol = {name: setting["default"] for name, setting in settings.items()} | {
        "steps": budget.steps, "batch_size": budget.batch, "learning_rates": [budget.rate],
        "eval_every": budget.steps, "eval_rows": ROWS, "shortest": budget.shortest,
    }  # fmt: skip
    return Cell(
        probe="learning", comparison="small", task=task, length=budget.length, arm=arm,
        kernel=registry.arms()[arm].literals["KERNELS"][0], device="cpu", dtype="float32",
        denormals="keep", threads=1, seed=0, axes={}, model=small, protocol=protocol,
    )  # fmt: skip


def train(task, arm, data):
    """What the learning probe records of one short training."""
    made = cell(task, arm)
    sized = prepare._match(made, data)
    assert "failed" not in sized, sized
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        measured = learning.Measurement(Subject(made, sized["config"], data), lambda share: None)
        measured.round()
        return measured.result().metrics
    finally:
        torch.set_num_threads(threads)
