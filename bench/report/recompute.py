"""Metrics of records, computed again from the raw samples beside them.

What follows from samples each probe says in its ``recompute.py``; what all arms taken in turn leave
is said here. A metric that needs the model is not counted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import registry
from bench.outcome import MEASURED
from bench.statistics.summaries import of_turns, summarised
from bench.store.records import Record

#: Sums are rounded otherwise by other versions of Python and NumPy, in their last digit or two.
_ROUNDING = 1e-12
_WRONG = (LookupError, TypeError, ValueError, ArithmeticError)


@dataclass(frozen=True)
class Mistake:
    """A metric that does not follow from its record's samples.

    Args:
        index: of the record.
        key: of its cell.
        metric: its name.
        printed: what the record says.
        recomputed: what its samples say; or, in words, why they say nothing.
    """

    index: int
    key: str
    metric: str
    printed: Any
    recomputed: Any


@dataclass
class Recomputed:
    """How many metrics follow from samples, and which do not.

    Args:
        agreeing, of: of all records.
        mistakes: the others.
        probes: agreeing and all of each probe.
    """

    agreeing: int = 0
    of: int = 0
    mistakes: list[Mistake] = field(default_factory=list)
    probes: dict[str, tuple[int, int]] = field(default_factory=dict)


def check(records: Sequence[Record]) -> Recomputed:
    """Compute every metric again that follows from samples, of all cells that were measured."""
    found = Recomputed()
    for index, record in enumerate(records):
        if record["status"] not in MEASURED or record["cell"]["probe"] not in registry.probes():
            continue
        wrong, of = _compared(index, record)
        found.mistakes += wrong
        found.of += of
        found.agreeing += of - len(wrong)
        agreeing, before = found.probes.get(record["cell"]["probe"], (0, 0))
        found.probes[record["cell"]["probe"]] = agreeing + of - len(wrong), before + of
    return found


def _compared(index: int, record: Record) -> tuple[list[Mistake], int]:
    """The mistakes of a record, and how many of its metrics were recomputed."""
    said, key = record["metrics"], record["key"]
    try:
        again = _metrics(record)
    except _WRONG as error:  # a record that is whole by its digest, and of no such measurement
        why = f"nothing: {type(error).__name__}: {error}"
        return [Mistake(index, key, "samples", "a measurement", why)], 1
    known = {name: value for name, value in again.items() if said.get(name) is not None}
    wrong = [
        Mistake(index, key, name, said[name], value)
        for name, value in known.items()
        if not _same(said[name], value)
    ]
    return wrong, len(known)


def _metrics(record: Record) -> Mapping[str, Any]:
    probe = record["cell"]["probe"]
    part, literals = registry.part(probe, "recompute"), registry.probes()[probe].literals
    found: dict[str, Any] = {} if part is None else part.metrics(record)
    if literals["INTERLEAVED"]:
        samples = record["samples"]
        tokens = record["metrics"]["tokens_per_step"]
        found = found | of_turns(samples, tokens, summarised(literals, samples))
    return found


def _same(printed: Any, recomputed: Any) -> bool:
    if isinstance(printed, bool) or not isinstance(printed, int | float):
        return bool(printed == recomputed)
    return math.isclose(printed, recomputed, rel_tol=_ROUNDING)
