"""What there is to choose from, read from the folders without importing a line of them.

A folder is a registry: a file in it that defines the folder's marker is an entry, its name the
file's, its summary the first line of its docstring. Literals are read from the syntax tree, so
that a wrong study file is answered before torch is imported.
"""

import ast
import difflib
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One registered file: its name, summary, and module-level literals."""

    name: str
    summary: str
    literals: dict[str, Any]


@functools.cache
def _entries(package: str, marker: str) -> dict[str, Entry]:
    root, *rest = package.split(".")
    spec = find_spec(root)  # a dotted name would import its parents
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"package {root!r} is not installed")
    folder = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    found = {}
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        literals = {}
        for node in tree.body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                try:
                    literals[target.id] = ast.literal_eval(node.value)
                except ValueError:
                    continue  # computed, so not part of what an entry says of itself
        if marker in literals:
            summary = (ast.get_docstring(tree) or "").partition("\n")[0]
            found[path.stem] = Entry(path.stem, summary, literals)
    return found


def arms() -> dict[str, Entry]:
    """Arms, by name: ``WEIGHTS``, ``KERNELS``, and ``LABEL`` where people call them otherwise."""
    return _entries("models.arms", "KERNELS")


def label(arm: str) -> str:
    """An arm's name wherever people read; one that is not registered here has its own only."""
    entry = arms().get(arm)
    return arm if entry is None else str(entry.literals.get("LABEL", arm))


def named(task: str, data: str) -> str:
    """A task, with its data where that is not the offline one."""
    return task if data == "offline" else f"{task} on {data}"


def tasks() -> dict[str, Entry]:
    """Tasks, by name: ``HEAD``, ``METRIC``, ``FLOOR``, ``LENGTHS``, ``LABELS``, ``EXPECTED``."""
    return _entries("bench.tasks", "HEAD")


#: Settings of every probe whose arms are taken in turn, beside its own.
ROUNDS = {
    "rounds": {
        "default": 80,
        "least": 2,
        "most": 80,
        "help": "most rounds, each a random order and its reverse; looked at after 10, 20, 40, 80",
    },
    "precision": {
        "default": 0.025,
        "least": 0.0,
        "help": "half width, as a share, at which a ratio's interval ends the measurement",
    },
    "budget_s": {
        "default": 60.0,
        "least": 0.0,
        "help": "seconds of rounds after which what is not precise enough is unstable",
    },
}

#: What most groups need, for estimates and the progress bar.
EXPECTED_ROUNDS = 20


@functools.cache
def probes() -> dict[str, Entry]:
    """Probes, by name: ``HEADS``, ``AXES``, ``PROTOCOL``, ``TIMED``, ``INTERLEAVED``."""
    found = _entries("bench.probes", "PROTOCOL")
    for entry in found.values():
        if entry.literals["INTERLEAVED"]:
            entry.literals["PROTOCOL"] = ROUNDS | entry.literals["PROTOCOL"]
    return found


@functools.cache
def studies() -> dict[str, Path]:
    """Studies that come with the suite, by name."""
    folder = Path(__file__).parent / "studies"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def unknown(kind: str, value: str, choices: Iterable[str]) -> str:
    """The one sentence for an unknown name: the nearest valid ones first, then all."""
    names = sorted(choices)
    near = difflib.get_close_matches(value, names, n=2, cutoff=0.5)
    guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"unknown {kind} {value!r}.{guess} Choose from: {', '.join(names)}."
