"""What there is to choose from, read from the folders without importing a line of them.

A folder is a registry: every file in it is an entry (of the probes every folder), its name the
file's, its summary the first line of its docstring. Literals are read from the syntax tree, so
that a wrong study file is answered before torch is imported. Installed packages may have entries of
their own, see :mod:`models.extensions`.
"""

import ast
import difflib
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from models import extensions

_HEAVY = ("torch", "transformers", "datasets", "tokenizers", "safetensors")
#: What of this suite imports torch.
_NEEDS_TORCH = ("models", "bench.execute", "bench.measure", "bench.sweep")
_TORCH_FREE = ("models.extensions", "bench.measure.metrics")
#: The parts of a probe that a report is made of.
TOLD = ("tables.py", "section.py", "line.py", "figures.py", "figures")


class RegistryError(ValueError):
    """Files of a registry folder that are no entries; the message names all, and what they lack."""


@dataclass(frozen=True)
class Entry:
    """One registered file: its name, summary, and module-level literals."""

    name: str
    summary: str
    literals: dict[str, Any]
    module: str = ""  # dotted, to import
    path: Path = Path()


@dataclass(frozen=True, eq=False)
class _Kind:
    """What the entries of a folder must say, literally, and must define."""

    package: str
    literals: dict[str, Callable[[Any], str | None]]  # name -> what is wrong with a value
    defines: tuple[str, ...] = ()
    torch_free: bool = True
    unique: tuple[str, ...] = ()  # literals that no two entries may share


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a text"


def _texts(value: Any) -> str | None:
    fine = isinstance(value, tuple | list) and value and all(isinstance(v, str) for v in value)
    return None if fine else "one text or more, in a list or tuple"


def _one_of(*choices: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in choices else f"one of {', '.join(map(repr, choices))}"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "True or False"


def _table(value: Any) -> str | None:
    return None if isinstance(value, dict) else "a dict"


def _protocol(value: Any) -> str | None:
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        return "a dict of dicts"
    for name, setting in value.items():
        if lacks := {"default", "least", "help"} - set(setting):
            return f"{name!r} with {', '.join(sorted(lacks))}"
    return None if "batch_size" in value else "the setting 'batch_size', the rows of a step"


def _lengths(value: Any) -> str | None:
    fine = isinstance(value, tuple | list) and len(value) == 2 and value[0] <= value[1]
    return None if fine else "the least and the largest window"


def _known_text(value: Any) -> str | None:
    return None if isinstance(value, str) else "a text, empty where nobody knows"


def _anything(value: Any) -> str | None:
    return None


_ARMS = _Kind(
    "models.arms",
    {"WEIGHTS": _one_of("random", "pretrained"), "KERNELS": _texts},
    defines=("ARM",),
    torch_free=False,
    unique=("LABEL", "COLOUR"),
)
_TASKS = _Kind(
    "bench.tasks",
    {
        "HEAD": _text,
        "KIND": _one_of("real", "diagnostic", "control"),
        "METRIC": _text,
        "FLOOR": _anything,
        "SOLVED": _anything,
        "LENGTHS": _lengths,
        "EXPECTED": _known_text,
    },
    defines=("LABELS", "rows"),
)
_PROBES = _Kind(
    "bench.probes",
    {"HEADS": _texts, "AXES": _table, "PROTOCOL": _protocol, "TIMED": _flag, "INTERLEAVED": _flag},
)
_CLAIMS = _Kind(
    "bench.claims",
    {
        "SENTENCE": _text,
        "QUANTITY": _text,
        "SCOPE": _texts,
        "SUPPORTED": _text,
        "REFUTED": _text,
        "TABLES": _texts,
    },
    defines=("judge",),
    unique=("SENTENCE",),
)
_PARTS = {  # of a probe's folder, and what each must define
    "measure.py": ("Measurement",),
}


@functools.cache
def _entries(kind: _Kind) -> dict[str, Entry]:
    """The entries of a kind.

    Raises:
        RegistryError: files that are no entries of it.
    """
    found: dict[str, Entry] = {}
    mistakes: list[str] = []
    for package, folder in extensions.folders(kind.package):
        for path in _files(kind, folder):
            name = path.parent.name if path.name == "__init__.py" else path.stem
            entry, wrong = _read(kind, name, f"{package}.{name}", path)
            if name in found:
                wrong = [f"its name is taken by {found[name].path}: rename it."]
            mistakes += [f"{path}: {text}" for text in wrong]
            if entry is not None and name not in found:
                found[name] = entry
    for literal in kind.unique:
        taken: dict[Any, Entry] = {}
        for entry in found.values():
            value = entry.literals.get(literal)
            if value is not None and (other := taken.setdefault(value, entry)) is not entry:
                mistakes.append(f"{entry.path}: {literal} = {value!r} is taken by {other.path}.")
    if mistakes:
        raise RegistryError("\n".join(mistakes))
    return found


def _files(kind: _Kind, folder: Path) -> list[Path]:
    """The files of a registry folder that are to be entries of it."""
    if kind is _PROBES:
        inside = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(("_", "."))]
        loose = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        return sorted([path / "__init__.py" for path in inside] + loose)
    return sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")


