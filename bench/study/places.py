"""Where a study's file and its records lie, and how commands name them: never by a home's path."""

import hashlib
import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from bench import registry

REPORTS = Path("reports/local")  #: the folder that has a folder for each study
_DIGEST = "sha256:"


def written(path: Path) -> str:
    """A path as a command names it from here: relative where it lies here, ``~`` for the home.

    What a command would read as an option, as a home or as a study of the suite's own begins with
    ``./``.
    """
    path, here, home = Path(os.path.abspath(path)), Path.cwd(), _home()
    if home and path.is_relative_to(home) and not here.is_relative_to(home):
        return f"~/{path.relative_to(home)}"
    if path.is_relative_to(here):
        text = str(path.relative_to(here))
        taken = text[0] in "-~" or text in registry.studies()
        return f"./{text}" if taken else text
    return f"~/{path.relative_to(home)}" if home and path.is_relative_to(home) else str(path)


def command(parts: Iterable[str]) -> str:
    """Parts as a shell takes them; it fills in a home that ``written`` left out."""
    return " ".join(
        f"~/{shlex.quote(part[2:])}" if part.startswith("~/") else shlex.quote(part)
        for part in parts
    )


def seen_from(folder: Path, path: Path) -> str:
    """A path as a folder's records keep it, so that both may move together.

    Where they have no folder in common that would be the whole path: then its digest.
    """
    folder, path = folder.resolve(), path.resolve()
    if len(Path(os.path.commonpath([folder, path])).parts) < 2:
        return f"{_DIGEST}{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
    return os.path.relpath(path, folder)


def found_from(folder: Path, text: str) -> Path | None:
    """The path that ``seen_from`` wrote down, None of a digest."""
    if text.startswith(_DIGEST):
        return None
    return Path(os.path.abspath(folder.resolve() / text))


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):  # a user who has none
        return None
