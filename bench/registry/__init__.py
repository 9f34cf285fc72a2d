"""What there is to choose from, read from the folders without importing a line of them.

A folder is a registry: every file in it is an entry (of the probes every folder), its name the
file's, its summary the first line of its docstring. Literals are read from the syntax tree, so
that a wrong study file is answered before torch is imported. Installed packages may have entries of
their own, see :mod:`models.extensions`.
"""

import difflib
import functools
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.registry import kinds, reading
from bench.registry.kinds import TOLD, Kind
from bench.registry.reading import Entry
from models import extensions

__all__ = [
    "TOLD", "Entry", "RegistryError", "arms", "check", "claims", "family", "label", "named",
    "part", "probes", "studies", "tasks", "unknown",
]  # fmt: skip


class RegistryError(ValueError):
    """Files of a registry folder that are no entries; the message names all, and what they lack."""


@functools.cache
def _entries(kind: Kind) -> dict[str, Entry]:
    """The entries of a kind.

    Raises:
        RegistryError: files that are no entries of it.
    """
    found: dict[str, Entry] = {}
    mistakes: list[str] = []
    for package, folder in extensions.folders(kind.package):
        for path in reading.files(kind, folder):
            name = path.parent.name if path.name == "__init__.py" else path.stem
            entry, wrong = reading.read(kind, name, f"{package}.{name}", path)
            if name in found:
                wrong = [f"its name is taken by {found[name].path}: rename it."]
            mistakes += [f"{path}: {text}" for text in wrong]
            if entry is not None and name not in found:
                found[name] = entry
    mistakes += [mistake for literal in kind.unique for mistake in _taken(found, literal)]
    if kind is kinds.PROBES:
        mistakes += _tables_taken(found)
    if mistakes:
        raise RegistryError("\n".join(mistakes))
    return found


def _taken(found: dict[str, Entry], literal: str) -> Iterator[str]:
    """What two entries say of themselves though it must tell them apart."""
    taken: dict[str, Entry] = {}
    if literal == "LABEL":  # who has none is called by the file's name
        taken = {name.lower(): e for name, e in found.items() if literal not in e.literals}
    for entry in found.values():
        value = entry.literals.get(literal)
        if isinstance(value, str) and taken.setdefault(value.lower(), entry) is not entry:
            other = taken[value.lower()]
            yield f"{entry.path}: {literal} = {value!r} is taken by {other.path}."


def _tables_taken(found: dict[str, Entry]) -> Iterator[str]:
    """Tables of one name: each is a file of the report."""
    taken: dict[str, Entry] = {}
    for entry in found.values():
        for name in reading.tables(entry):
            if name in RESERVED:
                yield f"{entry.path}: its table {name!r} is one that every report has: rename it."
            elif (other := taken.setdefault(name, entry)) is not entry:
                yield f"{entry.path}: its table {name!r} is taken by {other.path}: rename it."


#: Tables that are of no probe.
RESERVED = ("models", "missing")


def _claims_without_tables() -> Iterator[str]:
    """Claims that rest on tables which no probe makes: they would never be judged."""
    known = {name for entry in probes().values() for name in reading.tables(entry)}
    for entry in claims().values():
        for name in entry.literals["TABLES"]:
            if name not in known:
                yield f"{entry.path}: TABLES: {unknown('table', name, known)}"


def check() -> None:
    """Read every folder.

    Raises:
        RegistryError: what in any of them is no entry, all at once.
    """
    mistakes = []
    for kind in (kinds.ARMS, kinds.TASKS, kinds.PROBES, kinds.CLAIMS):
        try:
            _entries(kind)
        except (RegistryError, extensions.ExtensionError) as error:
            mistakes.append(str(error))
    if not mistakes:
        mistakes += _claims_without_tables()
    if mistakes:
        raise RegistryError("\n".join(dict.fromkeys(mistakes)))


def arms() -> dict[str, Entry]:
    """Arms, by name: ``WEIGHTS``, ``KERNELS``, and ``LABEL`` where people call them otherwise."""
    return _entries(kinds.ARMS)


def label(arm: str) -> str:
    """An arm's name wherever people read; one that is not registered here has its own only."""
    entry = arms().get(arm)
    return arm if entry is None else str(entry.literals.get("LABEL", arm))


def family(arm: str) -> str:
    """``recurrent`` or ``transformer``, as an arm says of itself; empty where it says nothing."""
    entry = arms().get(arm)
    return "" if entry is None else str(entry.literals.get("FAMILY", ""))


def of_family(name: str) -> list[str]:
    """The arms that say they are of this family."""
    return [arm for arm in arms() if family(arm) == name]


def named(task: str, data: str) -> str:
    """A task, with its data where that is not the offline one."""
    return task if data == "offline" else f"{task} on {data}"


def tasks() -> dict[str, Entry]:
    """Tasks, by name: ``HEAD``, ``METRIC``, ``FLOOR``, ``LENGTHS``, ``LABELS``, ``EXPECTED``."""
    return _entries(kinds.TASKS)


@functools.cache
def probes() -> dict[str, Entry]:
    """Probes, by name: ``HEADS``, ``AXES``, ``PROTOCOL``, ``TIMED``, ``INTERLEAVED``."""
    found = _entries(kinds.PROBES)
    shared = reading.literals(Path(__file__).parents[1] / "probes" / "__init__.py")
    for entry in found.values():
        if entry.literals["INTERLEAVED"]:
            entry.literals["PROTOCOL"] = shared["ROUNDS"] | entry.literals["PROTOCOL"]
    return found


def part(probe: str, name: str) -> Any:
    """A file or folder of a probe's, imported: ``tables``, ``section``, ``line``; None without."""
    entry = probes()[probe]
    folder = entry.path.parent
    if not (folder / f"{name}.py").is_file() and not (folder / name / "__init__.py").is_file():
        return None
    return import_module(f"{entry.module}.{name}")


def claims() -> dict[str, Entry]:
    """Claims, by name: ``SENTENCE``, ``QUANTITY``, ``SCOPE``, ``SUPPORTED``, ``REFUTED``."""
    return _entries(kinds.CLAIMS)


@functools.cache
def studies() -> dict[str, Path]:
    """Studies that come with the suite, by name."""
    folder = Path(__file__).parents[1] / "studies"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


_LONG = 100  # a name's characters that are shown, and that others are near to


def unknown(kind: str, value: str, choices: Iterable[str]) -> str:
    """The one sentence for an unknown name: the nearest valid ones first, then all."""
    names = sorted(choices)
    if len(value) > _LONG:
        value = f"{value[:_LONG]}…"
    near = difflib.get_close_matches(value, names, n=2, cutoff=0.5)
    guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"unknown {kind} {value!r}.{guess} Choose from: {', '.join(names)}."
