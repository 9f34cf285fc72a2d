"""What is known of a group's rounds beside the times of its arms."""

import contextlib
import statistics
import time
from collections.abc import Iterator
from typing import Any

from bench.store import pressure


class Rounds:
    """Rounds and launches of a group so far, and what they cost.

    Attributes:
        count: of rounds.
        seconds: that count towards the budget: rounds, and every launch but the first.
        launches: the launch of each round.
    """

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        self.launches: list[int] = []
        self._started: list[float] = []
        self._taken: list[float] = []
        self._pressure = pressure.Pressure()
        self._laps: list[dict[str, float | None]] = []

    @contextlib.contextmanager
    def launch(self) -> Iterator[None]:
        """Everyone is started anew."""
        start = time.monotonic()
        yield
        self._started.append(time.monotonic() - start)
        if self.count:  # a budget is no limit to building what is measured
            self.seconds += self._started[-1]

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """A round: its wall time, and what other processes took of the machine meanwhile."""
        start = time.monotonic()
        self._pressure.lap()
        yield
        self._laps.append(self._pressure.lap())
        self._taken.append(time.monotonic() - start)
        self.seconds += self._taken[-1]
        self.launches.append(len(self._started) - 1)
        self.count += 1

    @property
    def costs(self) -> tuple[float, float]:
        """Seconds of a launch, and of a round, in the middle; there is one of each at least."""
        return statistics.median(self._started), statistics.median(self._taken)

    def samples(self) -> dict[str, list[Any]]:
        """Traces by round, the same for every arm."""
        return {
            "launch": list(self.launches),
            **{name: [lap[name] for lap in self._laps] for name in ("steal", "psi")},
        }
