"""What rows are cut from, opened once for all cells of a plan."""

from typing import Any

from bench import tasks
from bench.data import corpus
from bench.outcome import Unavailable
from bench.study import Cell
from bench.tasks import OFFLINE
from models.checkpoints import CheckpointError

_Name = tuple[str | None, str, str | None]
#: What of a corpus's description depends on who tokenizes it.
_TOKENIZED = ("tokens_per_byte", "tokens_per_s", "split_tokens", "duplicate_tokens")


class Opened:
    """What the tasks' rows are cut from, each opened once and only where a cell needs it."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._opened: dict[_Name, Any] = {}
        self._reasons: dict[_Name, str] = {}

    def __call__(self, cell: Cell) -> Any:
        """What the rows of a cell are cut from.

        Raises:
            Unavailable: it cannot be had; the same answer each time, so that a hub is asked once.
        """
        tokenizer = cell.model.reads_through
        need = cell.task if cell.data != OFFLINE else tasks.needs(cell.task)
        name = need, cell.data, tokenizer if tasks.reads_text(cell.task) else None
        if name in self._reasons:
            raise Unavailable(self._reasons[name])
        if name not in self._opened:
            try:
                self._opened[name] = tasks.open_data(cell.task, cell.data, self._library, tokenizer)
            except (CheckpointError, corpus.CorpusError) as error:
                self._reasons[name] = str(error)
                raise Unavailable(str(error)) from None
        return self._opened[name]

    def described(self) -> dict[str, Any] | None:
        """What the library holds, by each tokenizer that reads it; None where no cell does."""
        read = [
            data
            for (need, source, _), data in self._opened.items()
            if (need, source) == ("library", OFFLINE)
        ]
        if not read:
            return None
        return _describe(read[0]) | {"tokenizers": {c.tokenizer_name: _tokenized(c) for c in read}}


def _describe(library: corpus.Corpus) -> dict[str, Any]:
    return {
        "hash": library.hash,
        "files": len(library.path),
        "source_bytes": library.source_bytes,
        "tokens": len(library.tokens),
        **library.description,
    }


def _tokenized(library: corpus.Corpus) -> dict[str, Any]:
    return {
        "vocab_size": library.vocab_size,
        "sha256": library.tokenizer_digest,
        **{name: library.description[name] for name in _TOKENIZED},
    }
