"""``rvt compare``: what changed between two runs, what is real, and what cannot be told.

What the two have not in common comes first, then the cells that changed beyond what two runs of the
same thing differ by (:mod:`bench.report.changes` says how that is decided), the rest as a count,
then the claims whose verdict changed.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import claims, registry
from bench.page.evidence import Evidence
from bench.page.numbers import cell_text
from bench.report import circumstances, pairs
from bench.report.changes import CHANGED, SAME, UNTOLD, Change, Outcome, Unit, outcome
from bench.report.circumstances import Difference
from bench.store.archive import Source
from bench.store.records import Record, coordinate

SCHEMA = 1
_MOST_LINES = 40  # of changed cells, on a screen; --json has all
_MOST_GROUPS = 12  # of cells that only one run has
_NOT_JUDGED = "not judged"
_REFUSED = (
    "Times are not compared: faster and slower hold on one machine, device and number of threads "
    "only, and these {count} timed cells ran on different ones."
)


class UnlikeError(ValueError):
    """Two runs that have no cell in common."""


@dataclass(frozen=True)
class Verdict:
    """A claim that the two runs do not judge alike.

    Args:
        name: of the claim; ``sentence`` as people say it.
        before, after: the state of each run, ``not judged`` without a judgement.
        scopes: those both judge otherwise, each with both states.
        said: the headline of each run.
    """

    name: str
    sentence: str
    before: str
    after: str
    scopes: list[tuple[str, str, str]]
    said: tuple[str, str]


@dataclass(frozen=True)
class Comparison:
    """All that ``rvt compare`` says of two runs, called ``a`` and ``b``."""

    a: str
    b: str
    records: tuple[int, int]
    differences: list[Difference]
    cells: Outcome
    only: tuple[dict[str, int], dict[str, int]]
    verdicts: list[Verdict]

    @property
    def changed(self) -> bool:
        """Whether a cell, or the verdict on a claim that both judge, is another one."""
        judged = any(_NOT_JUDGED not in (v.before, v.after) for v in self.verdicts)
        return judged or any(unit.state == CHANGED for unit in self.cells.units)


def compare(a: Source, b: Source, names: tuple[str, str]) -> Comparison:
    """Compare two runs.

    Args:
        a, b: their records.
        names: how each is called.

    Raises:
        UnlikeError: they have no cell in common.
    """
    records = a.records(), b.records()
    matched = pairs.match(*records)
    if not matched.pairs:
        raise UnlikeError(
            f"{names[0]} and {names[1]} have no cell in common: {_studied(a)} and {_studied(b)}. "
            "Compare two runs of one study."
        )
    before, after = (
        Evidence(of, source.meta("ceilings"), source.meta("published") or [])
        for of, source in zip(records, (a, b), strict=True)
    )
    return Comparison(
        *names,
        (len(records[0]), len(records[1])),
        circumstances.differences(a, b, matched.pairs),
        outcome(matched.pairs, before, after),
        (_groups(matched.before), _groups(matched.after)),
        list(_verdicts(before, after)),
    )


def _studied(source: Source) -> str:
    probes = sorted({record["cell"]["probe"] for record in source.records()})
    return f"study {source.meta('study')} measures {', '.join(probes) or 'nothing'}"


def _groups(records: Sequence[Record]) -> dict[str, int]:
    """How many cells of each group, over its arms, lengths and seeds."""
    names = []
    for record in records:
        cell = record["cell"]
        task = registry.named(cell["task"], coordinate(cell, "data"))
        own = [value for value in cell["axes"].values() if value != cell["probe"]]
        names.append(" ".join([cell["probe"], *own, cell["comparison"], task]))
    return dict(Counter(names).most_common())


def _verdicts(before: Evidence, after: Evidence) -> Iterator[Verdict]:
    """Claims that two runs do not judge alike, as a whole or in a scope that both have."""
    for name in registry.claims():
        both = claims.judge(name, before), claims.judge(name, after)
        was, now = (one.state if one.judgements else _NOT_JUDGED for one in both)
        first, second = (
            {_scope(judgement.scope): judgement.state for judgement in one.judgements}
            for one in both
        )
        scopes = [
            (scope, first[scope], second[scope])
            for scope in first
            if scope in second and first[scope] != second[scope]
        ]
        if was != now or scopes:
            said = both[0].headline, both[1].headline
            yield Verdict(name, both[0].sentence, was, now, scopes, said)


def _scope(scope: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in scope.items())


# -- for machines --------------------------------------------------------------------------


def document(found: Comparison) -> dict[str, Any]:
    """The same for machines: what is no number is None."""
    cells = found.cells
    states = Counter(unit.state for unit in cells.units)
    return {
        "schema": SCHEMA,
        "a": {"records": found.records[0], "name": found.a, "only": found.only[0]},
        "b": {"records": found.records[1], "name": found.b, "only": found.only[1]},
        "differences": [asdict(difference) for difference in found.differences],
        "times_refused": cells.refused,
        "controls": None
        if cells.controls is None
        else {"changed": cells.controls[0], "of": cells.controls[1]},
        "counts": {state: states[state] for state in (CHANGED, UNTOLD, SAME)},
        "cells": [
            {"name": unit.name, "state": unit.state,
             "changes": [_plain(c) for c in unit.changes if c.state != SAME]}
            for unit in cells.units
            if unit.state != SAME
        ],
        "claims": [asdict(verdict) for verdict in found.verdicts],
        "changed": found.changed,
    }  # fmt: skip


def _plain(change: Change) -> dict[str, Any]:
    shift = {name: _none(value) for name, value in asdict(change.shift).items()}
    plain = {name: _none(value) for name, value in asdict(change).items() if name != "shift"}
    return plain | {"shift": shift if change.shift.n else None}


def _none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# -- for people ----------------------------------------------------------------------------


def show(found: Comparison, console: Console) -> None:
    """Print it; nothing that a record says is taken for markup."""
    for letter, name, count in zip("AB", (found.a, found.b), found.records, strict=True):
        console.print(Text(f"{letter}  {name}: {count} records"))
    console.print()
    if found.differences:
        console.print(_differences(found.differences))
    else:
        console.print(Text("Settings, code, versions, machine and data are the same."))
    for line in (*_lines(found), *map(_told, found.verdicts)):
        console.print()
        console.print(Text(line) if isinstance(line, str) else line)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _differences(differences: Sequence[Difference]) -> Table:
    table = _table("differs", "", "A", "B")
    for one in differences:
        row = (one.kind, one.name, one.before or "–", one.after or "–")
        table.add_row(*map(Text, row))
    return table


def _lines(found: Comparison) -> Iterator[str | Table]:
    """What became of the cells: changed, the same, not to be told, of one run only."""
    cells = found.cells
    by_state = {state: [u for u in cells.units if u.state == state]
                for state in (CHANGED, SAME, UNTOLD)}  # fmt: skip
    if cells.refused:
        yield _REFUSED.format(count=cells.refused)
    if cells.controls is not None:
        yield f"A/A controls: {cells.controls[0]} of {cells.controls[1]} changed."
    if changed := by_state[CHANGED]:
        yield _changed(changed)
        if len(changed) > _MOST_LINES:
            yield f"{len(changed) - _MOST_LINES} more cells changed; --json has all."
    else:
        yield "No cell changed."
    if same := by_state[SAME]:
        yield (f"~ {_cells(len(same))}: no change beyond what two runs of the same thing differ "
               f"by, in {sum(len(u.changes) for u in same):,} numbers.")  # fmt: skip
    if untold := by_state[UNTOLD]:
        reasons = Counter(
            dict.fromkeys(c.why for u in untold for c in u.changes if c.state == UNTOLD)
        )
        yield f"? {_cells(len(untold))}: cannot be told ({', '.join(reasons)}). {_farthest(untold)}"
    for letter, only in zip("AB", found.only, strict=True):
        if only:
            told = ", ".join(f"{name} ({count})" for name, count in [*only.items()][:_MOST_GROUPS])
            more = len(only) - _MOST_GROUPS
            rest = f" and {more} more groups" if more > 0 else ""
            yield f"Only in {letter}, {_cells(sum(only.values()))}: {told}{rest}."


def _cells(count: int) -> str:
    return f"{count:,} cell{'' if count == 1 else 's'}"


def _changed(units: Sequence[Unit]) -> Table:
    table = _table("changed", "quantity", "A", "B", "by")
    for unit in units[:_MOST_LINES]:
        changes = sorted((c for c in unit.changes if c.state == CHANGED), key=_unlikely)
        first = changes[0]
        more = f" (+{len(changes) - 1} more)" if len(changes) > 1 else ""
        table.add_row(
            *map(Text, (unit.name, first.quantity.replace("_", " ") + more,
                        *_both(first), _by(first)))
        )  # fmt: skip
    return table


def _unlikely(change: Change) -> float:
    return -1.0 if math.isnan(change.adjusted) else change.adjusted


def _both(change: Change) -> tuple[str, str]:
    column = "ratio" if "ratio" in change.quantity else change.quantity.partition(" ")[0]
    before, after = (cell_text(value, column) for value in (change.before, change.after))
    if before == after and change.before != change.after:  # what tells them apart is farther back
        return str(change.before), str(change.after)
    return before, after


def _by(change: Change) -> str:
    """How far apart, with interval, p-value and seeds or rounds; else why it is called changed."""
    shift = change.shift
    if math.isnan(shift.p):
        return change.why
    ends = [shift.value, shift.low, shift.high]
    if change.factor:
        value, low, high = map(math.exp, ends)
        text = f"{value:.3g}× [{low:.3g}, {high:.3g}]"
    else:
        value, low, high = ends
        text = f"{value:+.3g} [{low:+.3g}, {high:+.3g}]"
    return f"{text}, p={change.adjusted:.2g}, n={shift.n}"


def _farthest(units: Sequence[Unit]) -> str:
    """Of what cannot be told, the number that is farthest from what it was."""
    all_of = [(abs(c.shift.value), u.name, c) for u in units for c in u.changes
              if c.state == UNTOLD and c.factor and not math.isnan(c.shift.value)]  # fmt: skip
    if not all_of:
        return ""
    _, name, change = max(all_of, key=lambda one: one[0])
    before, after = _both(change)
    return f"Farthest apart: {change.quantity.replace('_', ' ')} of {name}, {before} and {after}."


def _told(verdict: Verdict) -> str:
    """A claim that is not judged as it was."""
    text = f"{verdict.sentence}: {verdict.before} → {verdict.after}"
    if verdict.scopes:
        scope, before, after = verdict.scopes[0]
        more = f", and {len(verdict.scopes) - 1} more scopes" if len(verdict.scopes) > 1 else ""
        text += f" ({scope}: {before} → {after}{more})"
    before, now = verdict.said
    found = now or (before and f"What A found: {before}")
    return f"{text}. {found}".strip()
