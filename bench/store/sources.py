"""Which source files can change a measurement, read from their imports without running one."""

import ast
from collections.abc import Iterator, Mapping, Sequence
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
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
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
