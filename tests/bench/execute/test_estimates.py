"""Estimates: all that the engine does is counted, each cell timed in its own setting."""

import random
from types import SimpleNamespace

import pytest
import torch

from bench import outcome
from bench.execute import estimates, seats, turns

from .groups import Heard, both_settings, cells_of, changed, planned, run

START = {"lstm": 3.0, "transformer": 1.0}
TURN = {"lstm": 0.2, "transformer": 0.1}


CHANCE = random.Random(0)


class Virtual(seats.Seat):
    """A seat whose worker takes its seconds from a clock that nobody waits for."""

    now = 0.0

    @classmethod
    def pass_by(cls, seconds):
        Virtual.now += seconds

    def start(self):
        self._turns = 0
        self.pass_by(START[self.cell.arm])

    def round(self):
        self.pass_by(TURN[self.cell.arm])
        self._turns += 1

    def finish(self):
        """Times by chance, so that no ratio is ever exact."""
        self.metrics = {"tokens_per_step": 1}
        taken = [CHANCE.uniform(0.9, 1.1) for _ in range(self._turns)]
        self.samples.setdefault("seconds", []).extend(taken)


@pytest.mark.parametrize(("rounds", "budget_s"), [(20, 1e9), (6, 1e9), (20, 15.0), (20, 0.1)])
def test_an_estimate_counts_all_that_the_engine_does(monkeypatch, decided, rounds, budget_s):
    """Everyone's start every five rounds, the canary's too, the rests, and the budget's end."""
    clock = SimpleNamespace(monotonic=lambda: Virtual.now, sleep=Virtual.pass_by)
    monkeypatch.setattr(turns, "time", clock)
    monkeypatch.setattr(seats, "time", clock)
    monkeypatch.setattr(turns, "Seat", Virtual)
    settings = {"rounds": rounds, "budget_s": budget_s, "precision": 1e-9}
    group, configs = changed(decided, cells_of("speed")[0], **settings)
    Virtual.now = 0.0
    heard = run(None, configs, "", group, Heard())
    assert {ended["status"] for ended in heard.outcomes.values()} == {outcome.UNSTABLE}
    spent = {cell.key: (START[cell.arm], TURN[cell.arm]) for cell in group}
    shares = estimates.shares({cell.key: cell for cell in group}, spent)
    assert sum(shares.values()) == pytest.approx(Virtual.now)
    assert shares[group[1].key] > shares[group[0].key] / 2, "the reference runs twice"


def test_an_estimate_counts_a_canary_of_each_setting(monkeypatch, decided):
    clock = SimpleNamespace(monotonic=lambda: Virtual.now, sleep=Virtual.pass_by)
    monkeypatch.setattr(turns, "time", clock)
    monkeypatch.setattr(seats, "time", clock)
    monkeypatch.setattr(turns, "Seat", Virtual)
    group, configs = both_settings(decided)
    group, configs = changed(configs, group, rounds=20, budget_s=1e9, precision=1e-9)
    Virtual.now = 0.0
    heard = run(None, configs, "", group, Heard())
    assert len(heard.outcomes) == len(group)
    spent = {cell.key: (START[cell.arm], TURN[cell.arm]) for cell in group}
    shares = estimates.shares({cell.key: cell for cell in group}, spent)
    assert sum(shares.values()) == pytest.approx(Virtual.now)


def test_a_cell_is_timed_in_its_own_setting():
    before = torch.get_num_threads()
    tiny = torch.tensor(1e-30)
    with estimates.as_set(planned("speed", denormals="flush", threads=1)):
        assert torch.get_num_threads() == 1
        assert float(tiny * 1e-10) == 0.0
    assert torch.get_num_threads() == before
    assert float(tiny * 1e-10) > 0.0


def test_a_pool_that_is_there_already_does_not_time_another_setting(monkeypatch):
    """Its threads have floats as they were: half a matrix product would be of the other setting."""
    both = [planned("speed", denormals=setting, threads=2) for setting in ("flush", "keep")]
    cells = {cell.key: cell for cell in both}
    small = torch.full((2048, 64), 1e-20)
    kept: dict[str, float] = {}

    class Pace:
        def __init__(self, cell, config, data):
            kept[cell.denormals] = float(((small @ small.T) != 0).double().mean())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(estimates, "Pace", Pace)
    monkeypatch.setattr(estimates, "_spent", lambda cell, pace: (1.0, 1.0))
    try:
        assert ((small @ small.T) != 0).all(), "the pool keeps them"
        estimates.add(cells, {key: {"config": {}} for key in cells}, lambda cell: None)
    finally:
        torch.set_num_threads(before)
    assert kept == {"keep": 1.0, "flush": 0.0}
