"""What became of each cell that two runs have: changed, the same, or not to be told.

**Timed** cells, whose arms were taken in turn: only an arm's ratio to its reference, or to itself
under another setting, within each run's own rounds. Absolute times of two runs are never compared,
not even of one machine: nothing in a run says how fast the machine was on the other day. The
differences of log-ratios have an interval with the spread between launches, p-values are Holm's
over all cells, and the same test is done on the A/A controls: where more of these fire than chance
allows, two runs of the same thing differ too, and no change is claimed.

**Other** cells on one processor, with the same code, versions, data and settings, are
deterministic: every number and trace but clocks must be equal, and where one is not, that is real
and said. Else seeds are paired: a t-test over seeds of log-ratios (of differences where a number is
not above 0), Holm's over the cells of a quantity; below six seeds nothing is told, and what is no
more than rounding is no change. Sizes that are counted, as parameters and bytes of state, are
equal or changed.

Seconds of single cells and resident bytes are left out: no run repeats them.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.outcome import DIVERGED, MEASURED
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.report import quantities
from bench.report.circumstances import same_machine, same_origin
from bench.report.pairs import Pair, settings
from bench.statistics import verdicts
from bench.statistics.changes import (
    LEVEL,
    Series,
    Shift,
    between_runs,
    paired,
    spread,
    too_many,
)  # fmt: skip
from bench.statistics.exact import holm
from bench.statistics.intervals import log_ratios
from bench.statistics.rounds import numbered
from bench.store.records import Record

CHANGED, SAME, UNTOLD = "changed", "~", "?"
_ROUNDING = 1e-3  # a smaller share of a number, in every seed, is no change
_NOT_TOLD = Shift(math.nan, math.nan, math.nan, math.nan, 0)
#: All that a cell says of itself, without its seed where seeds are taken together.
Identity = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Change:
    """One number of a cell in two runs.

    Args:
        quantity: its name, as records or tables have it.
        before, after: medians over seeds, or the ratio of each run.
        factor: whether ``shift`` is a log-ratio of the two, else it is their difference.
        shift: with interval and p-value, as tested.
        state: ``CHANGED``, ``SAME`` or ``UNTOLD``.
        why: of what is changed though nothing was tested, or cannot be told.
        adjusted: the p-value among all comparisons of this quantity.
    """

    quantity: str
    before: Any
    after: Any
    state: str
    why: str = ""
    factor: bool = False
    shift: Shift = _NOT_TOLD
    adjusted: float = math.nan


@dataclass(frozen=True)
class Unit:
    """A cell over its seeds, or one of a timed arm: what is counted as one."""

    name: str
    of: Identity
    changes: list[Change] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Changed where one number is; else not to be told where one cannot be."""
        states = {change.state for change in self.changes}
        return next((state for state in (CHANGED, UNTOLD) if state in states), SAME)


@dataclass(frozen=True)
class Outcome:
    """What became of all cells.

    Args:
        units: each once, in the order of the first run.
        refused: pairs of timed cells that ran on different machines, threads or devices.
        controls: how many A/A pairs changed, of how many; None without timed cells.
    """

    units: list[Unit]
    refused: int
    controls: tuple[int, int] | None


def outcome(pairs: Sequence[Pair], before: Evidence, after: Evidence) -> Outcome:
    """What became of every pair of cells."""
    ended = [pair for pair in pairs if _ends_alike(pair)]
    units = [_ended_otherwise(pair) for pair in pairs if not _ends_alike(pair)]
    timed = [pair for pair in ended if _timed(pair)]
    comparable = [pair for pair in timed if same_machine(pair)]
    found, controls = _ratios(comparable, before.records, after.records)
    rows = quantities.Rows(before), quantities.Rows(after)
    units += found + _adjusted(list(_over_seeds(ended, rows)))
    return Outcome(_together(units), len(timed) - len(comparable), controls)


def _timed(pair: Pair) -> bool:
    return all("launch" in r["samples"] for r in (pair.before, pair.after))


def _ends_alike(pair: Pair) -> bool:
    return _end(pair.before) == _end(pair.after)


def _end(record: Record) -> str:
    """How a cell ended; how precisely it was timed is in its interval."""
    return MEASURED[0] if record["status"] in MEASURED else str(record["status"])


def _ended_otherwise(pair: Pair) -> Unit:
    before, after = pair.before, pair.after
    reason = after["reason"] if after["status"] not in MEASURED else before["reason"]
    change = Change("status", before["status"], after["status"], CHANGED, str(reason or ""))
    return Unit(before["name"], _identity(before), [change])


