"""Where arms, tasks, probes and claims come from: the suite's own folders, and installed packages.

A distribution adds its own by an entry point, without touching this tree::

    [project.entry-points.rnn_vs_transformer]
    mine = "my_package"

``my_package`` then has any of the folders ``arms``, ``tasks``, ``probes`` and ``claims``, each with
files as the suite's own has. Nothing of it is imported to find them.
"""

import functools
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

GROUP = "rnn_vs_transformer"


class ExtensionError(ValueError):
    """An entry point that names no package."""


@functools.cache
def folders(own: str) -> tuple[tuple[str, Path], ...]:
    """Packages that hold entries of a kind, with their folders: the suite's own first.

    Args:
        own: the suite's package of that kind, ``models.arms``; others have the last part of it.

    Raises:
        ExtensionError: an installed distribution names a package that is not there.
    """
    kind = own.rpartition(".")[2]
    found = [(own, _folder(own))]
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.value):
        try:
            root = _folder(point.value)
        except ModuleNotFoundError:
            raise ExtensionError(
                f"expected the entry point {point.name!r} of the group {GROUP!r} to name a package "
                f"that is installed. Got {point.value!r}: reinstall it, or remove the entry point."
            ) from None
        if (root / kind).is_dir():
            found.append((f"{point.value}.{kind}", root / kind))
    return tuple(found)


def module(own: str, name: str) -> str:
    """The dotted name of the module or package that holds an entry; the suite's own come first."""
    for package, folder in folders(own):
        if (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file():
            return f"{package}.{name}"
    return f"{own}.{name}"


def _folder(package: str) -> Path:
    """A package's folder, found without importing its parents."""
    root, *rest = package.split(".")
    spec = find_spec(root)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"package {root!r} is not installed")
    return Path(spec.submodule_search_locations[0]).joinpath(*rest)
