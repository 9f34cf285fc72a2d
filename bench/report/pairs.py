"""Which cells of two runs are the same cell.

By all that a cell says of itself; never by its key, which is a hash of it. What is left is paired
by the same without those settings of which the two runs have no value in common, for each probe and
comparison: there one run was asked for something else, and that is said.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.data.contract import CHECKPOINT
from bench.store.records import Record, coordinate

#: What may differ where runs are compared: settings of the cell, the device and its threads.
_LOOSE = ("model.", "protocol.", "device", "threads")
_TEXT = "model.summary"  # words about a comparison, not a setting
#: What records of before do not say, and what it was: said, it is no difference.
_BEFORE = {"model.tokenizer": json.dumps(CHECKPOINT), "protocol.tokens_per_step": "0"}


@dataclass(frozen=True)
class Pair:
    """One cell in two runs, and the settings in which it is not the same."""

    before: Record
    after: Record
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matched:
    """The cells that both runs have, and those that only one has."""

    pairs: list[Pair]
    before: list[Record]
    after: list[Record]


def match(before: Sequence[Record], after: Sequence[Record]) -> Matched:
    """Pair the records of two runs, in the order of the first."""
    pairs, left, right = _paired(before, after, {})
    rest = _paired(left, right, _different(left, right))
    return Matched(pairs + rest[0], rest[1], rest[2])


def settings(cell: dict[str, Any]) -> dict[str, str]:
    """All that a cell says of itself, nested names joined by dots; values as JSON."""
    known = cell | {"data": coordinate(cell, "data")}
    return {n: value for n, value in _flat(known) if n != _TEXT and _BEFORE.get(n) != value}


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, one in sorted(value.items()):
        if isinstance(one, dict):
            yield from _flat(one, f"{prefix}{name}.")
        else:
            yield prefix + name, json.dumps(one)


_Different = dict[tuple[str, str], set[str]]


def _part(record: Record) -> tuple[str, str]:
    return record["cell"]["probe"], record["cell"]["comparison"]


def _different(before: Sequence[Record], after: Sequence[Record]) -> _Different:
    """Of each probe and comparison, the settings of which two runs have no value in common."""
    values: list[dict[tuple[str, str], dict[str, set[str | None]]]] = []
    for records in (before, after):
        found: dict[tuple[str, str], dict[str, set[str | None]]] = {}
        for record in records:
            for name, value in settings(record["cell"]).items():
                found.setdefault(_part(record), {}).setdefault(name, set()).add(value)
        values.append(found)
    first, second = values
    return {
        part: {
            name
            for name in first[part].keys() | second[part].keys()
            if name.startswith(_LOOSE)
            and not first[part].get(name, {None}) & second[part].get(name, {None})
        }
        for part in first.keys() & second.keys()
    }


def _paired(
    before: Sequence[Record], after: Sequence[Record], without: _Different
) -> tuple[list[Pair], list[Record], list[Record]]:
    """Pairs of records that are alike but for these settings, and what is left of both."""

    def name(record: Record) -> tuple[tuple[str, str], ...]:
        ignored = without.get(_part(record), set())
        return tuple(item for item in settings(record["cell"]).items() if item[0] not in ignored)

    names = [[name(record) for record in records] for records in (before, after)]
    once = [{one for one, count in Counter(of).items() if count == 1} for of in names]
    both = once[0] & once[1]
    others = {one: record for one, record in zip(names[1], after, strict=True) if one in both}
    pairs = [
        Pair(record, others[one], tuple(sorted(without.get(_part(record), ()))))
        for one, record in zip(names[0], before, strict=True)
        if one in both
    ]
    left, right = (
        [record for one, record in zip(of, records, strict=True) if one not in both]
        for of, records in zip(names, (before, after), strict=True)
    )
    return pairs, left, right