def _identity(record: Record, *, seed: bool = True) -> Identity:
    return tuple(item for item in settings(record["cell"]).items() if seed or item[0] != "seed")


def _together(units: Sequence[Unit]) -> list[Unit]:
    """What is said of one cell in one unit; of cells that have one name, what tells them apart."""
    found: dict[Identity, Unit] = {}
    for unit in units:
        found.setdefault(unit.of, Unit(unit.name, unit.of)).changes.extend(unit.changes)
    named: dict[str, list[Unit]] = {}
    for unit in found.values():
        named.setdefault(unit.name, []).append(unit)
    return [
        replace(unit, name=unit.name + _apart(unit, named[unit.name])) for unit in found.values()
    ]


def _apart(unit: Unit, namesakes: Sequence[Unit]) -> str:
    """The settings of a unit that others of its name have not."""
    alike = set.intersection(*(set(other.of) for other in namesakes))
    return "".join(
        f", {name.rpartition('.')[2]} {value}"
        for name, value in unit.of
        if (name, value) not in alike
    )


# -- timed ---------------------------------------------------------------------------------


def _ratios(
    pairs: Sequence[Pair], before: Sequence[Record], after: Sequence[Record]
) -> tuple[list[Unit], tuple[int, int] | None]:
    """Every arm's ratio in two runs, and how many of the A/A controls' changed."""
    after_of = {pair.before["key"]: pair.after["key"] for pair in pairs}
    others = {
        (verdict.record["key"], verdict.reference["key"]): verdict for verdict in _verdicts(after)
    }
    both = []
    for first in _verdicts(before):
        keys = (after_of.get(r["key"]) for r in (first.record, first.reference))
        if (second := others.get(tuple(keys))) is not None:  # type: ignore[arg-type]
            both.append((first, second))
    aa = [
        (_canary(0, pair.before), _canary(1, pair.after))
        for pair in pairs
        if all(r["samples"].get("canary_seconds") for r in (pair.before, pair.after))
    ]
    arms = [(_ratio_series(0, first), _ratio_series(1, second)) for first, second in both]
    launches = spread([series for two in arms + aa for series in two])
    shifts = [between_runs(one, other, launches) for one, other in arms]
    fired = sum(between_runs(one, other, launches).p < LEVEL for one, other in aa)
    if not both:
        return [], None
    why = "no A/A control" if not aa else "one launch in each run" if launches is None else ""
    if too_many(fired, len(aa)):
        why = f"{fired} of {len(aa)} A/A controls changed as well"
    units = [
        _timed_unit(*two, shift, p, why)
        for two, shift, p in zip(both, shifts, holm([s.p for s in shifts]), strict=True)
    ]
    return units, (fired, len(aa))


def _verdicts(records: Sequence[Record]) -> list[verdicts.Verdict]:
    """Arms beside their references, and beside themselves under another setting."""
    return [*verdicts.of(records), *verdicts.of_settings(records)]


def _ratio_series(run: int, verdict: verdicts.Verdict) -> Series:
    return _series(run, verdict.reference, verdict.record["samples"]["seconds"])


def _canary(run: int, reference: Record) -> Series:
    """A reference beside itself, in a process of its own."""
    return _series(run, reference, reference["samples"]["canary_seconds"])


def _series(run: int, reference: Record, seconds: Sequence[float]) -> Series:
    logs = log_ratios(reference["samples"]["seconds"], seconds, 2)
    launches = numbered(reference["samples"]["launch"], len(logs))
    return Series(logs, launches, (run, reference["alike"], reference["together"]))


def _timed_unit(
    first: verdicts.Verdict, second: verdicts.Verdict, shift: Shift, p: float, why: str
) -> Unit:
    cell, base = first.record["cell"], first.reference["cell"]
    against = next(name for name in ("arm", "kernel", "denormals") if cell[name] != base[name])
    state = UNTOLD if why or math.isnan(p) else CHANGED if p < LEVEL else SAME
    if state == UNTOLD:
        why = why or "too few rounds"
    change = Change(
        f"speed ratio to {base[against]}", first.ratio.value, second.ratio.value, state, why,
        factor=True, shift=shift, adjusted=p,
    )  # fmt: skip
    return Unit(first.record["name"], _identity(first.record), [change])


# -- by seeds ------------------------------------------------------------------------------


