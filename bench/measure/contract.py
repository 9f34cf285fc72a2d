"""What a probe's ``measure.py`` provides: how one cell is measured, in a process of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast

from bench.measure.subject import Subject
from models import extensions


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
    """One cell being measured: built and warmed by its constructor.

    It may also define ``ran()``, what ``bench.measure.ran.told`` says of its kernel: asked once of
    a cell, however often it is launched; and ``keep_in(file)``, told before the first round of a
    ``bench.measure.resume.File`` to save in how far it is, and to go on from.
    """

    def __init__(self, subject: Subject, progress: Progress) -> None: ...

    def round(self) -> None:
        """Measure once."""
        ...

    def result(self) -> Result:
        """Sum up what the rounds left."""
        ...


class Measure(Protocol):
    """What ``measure.py`` defines.

    It may also define ``refuse(cell, head, limit)``, which raises ``Unsupported`` for a cell that
    it cannot measure, the limit being the positions of the model, None where there is none;
    ``windows(cell)``, splits with lengths of windows that it draws beside those of the cell's own;
    and ``positions(cell, head)``, tokens of the longest text that it gives the model, where that is
    no window.
    """

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


def load(probe: str) -> Measure:
    """How the probe of this name measures; imports torch."""
    module: Any = import_module(f"{extensions.module('bench.probes', probe)}.measure")
    return cast("Measure", module)
