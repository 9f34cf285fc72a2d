"""Seats whose workers take their seconds from a clock that nobody waits for."""

import random
from types import SimpleNamespace
from typing import ClassVar

from bench.execute import group, rounds, seats, turns

START = {"lstm": 3.0, "transformer": 1.0}  # seconds until a process has its first turn
TURN = {"lstm": 0.2, "transformer": 0.1}  # of a turn


class Virtual(seats.Seat):
    """A seat whose arm takes as long as a turn, give or take one part in a hundred."""

    now = 0.0
    chance = random.Random(0)
    #: Of every process that ended: its arm, and whether its kernel was asked for.
    asked: ClassVar[list] = []

    @classmethod
    def install(cls, monkeypatch):
        """Have groups sit on these."""
        clock = SimpleNamespace(monotonic=lambda: Virtual.now, sleep=cls.pass_by)
        for module in (group, rounds, seats):
            monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(turns, "Seat", cls)
        Virtual.now, Virtual.chance, Virtual.asked = 0.0, random.Random(0), []

    @classmethod
    def pass_by(cls, seconds):
        Virtual.now += seconds

    def start(self):
        self._turns = 0
        self._begun = Virtual.now

    def ready(self):
        """It has built since it was started, whoever was waited for meanwhile."""
        Virtual.now = max(Virtual.now, self._begun + START[self.cell.arm])

    def round(self):
        self.pass_by(TURN[self.cell.arm])
        self._turns += 1

    def finish(self, *, ran):
        """Times by chance, so that no ratio is ever exact."""
        self.metrics = {"tokens_per_step": 1}
        Virtual.asked.append((self.cell.arm, ran))
        taken = [
            TURN[self.cell.arm] * Virtual.chance.uniform(0.99, 1.01) for _ in range(self._turns)
        ]
        self.samples.setdefault("seconds", []).extend(taken)
