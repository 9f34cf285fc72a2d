"""What two runs have not in common besides their numbers: settings, code, versions, machine, data.

It is said first, as a difference of numbers is one of these until it is shown not to be.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.pairs import Pair, settings
from bench.store.archive import Source
from bench.store.records import Record

#: Of an environment, what makes a machine another one; its load and free memory do not.
_MACHINE = ("cpu", "architecture", "system", "cores", "threads", "cpu_quota", "cpu_flags", "caches")
#: Ceilings are measured: below this factor two measurements of one machine are alike.
_ALIKE = 1.25


@dataclass(frozen=True)
class Difference:
    """One thing that two runs have not in common.

    Args:
        kind: ``settings``, ``code``, ``versions``, ``machine``, ``data``, ``ceilings``.
        name: which of it.
        before, after: what each run says; empty where it says nothing.
    """

    kind: str
    name: str
    before: str
    after: str


def differences(a: Source, b: Source, pairs: Sequence[Pair]) -> list[Difference]:
    """All that the cells of two runs have not in common, and what their machines can do."""
    runs = [pair.before for pair in pairs], [pair.after for pair in pairs]
    found = list(_settings(pairs))
    for kind, read in (("code", _code), ("versions", _versions), ("machine", machine),
                       ("data", _data)):  # fmt: skip
        before, after = (_distinct(records, read) for records in runs)
        found += _unlike(kind, before, after)
    return found + list(_ceilings(a, b))


def machine(record: Record) -> dict[str, str]:
    """What a record was measured on, as far as it decides how fast that is."""
    where = record["environment"]
    told = {name.replace("_", " "): _text(where.get(name)) for name in _MACHINE}
    gpus = where.get("gpus") or []
    told["GPUs"] = ", ".join(str(gpu.get("name")) for gpu in gpus)
    told["accelerator"] = _text(record["metrics"].get("accelerator"))
    return told


def same_machine(pair: Pair) -> bool:
    """Whether the times of a pair may be compared: one machine, device and number of threads."""
    places = [(machine(r), *(r["cell"][name] for name in ("device", "threads")))
              for r in (pair.before, pair.after)]  # fmt: skip
    return places[0] == places[1]


def same_origin(pair: Pair) -> bool:
    """Whether a pair was made by the same code, versions and data, asked for the same."""
    return not pair.settings and pair.before["provenance"] == pair.after["provenance"]


def _settings(pairs: Sequence[Pair]) -> Iterator[Difference]:
    """Where cells are paired though they were asked for something else."""
    values: dict[str, tuple[set[str], set[str]]] = {}
    for pair in pairs:
        before, after = (settings(record["cell"]) for record in (pair.before, pair.after))
        for name in pair.settings:
            where = values.setdefault(f"{name} ({before['probe'][1:-1]})", (set(), set()))
            where[0].add(before.get(name, ""))
            where[1].add(after.get(name, ""))
    for name, (first, second) in sorted(values.items()):
        yield Difference("settings", name, _listed(first), _listed(second))


def _code(record: Record) -> dict[str, str]:
    where = record["environment"]
    commit = _text(where.get("commit"))[:12]
    return {
        "commit": f"{commit} with uncommitted changes" if where.get("dirty") else commit,
        "measuring code": record["provenance"].get("code", "")[:12],
    }


def _versions(record: Record) -> dict[str, str]:
    return {name: str(value) for name, value in record["environment"]["versions"].items()}


def _data(record: Record) -> dict[str, str]:
    """Digests of what rows and weights came from: what of its provenance is of no other kind."""
    known = {"code", "cpu", "threads", *record["environment"]["versions"]}
    return {
        name: str(value)[:12] for name, value in record["provenance"].items() if name not in known
    }


def _distinct(
    records: Sequence[Record], read: Callable[[Record], dict[str, str]]
) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in records:
        for name, value in read(record).items():
            if value:
                found.setdefault(name, set()).add(value)
    return found


def _unlike(
    kind: str, before: dict[str, set[str]], after: dict[str, set[str]]
) -> Iterator[Difference]:
    for name in {**before, **after}:
        first, second = before.get(name, set()), after.get(name, set())
        if first != second:
            yield Difference(kind, name, *_apart(first, second))


def _apart(first: set[str], second: set[str]) -> tuple[str, str]:
    """Both sides; of two lists only what the other has not."""
    if len(first) == len(second) == 1 and all(", " in next(iter(one)) for one in (first, second)):
        parts = [next(iter(one)).split(", ") for one in (first, second)]
        return (
            ", ".join(part for part in parts[0] if part not in parts[1]),
            ", ".join(part for part in parts[1] if part not in parts[0]),
        )
    return _listed(first), _listed(second)


def _ceilings(a: Source, b: Source) -> Iterator[Difference]:
    """What the machine can do at most, where that is not what it was."""
    first, second = (dict(_numbers(source.meta("ceilings") or {})) for source in (a, b))
    for name in sorted(first.keys() & second.keys()):
        least, most = sorted((first[name], second[name]))
        if least > 0 and most / least > _ALIKE:
            yield Difference("ceilings", name, f"{first[name]:.3g}", f"{second[name]:.3g}")


def _numbers(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, one in sorted(value.items()):
        if isinstance(one, dict):
            yield from _numbers(one, f"{prefix}{name} ")
        elif isinstance(one, int | float) and not isinstance(one, bool):
            yield prefix + name, float(one)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _listed(values: set[str]) -> str:
    return " | ".join(sorted(values))
