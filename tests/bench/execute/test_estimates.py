"""Estimates: all that the engine does is counted, each cell timed in its own setting."""

import pytest
import torch

from bench import outcome
from bench.execute import estimates
from bench.execute import group as group_module
from bench.statistics import stopping

from .groups import Heard, both_settings, cells_of, changed, planned, run
from .virtual import START, TURN, Virtual


@pytest.mark.parametrize(("rounds", "budget_s"), [(20, 1e9), (6, 1e9), (20, 15.0), (20, 0.1)])
def test_an_estimate_counts_all_that_the_engine_does(monkeypatch, decided, rounds, budget_s):
    """Everyone's start every five rounds, the canary's too, the rests, and the budget's end.

    How many are built at once depends on the machine, how long a launch lasts on what is found:
    as many rounds as usual, here.
    """
    monkeypatch.setattr(stopping, "LEAST_RELAUNCHES", 0)
    monkeypatch.setattr(stopping, "rounds_a_launch", lambda *_: stopping.USUAL)
    monkeypatch.setattr(group_module, "_EXPECTED_ROUNDS", {"size": 20})
    Virtual.install(monkeypatch)
    settings = {"rounds": rounds, "budget_s": budget_s, "precision": 1e-9}
    group, configs = changed(decided, cells_of("speed")[0], **settings)
    heard = run(None, configs, "", group, Heard())
    assert heard.outcomes[group[0].key]["status"] == outcome.UNDECIDED
    spent = {cell.key: (START[cell.arm], TURN[cell.arm]) for cell in group}
    shares = estimates.shares({cell.key: cell for cell in group}, spent)
    assert sum(shares.values()) == pytest.approx(Virtual.now)
    assert shares[group[1].key] > shares[group[0].key] / 2, "the reference runs twice"


def test_an_estimate_counts_a_canary_of_each_setting(monkeypatch, decided):
    monkeypatch.setattr(stopping, "LEAST_RELAUNCHES", 0)
    monkeypatch.setattr(stopping, "rounds_a_launch", lambda *_: stopping.USUAL)
    monkeypatch.setattr(group_module, "_EXPECTED_ROUNDS", {"size": 20})
    Virtual.install(monkeypatch)
    group, configs = both_settings(decided)
    group, configs = changed(configs, group, rounds=20, budget_s=1e9, precision=1e-9)
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
