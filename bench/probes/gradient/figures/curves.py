"""What records hold for a figure: curves by distance, stages, and where a training ended."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.drawing.palette import rank
from bench.outcome import DIVERGED
from bench.probes.gradient.records import of_flow
from bench.store.records import Record

Floats = npt.NDArray[np.float64]
_ROOM, _LEAST_SEEN = 1.4, 60.0  # behind where the last curve leaves; tokens
_LEAST_STAGES = 4  # of a training that is drawn as it goes


@dataclass(frozen=True)
class Curve:
    """The norms of one measurement by distance; NaN where there is no number."""

    distance: Floats
    norm: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, record: Record, number: int) -> "Curve":
        """What a record has of one stage."""
        samples = record["samples"]
        norm = floats(samples["norm"][number])
        low, high = (
            floats(samples[name][number]) if len(samples.get(name, ())) > number else norm
            for name in ("norm_low", "norm_high")
        )
        return cls(floats(samples["distance"]), norm, low, high)


def floats(values: Iterable[float | None]) -> Floats:
    """Numbers, NaN where a record has none."""
    return np.asarray([math.nan if v is None else v for v in values], dtype=float)


def in_order(records: Sequence[Record]) -> list[Record]:
    """Records in the order of the legend."""
    return sorted(records, key=lambda r: rank(r["cell"]["arm"]))


def trained(record: Record) -> bool:
    """Whether it was measured after steps too, not at initialisation only."""
    return bool(record["cell"]["protocol"]["steps"])


def followed(records: Sequence[Record]) -> list[Record]:
    """Those of the facet that are followed through their training."""
    records = [r for r in in_order(of_flow(records)) if trained(r)]
    lengths = {r["cell"]["length"] for r in records if len(r["samples"]["steps"]) >= _LEAST_STAGES}
    return [r for r in records if r["cell"]["length"] in lengths]


def most_trained(records: Sequence[Record]) -> list[Record]:
    """Those of the longest window among the longest trainings."""
    best = max((_extent(r) for r in records), default=None)
    return [r for r in records if _extent(r) == best]


def _extent(record: Record) -> tuple[int, int]:
    return record["cell"]["protocol"]["steps"], record["cell"]["length"]


def once(records: Sequence[Record]) -> list[list[Record]]:
    """Arms at initialisation: a seed that two trainings start from is one."""
    found: dict[tuple[str, str], dict[int, Record]] = {}
    for record in records:
        cell = record["cell"]
        found.setdefault((cell["arm"], cell["kernel"]), {}).setdefault(cell["seed"], record)
    return [list(seeds.values()) for seeds in found.values()]


def seen_to(records: Sequence[Record], floor: float, sample: str = "norm") -> float:
    """How far panels go: to where the last of the curves that leave the axis does, or all the way.

    Beyond, what has left stays away and what has not stays level, and on a long window there would
    be nothing but that to see.
    """
    end, last = 0.0, 0.0
    for record in records:
        distance = floats(record["samples"]["distance"])
        last = max(last, distance[-1])
        for stage in record["samples"][sample]:
            for curve in stage if sample != "norm" else [stage]:
                there = floats(curve) >= floor
                if there.any() and not there[-1]:
                    end = max(end, distance[there][-1])
    return min(last, max(_ROOM * end, _LEAST_SEEN)) if end else last


def stage_number(record: Record, when: str | int) -> int | None:
    """Which of a record's measurements that is, None where it has no such."""
    steps = record["samples"]["steps"]
    if when == "init":
        return 0 if steps[0] == 0 else None
    if when != "end":
        return steps.index(when) if when in steps else None
    last = [n for n, norms in enumerate(record["samples"]["norm"]) if n and set(norms) != {None}]
    if record["status"] == DIVERGED:
        return last[-1] if last else None
    return len(steps) - 1 if len(steps) > 1 else None


def stage_in_words(when: str, records: Sequence[Record]) -> str:
    """``at initialisation``, or after how many steps."""
    if when == "init":
        return "at initialisation"
    steps = sorted({_planned(r) for r in records} - {0})
    return f"after {' or '.join(map(str, steps))} steps"


def _planned(record: Record) -> int:
    """The step of the last stage that a training was to have."""
    protocol = record["cell"]["protocol"]
    last = max(protocol.get("stages") or [1.0])
    return int(min(math.ceil(last * protocol["steps"]), protocol["steps"]))


def endings(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Where trainings of one arm ended before their end, in words."""
    found = []
    for arm, group in itertools.groupby(in_order(records), key=lambda r: r["cell"]["arm"]):
        series = list(group)
        steps = sorted(_diverged_at(r) for r in series if r["status"] == DIVERGED)
        if not steps:
            continue
        which = "" if len(series) == 1 else f"{len(steps)} of {len(series)} seeds "
        span = " to ".join(dict.fromkeys((str(steps[0]), str(steps[-1]))))
        found.append((arm, f"{which}diverged at step {span}"))
    return found


def _diverged_at(record: Record) -> int:
    step = record["metrics"].get("step")
    return int(record["samples"]["steps"][-1] if step is None else step)


def where_lost(norm: Floats, distance: Floats) -> str:
    """What of a curve is not a number."""
    lost = np.isnan(norm)
    if lost.all():
        return "not finite"
    first = int(lost.argmax())
    if lost[first:].all():
        return f"not finite from {distance[first]:.0f}"
    return f"not finite at {lost.sum()} of {len(norm)} distances"
