"""What rows are cut from, opened once for all cells of a plan."""

from typing import Any

from bench import tasks
from bench.data import corpus
from bench.outcome import Unavailable
from bench.study import Cell
from bench.tasks import OFFLINE
from models.checkpoints import CheckpointError


class Opened:
    """What the tasks' rows are cut from, each opened once and only where a cell needs it."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._opened: dict[tuple[str | None, str], Any] = {}
        self._reasons: dict[tuple[str | None, str], str] = {}

    def __call__(self, cell: Cell) -> Any:
        """What the rows of a cell are cut from.

        Raises:
            Unavailable: it cannot be had; the same answer each time, so that a hub is asked once.
        """
        name = (cell.task if cell.data != OFFLINE else tasks.needs(cell.task), cell.data)
        if name in self._reasons:
            raise Unavailable(self._reasons[name])
        if name not in self._opened:
            try:
                self._opened[name] = tasks.open_data(cell.task, cell.data, self._library)
            except (CheckpointError, corpus.CorpusError) as error:
                self._reasons[name] = str(error)
                raise Unavailable(str(error)) from None
        return self._opened[name]

    def described(self) -> dict[str, Any] | None:
        """What the library holds, None where no cell reads it."""
        library = self._opened.get(("library", OFFLINE))
        return None if library is None else _describe(library)


def _describe(library: corpus.Corpus) -> dict[str, Any]:
    return {
        "hash": library.hash,
        "files": len(library.path),
        "source_bytes": library.source_bytes,
        "tokens": len(library.tokens),
        **library.description,
    }
