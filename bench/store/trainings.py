"""Where trainings that last are kept until the records of their cells are safe."""

import contextlib
from collections.abc import Container
from pathlib import Path

_FOLDER, _SUFFIX = "trainings", ".safetensors"


class Trainings:
    """Files of a study's trainings, one a cell, in a folder beside its records.

    Args:
        folder: the study's report folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute() / _FOLDER

    def path(self, key: str) -> Path:
        """The file of the cell of this key; there may be none."""
        return self._folder / f"{key}{_SUFFIX}"

    def drop(self, key: str) -> None:
        """Remove the file of a cell whose record is safe."""
        if self._folder.is_dir():
            self.path(key).unlink(missing_ok=True)
            self._leave()

    def clear(self, keys: Container[str] | None = None) -> None:
        """Remove the files of these cells, all where None, and what a kill left half-written."""
        if self._folder.is_dir():
            for path in [path for path in self._folder.iterdir() if path.is_file()]:
                if keys is None or path.suffix != _SUFFIX or path.stem in keys:
                    path.unlink()
            self._leave()

    def _leave(self) -> None:
        with contextlib.suppress(OSError):  # others are still being trained
            self._folder.rmdir()
