"""Which source files can change a measurement, and whether this process runs them as they are.

They are read from their imports, without running one.
"""

import ast
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import registry
from bench.registry import imports
from models import extensions

_ROOT = Path(__file__).parents[2]
#: Of this suite, beside the probes.
_MEASURING = (
    "models",
    "bench/tasks",
    "bench/data",
    "bench/measure",
    "bench/execute",
    "bench/outcome.py",
)


def measuring() -> Iterator[tuple[str, Path]]:
    """Files that can change a measurement, each with a name that says no place of this machine.

    Of the probes these are all but what only their reports are made of; of installed extensions
    everything but their claims, and as much of their probes.
    """
    for part in _MEASURING:
        place = _ROOT / part
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.suffix in (".py", ".cpp"):
                yield path.relative_to(_ROOT).as_posix(), path
    roots: dict[Path, str] = {}
    for own in ("models.arms", "bench.tasks", "bench.probes", "bench.claims"):
        for package, folder in extensions.folders(own):
            if package != own:  # which is among the above
                roots[folder.parent] = package.rpartition(".")[0]
    for root, package in sorted(roots.items(), key=lambda item: item[1]):
        for path in sorted(root.rglob("*.py")):
            inside = path.relative_to(root)
            if inside.parts[0] not in ("probes", "claims"):  # its helpers count as well
                yield f"{package}/{inside.as_posix()}", path
    yield from _of_probes()


@dataclass(frozen=True)
class Code:
    """Those files as a process has first seen them.

    Args:
        paths: where each lies, by name.
        digests: SHA-256 of each, by name.
        late: names of those that had not been imported by then, by module.
    """

    paths: dict[str, Path]
    digests: dict[str, str]
    late: dict[str, str]

    def differ(self, names: Iterable[str]) -> list[str]:
        """Those of these files that are not as they were, sorted."""
        return sorted(name for name in names if _digest(self.paths[name]) != self.digests[name])


@functools.cache
def begun() -> Code:
    """The code as it was when this process first asked: what it has imported, and forks inherit."""
    paths = dict(measuring())
    modules = {module: name for name in paths if (module := _module(name)) is not None}
    return Code(
        paths,
        {name: _digest(path) for name, path in paths.items()},
        {module: name for module, name in modules.items() if module not in sys.modules},
    )


def edited() -> list[str]:
    """Names of files that this process imported after it first looked, and that differ by now."""
    code = begun()
    return code.differ(name for module, name in code.late.items() if module in sys.modules)


def edited_since() -> list[str]:
    """Names of files that are not as they were when this process first looked, used or not."""
    return begun().differ(begun().paths)


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of files of which two processes have not the same."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def own_modules() -> list[str]:
    """This suite's modules among them; not those of extensions, which may do things on import."""
    modules = [_module(name) for name, _ in measuring()]
    return [name for name in modules if name and name.partition(".")[0] in ("bench", "models")]


def _module(name: str) -> str | None:
    """The module of a file's name; None where it is none, or a command."""
    if name.endswith((".cpp", "/__main__.py")):
        return None
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _digest(path: Path) -> str:
    """Of a file's content; empty where it is gone."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _of_probes() -> Iterator[tuple[str, Path]]:
    """All of every probe's folder but what nothing reaches that measures, and its report does."""
    modules: dict[str, Path] = {}
    measured, told = [], []
    for package, folder in extensions.folders("bench.probes"):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *(part for part in parts if part != "__init__")])
            modules[name] = path
            part = path.relative_to(folder).parts[1:2]  # after the probe's name
            if part in ((), ("__init__.py",), ("measure.py",)):
                measured.append(name)
            elif part[0] in registry.TOLD:
                told.append(name)
    only_told = _reached(modules, told) - _reached(modules, measured)
    yield from ((name, path) for name, path in modules.items() if name not in only_told)


def _reached(modules: Mapping[str, Path], start: Sequence[str]) -> set[str]:
    def imported(name: str) -> list[str]:
        return [other for other in _imports(name, modules[name]) if other in modules]

    return imports.reached(start, imported)


def _imports(name: str, path: Path) -> Iterator[str]:
    """What a module imports, inside functions too, and the packages run on the way to it."""
    home = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        for found in imports.names(node, home):
            parts = found.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))