def _read(kind: _Kind, name: str, module: str, path: Path) -> tuple[Entry | None, list[str]]:
    """One entry, and what is wrong with its file."""
    if kind is _PROBES and path.name != "__init__.py":
        return None, [f"a probe is a folder. Move it to {name}/ as CONTRIBUTING says."]
    if not path.is_file():
        return None, ["missing: a probe's folder says there literally what it measures."]
    tree, unreadable = _parsed(path)
    if tree is None:
        return None, [unreadable]
    literals = dict(_literals(tree))
    wrong = [
        f"expected {key} to be {what}. Got {literals[key]!r}."
        for key, check in kind.literals.items()
        if key in literals and (what := check(literals[key])) is not None
    ]
    defined = set(_defined(tree))
    lacks = [key for key in kind.literals if key not in literals]
    lacks += [key for key in kind.defines if key not in defined]
    if lacks:
        needs = ", ".join([*kind.literals, *kind.defines])
        wrong.append(f"lacks {', '.join(lacks)}. A file of this folder has {needs}.")
    summary = (ast.get_docstring(tree) or "").partition("\n")[0]
    if not summary:
        wrong.append("lacks a docstring, whose first line says what it is.")
    if kind.torch_free:
        wrong += _heavy(tree)
    if kind is _PROBES:
        wrong += _parts(path.parent)
    return Entry(name, summary, literals, module, path), wrong


def _parsed(path: Path) -> tuple[ast.Module | None, str]:
    try:
        return ast.parse(path.read_text(encoding="utf-8")), ""
    except (SyntaxError, ValueError) as error:  # what is not UTF-8 is a ValueError
        where = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        return None, f"expected Python. Got {type(error).__name__}{where}: {error}"


def _parts(folder: Path) -> list[str]:
    """What the files beside a probe's literals lack, or import that they must not."""
    wrong = []
    for name, needed in _PARTS.items():
        if not (folder / name).is_file():
            wrong.append(f"lacks {name} beside it, which defines {', '.join(needed)}.")
    for path in sorted(folder.rglob("*.py")):
        part = path.relative_to(folder).parts[0]
        tree, unreadable = _parsed(path)
        if tree is None:
            wrong.append(f"{path.relative_to(folder)}: {unreadable}")
            continue
        if lacks := set(_PARTS.get(part, ())) - set(_defined(tree)):
            wrong.append(f"{part} lacks {', '.join(sorted(lacks))}.")
        if part in TOLD:
            wrong += [f"{path.relative_to(folder)} {text}" for text in _heavy(tree)]
    return wrong


def _literals(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Name):
            try:
                yield target.id, ast.literal_eval(node.value)
            except ValueError:
                continue  # computed, so not part of what an entry says of itself


def _defined(tree: ast.Module) -> Iterator[str]:
    """Names that a module defines at its top."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


def _heavy(tree: ast.Module) -> Iterator[str]:
    """What a torch-free file imports that needs torch; inside a function it may."""
    for node in _imports(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            free = any(_within(name, room) for room in _TORCH_FREE)
            rooms = (*_HEAVY, *(() if free else _NEEDS_TORCH))
            if name.endswith(".measure") or any(_within(name, room) for room in rooms):
                yield f"imports {name}, which needs torch: reports are written without it."


def _imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.Lambda) and not _type_checking(child):
            yield from _imports(child)


def _type_checking(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def _within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def check() -> None:
    """Read every folder.

    Raises:
        RegistryError: what in any of them is no entry, all at once.
    """
    mistakes = []
    for kind in (_ARMS, _TASKS, _PROBES, _CLAIMS):
        try:
            _entries(kind)
        except (RegistryError, extensions.ExtensionError) as error:
            mistakes.append(str(error))
    if mistakes:
        raise RegistryError("\n".join(dict.fromkeys(mistakes)))


def arms() -> dict[str, Entry]:
    """Arms, by name: ``WEIGHTS``, ``KERNELS``, and ``LABEL`` where people call them otherwise."""
    return _entries(_ARMS)


def label(arm: str) -> str:
    """An arm's name wherever people read; one that is not registered here has its own only."""
    entry = arms().get(arm)
    return arm if entry is None else str(entry.literals.get("LABEL", arm))


def named(task: str, data: str) -> str:
    """A task, with its data where that is not the offline one."""
    return task if data == "offline" else f"{task} on {data}"


def tasks() -> dict[str, Entry]:
    """Tasks, by name: ``HEAD``, ``METRIC``, ``FLOOR``, ``LENGTHS``, ``LABELS``, ``EXPECTED``."""
    return _entries(_TASKS)


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
    found = _entries(_PROBES)
    for entry in found.values():
        if entry.literals["INTERLEAVED"]:
            entry.literals["PROTOCOL"] = ROUNDS | entry.literals["PROTOCOL"]
    return found


def part(probe: str, name: str) -> Any:
    """A file of a probe's folder, imported: ``tables``, ``section``, ``line``; None without it."""
    entry = probes()[probe]
    if not (entry.path.parent / f"{name}.py").is_file():
        return None
    return import_module(f"{entry.module}.{name}")


def claims() -> dict[str, Entry]:
    """Claims, by name: ``SENTENCE``, ``QUANTITY``, ``SCOPE``, ``SUPPORTED``, ``REFUTED``."""
    return _entries(_CLAIMS)


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
