"""The probes: one kind of measurement each, and this folder is their registry.

A probe file says literally, beside its docstring:

- ``HEADS``: the AutoClasses it can measure
- ``AXES``: coordinates of its own, name to ``choices`` and those taken by ``default``
- ``PROTOCOL``: its settings, name to ``default``, ``least`` and ``help``
- ``TIMED``: whether its samples are times that pytest-benchmark can show
- ``INTERLEAVED``: whether the arms of a group are taken in turn, round by round; such a probe has
  the settings ``registry.ROUNDS`` too, and leaves the sample ``seconds`` (of one step, twice a
  round) and the metric ``tokens_per_step``
- ``ABREAST``, if cells on few threads may run beside one another, as nothing of them is timed
- ``SUMMARIES``, if it leaves further samples of each turn: metric to the sample that it is the
  median of. A cell timed in turn has several processes, none of which can tell alone

and defines ``Measurement``, which lives in the worker process of one cell: constructing it builds
and warms the model, ``round`` measures once, ``result`` sums up. It may define
``refuse(cell, head, limit)``, which raises ``Unsupported`` for a cell that it cannot measure; the
limit is the positions of the model, None where there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast

from bench.probes.subject import Subject


@dataclass
class Result:
    """What a cell leaves.

    Args:
        metrics: single numbers, units in their names.
        samples: raw traces, lists of numbers by name.
    """

    metrics: dict[str, Any]
    samples: dict[str, list[Any]] = field(default_factory=dict)


#: Called with the share of the measurement that is over, from 0 to 1.
Progress = Callable[[float], None]


class Measurement(Protocol):
    """One cell being measured."""

    def __init__(self, subject: Subject, progress: Progress) -> None: ...

    def round(self) -> None:
        """Measure once."""
        ...

    def result(self) -> Result:
        """Sum up what the rounds left."""
        ...


class Probe(Protocol):
    """What a probe file provides."""

    HEADS: list[str]
    AXES: dict[str, dict[str, list[str]]]
    PROTOCOL: dict[str, dict[str, Any]]
    TIMED: bool
    INTERLEAVED: bool
    Measurement: type[Measurement]

    def work(self, protocol: dict[str, Any], axes: dict[str, str]) -> tuple[float, float]:
        """Training steps and forward passes that one cell is worth, for the plan's estimate.

        A probe whose arms are taken in turn has ``pace`` instead.
        """
        ...

    def pace(
        self, protocol: dict[str, Any], axes: dict[str, str], once: Callable[[str], float]
    ) -> tuple[float, float]:
        """Seconds that warming up a process of one cell takes, and a turn of it.

        Args:
            protocol, axes: of the cell.
            once: seconds of one ``training`` step, ``forward`` pass, ``prefill``, or reading of one
                ``token``, each over a batch of the cell's rows.
        """
        ...


def load(name: str) -> Probe:
    """The probe that the file of this name defines."""
    module: Any = import_module(f"{__name__}.{name}")
    return cast("Probe", module)
