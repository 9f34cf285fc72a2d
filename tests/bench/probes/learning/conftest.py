"""Trainings of the tiny study."""

import pytest

from bench import registry, tasks
from bench.store import Store
from bench.store.records import of


@pytest.fixture
def trained(tiny):
    """The records of its trainings, to be edited: two arms of two seeds."""
    with Store(tiny.folder) as store:
        return of(store.records(), "learning")


@pytest.fixture
def halving(monkeypatch):
    """A task of the reader's own, whose floor is a formula: its name."""
    entry = registry.Entry("halving", "", {"FLOOR": "1 / T", "METRIC": "nats"})
    task = type("Halving", (), {"FLOOR": "1 / T", "floor": staticmethod(lambda n: 1 / n)})
    known = registry.tasks() | {"halving": entry}
    monkeypatch.setattr(registry, "tasks", lambda: known)
    monkeypatch.setattr(tasks, "load", lambda name: task)
    return "halving"