def _over_seeds(
    pairs: Sequence[Pair], rows: tuple[quantities.Rows, quantities.Rows]
) -> Iterator[Unit]:
    """Every cell over its seeds, with what of each of its numbers was tested."""
    groups: dict[Identity, list[Pair]] = {}
    for pair in pairs:
        timed = _timed(pair)  # each seed has rounds of its own
        groups.setdefault(_identity(pair.before, seed=timed), []).append(pair)
    for of, group in groups.items():
        changes = list(_counted(group))
        if _timed(group[0]):
            yield Unit(group[0].before["name"], of, changes)
        else:
            yield Unit(_seedless(group), of, [*changes, *_measured(group, rows)])


def _seedless(group: Sequence[Pair]) -> str:
    """A cell's name for all its seeds."""
    record = group[0].before
    name: str = record["name"].replace(f" seed={record['cell']['seed']}", "")
    return name if len(group) == 1 else f"{name} ({len(group)} seeds)"


def _counted(group: Sequence[Pair]) -> Iterator[Change]:
    """Sizes that are counted: each equal, or changed in as many seeds as it is said."""
    both = [(quantities.counted(p.before), quantities.counted(p.after)) for p in group]
    for name in dict.fromkeys(name for first, second in both for name in first if name in second):
        values = [(one[name], two[name]) for one, two in both if name in one and name in two]
        unlike = [two for two in values if two[0] != two[1]]
        yield Change(name, *(unlike or values)[0], CHANGED if unlike else SAME,
                     "counted exactly" if unlike else "")  # fmt: skip


def _measured(
    group: Sequence[Pair], rows: tuple[quantities.Rows, quantities.Rows]
) -> Iterator[Change]:
    """What seeds measured: equal where it must be, else tested over them."""
    if group[0].before["status"] not in (*MEASURED, DIVERGED):
        return
    must = [pair for pair in group if _deterministic(pair)]
    if len(must) == len(group):
        yield from _reproduced(group)
        return
    both = [(rows[0].of(p.before), rows[1].of(p.after)) for p in group]
    for name in dict.fromkeys(name for first, second in both for name in first if name in second):
        values = [(one[name], two[name]) for one, two in both if name in one and name in two]
        yield _tested(name, values)


def _deterministic(pair: Pair) -> bool:
    return same_origin(pair) and same_machine(pair) and pair.before["cell"]["device"] == "cpu"


def _reproduced(group: Sequence[Pair]) -> Iterator[Change]:
    """Numbers and traces that the same code on the same processor did not make again."""
    both = [(quantities.all_of(p.before), quantities.all_of(p.after)) for p in group]
    unlike: dict[str, list[tuple[Any, Any]]] = {}
    for first, second in both:
        for name in {**first, **second}:
            if json.dumps(first.get(name)) != json.dumps(second.get(name)):
                unlike.setdefault(name, []).append((first.get(name), second.get(name)))
    for name, values in unlike.items():
        before, after = ("a trace" if isinstance(one, list) else one for one in values[0])
        yield Change(name, before, after, CHANGED,
                     f"not made again in {len(values)} of {len(group)}, by the same code on the "
                     "same machine")  # fmt: skip
    if not unlike:
        yield Change("all", None, None, SAME)


def _tested(name: str, values: Sequence[tuple[float, float]]) -> Change:
    """One number over seeds, each paired with itself."""
    factor = all(one > 0 for two in values for one in two)
    apart = [math.log(b / a) if factor else b - a for a, b in values]
    before, after = (quantities.middle([two[side] for two in values]) for side in (0, 1))
    scale = 1.0 if factor else max(abs(one) for two in values for one in two)
    if max(map(abs, apart)) <= _ROUNDING * scale:
        return Change(name, before, after, SAME, factor=factor)
    shift = paired(apart, EXPLORATORY)
    why = f"fewer than {EXPLORATORY} seeds" if math.isnan(shift.p) else ""
    return Change(name, before, after, UNTOLD, why, factor, shift)


def _adjusted(units: Sequence[Unit]) -> list[Unit]:
    """The same with what tests decide, Holm's over the cells of each quantity."""
    tested: dict[str, list[Change]] = {}
    for unit in units:
        for change in unit.changes:
            if not math.isnan(change.shift.p):
                tested.setdefault(quantities.bare(change.quantity), []).append(change)
    decided: dict[int, Change] = {}
    for changes in tested.values():
        adjusted = holm([change.shift.p for change in changes])
        for change, p in zip(changes, adjusted, strict=True):
            state = CHANGED if p < LEVEL else SAME
            decided[id(change)] = replace(change, state=state, adjusted=p)
    return [replace(u, changes=[decided.get(id(c), c) for c in u.changes]) for u in units]
