"""Reading a registry folder: literals and definitions of its files, from the syntax tree alone."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.registry.kinds import OPTIONAL_PARTS, PARTS, PROBES, TOLD, Kind

_HEAVY = ("torch", "transformers", "datasets", "tokenizers", "safetensors")
#: What of this suite imports torch.
_NEEDS_TORCH = ("models", "bench.execute", "bench.measure", "bench.sweep")
_TORCH_FREE = ("models.extensions", "models.autoclasses")


@dataclass(frozen=True)
class Entry:
    """One registered file: its name, summary, and module-level literals."""

    name: str
    summary: str
    literals: dict[str, Any]
    module: str = ""  # dotted, to import
    path: Path = Path()


def files(kind: Kind, folder: Path) -> list[Path]:
    """The files of a registry folder that are to be entries of it."""
    if kind is PROBES:
        inside = [p for p in folder.iterdir() if p.is_dir() and not _left_over(p)]
        inside = [path / "__init__.py" for path in inside if not path.name.startswith(("_", "."))]
        return sorted([*inside, *_entries(folder)])
    return sorted(_entries(folder))


def _left_over(folder: Path) -> bool:
    """Whether a folder holds nothing but what Python compiled, when another branch had it."""
    return all(path.name == "__pycache__" for path in folder.iterdir())


def _entries(folder: Path) -> Iterator[Path]:
    """Files of a folder, but those that an editor hides beside its own."""
    for path in folder.glob("*.py"):
        if path.name != "__init__.py" and not path.name.startswith("."):
            yield path


def read(kind: Kind, name: str, module: str, path: Path) -> tuple[Entry | None, list[str]]:
    """One entry, and what is wrong with its file."""
    if kind is PROBES and path.name != "__init__.py":
        return None, [f"a probe is a folder. Move it to {name}/ as CONTRIBUTING says."]
    if not path.is_file():
        return None, ["missing: a probe's folder says there literally what it measures."]
    tree, unreadable = _parsed(path)
    if tree is None:
        return None, [unreadable]
    literals = dict(_literals(tree))
    wrong = [
        f"expected {key} to be {what}. Got {literals[key]!r}."
        for key, check in (kind.literals | kind.optional).items()
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
        wrong += _heavy(tree, module)
    if kind is PROBES:
        wrong += _parts(path.parent, module, literals.get("INTERLEAVED"))
    return Entry(name, summary, literals, module, path), wrong


def literals(path: Path) -> dict[str, Any]:
    """What a file says literally, without being run."""
    return dict(_literals(ast.parse(path.read_text(encoding="utf-8"))))


def _parsed(path: Path) -> tuple[ast.Module | None, str]:
    try:
        return ast.parse(path.read_bytes()), ""  # in whatever encoding it says
    except (SyntaxError, ValueError) as error:
        where = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        return None, f"expected Python. Got {type(error).__name__}{where}: {error}"


def _parts(folder: Path, module: str, interleaved: Any) -> list[str]:
    """What the files beside a probe's literals lack, or import that they must not.

    Whatever a report is made of, through however many files of the folder, needs no torch.
    """
    needed = PARTS | {"measure.py": (*PARTS["measure.py"], "pace" if interleaved else "work")}
    wrong = [
        f"lacks {name} beside it, which defines {', '.join(defines)}."
        for name, defines in needed.items()
        if not (folder / name).is_file()
    ]
    trees = {}
    for path in sorted(folder.rglob("*.py")):
        tree, unreadable = _parsed(path)
        if tree is None:
            wrong.append(f"{path.relative_to(folder)}: {unreadable}")
            continue
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join([module, *(part for part in parts if part != "__init__")])
        trees[name] = path.relative_to(folder), tree, path.name == "__init__.py"
        defines = set((needed | OPTIONAL_PARTS).get(str(path.relative_to(folder)), ()))
        if lacks := defines - set(_defined(tree)):
            wrong.append(f"{path.name} lacks {', '.join(sorted(lacks))}.")
    told = [name for name, (path, *_) in trees.items() if path.parts[0] in TOLD]
    reached: set[str] = set()
    while told:
        name = told.pop()
        if name in reached or name == f"{module}.measure":
            continue
        reached.add(name)
        path, tree, package = trees[name]
        home = name if package else name.rpartition(".")[0]
        wrong += [f"{path} {text}" for text in _heavy(tree, home)]
        told += [other for other in _imported(tree, home) if other in trees]
    return wrong


def tables(entry: Entry) -> list[str]:
    """Names of the tables that a probe makes, as far as they are written out."""
    path = entry.path.parent / "tables.py"
    tree = _parsed(path)[0] if path.is_file() else None  # what lacks it is named elsewhere
    for node in tree.body if tree else ():
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        named = any(isinstance(t, ast.Name) and t.id == "TABLES" for t in targets)
        value = getattr(node, "value", None)
        if named and isinstance(value, ast.Dict):
            return [str(key.value) for key in value.keys if isinstance(key, ast.Constant)]
    return []


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


def _heavy(tree: ast.Module, home: str) -> Iterator[str]:
    """What a torch-free file imports that needs torch; inside a function it may.

    Args:
        tree: of the file.
        home: the package that it lies in, for relative imports.
    """
    for name in _imported(tree, home):
        free = any(_within(name, room) for room in _TORCH_FREE)
        rooms = (*_HEAVY, *(() if free else _NEEDS_TORCH))
        measures = ".measure" in name and not _within(name, "bench.measure")
        if measures or any(_within(name, room) for room in rooms):
            yield f"imports {name}, which needs torch: reports are written without it."


def _imported(tree: ast.Module, home: str) -> Iterator[str]:
    """Modules, and names of modules, that a file imports when it is imported."""
    for node in _imports(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        base = node.module or ""
        if node.level:
            parents = home.split(".")
            base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [base])])
        yield from (f"{base}.{alias.name}" for alias in node.names)
        if base not in ("bench", "bench.measure", "models"):  # whose parts are told apart
            yield base


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
