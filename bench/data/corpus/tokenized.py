"""The corpus as tasks cut rows from it: tokens and labels, memory-mapped from the cache."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from bench.data import cache
from bench.data.contract import CORPUS
from bench.data.corpus import build, library, vocabulary
from bench.data.corpus.documents import open_tokenizer
from bench.data.corpus.library import CorpusError
from models.checkpoints import Checkpoint
from models.checkpoints import tokenizer as tokenizer_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_Table = TypeVar("_Table")


@dataclass(frozen=True)
class Functions:
    """The functions that have a docstring and something beside it, in the order of their files.

    Args:
        file: (count,) index of each one's file.
        start, stop: (count,) the function, from its ``def`` on, is ``code[start:stop]``.
        summaries: token ids of every docstring's first line; that of function i is
            ``summaries[summary_offsets[i]:summary_offsets[i + 1]]``.
    """

    file: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    summaries: npt.NDArray[np.int32]
    summary_offsets: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Questions:
    """Questions about functions, each with one answer; all indices are into the corpus's tokens.

    Args:
        file: (count,) index of each one's file.
        ids: token ids of the questions; question i is ``ids[offsets[i]:offsets[i + 1]]``.
        define: (count,) first token of the function asked about, its ``def``.
        start, stop: (count,) the answer is ``tokens[start:stop]``.
        earliest, latest: (count,) a window within these two shows no other definition of the name.
    """

    file: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    define: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    earliest: npt.NDArray[np.int64]
    latest: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """The tokenized library.

    Documents are in the order of their split, sources before the manual, then of their path, so a
    split and a package of it are each one stretch of ``tokens``.

    Args:
        hash: what it was made of.
        path, package, split, prose: one entry a document.
        tokens: every document's token ids, one after the other, each ended by ``[SEP]``; document
            i is ``tokens[offsets[i]:offsets[i + 1]]``. Where a piece that an earlier split has too
            was cut out, there is a ``[SEP]``.
        roles: for every token index in ``labels.ROLES``; ``IGNORED`` for ``[SEP]`` and in the
            manual.
        code: the sources once more, all docstrings taken out; that of document i is
            ``code[code_offsets[i]:code_offsets[i + 1]]``. None of it is the manual's.
        cls_id, sep_id, pad_id, vocab_size: of the tokenizer.
        source_bytes: UTF-8 bytes of what the tokens stand for.
        functions, questions: of the sources.
        description: what was counted while it was built.
        tokenizer: path of the tokenizer's file.
        tokenizer_name, tokenizer_digest: whose it is, ``corpus`` or a checkpoint's name, and the
            SHA-256 of what it is made of.
    """

    hash: str
    path: tuple[str, ...]
    package: tuple[str, ...]
    split: tuple[str, ...]
    prose: tuple[bool, ...]
    tokens: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    roles: npt.NDArray[np.int8]
    code: npt.NDArray[np.int32]
    code_offsets: npt.NDArray[np.int64]
    cls_id: int
    sep_id: int
    pad_id: int
    vocab_size: int
    source_bytes: int
    functions: Functions
    questions: Questions
    description: dict[str, Any]
    tokenizer: Path
    tokenizer_name: str
    tokenizer_digest: str

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Tokens of each document, its ``[SEP]`` included."""
        return np.diff(self.offsets)

    @cached_property
    def tokens_per_byte(self) -> float:
        """Tokens, separators left out, per byte of UTF-8."""
        return float((self.tokens != self.sep_id).sum() / self.source_bytes)

    def files(self, split: str, package: str) -> list[int]:
        """Indices of a package's files in a split."""
        return [
            index
            for index, pair in enumerate(zip(self.split, self.package, strict=True))
            if pair == (split, package)
        ]

    def stretch(
        self, split: str, *, package: str | None = None, prose: bool = True
    ) -> tuple[int, int]:
        """Where in ``tokens`` a split begins and ends, or a package of it, or its sources alone."""
        kept = [
            index
            for index, name in enumerate(self.split)
            if name == split
            and package in (None, self.package[index])
            and (prose or not self.prose[index])
        ]
        return (int(self.offsets[kept[0]]), int(self.offsets[kept[-1] + 1])) if kept else (0, 0)

    def code_end(self, split: str) -> int:
        """Where in ``code`` a split ends."""
        last = len(self.split) - self.split[::-1].index(split)
        return int(self.code_offsets[last])

    def windows(self, starts: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
        """(count, length): the tokens from each start on."""
        view = np.lib.stride_tricks.sliding_window_view(self.tokens, length)
        return view[starts].astype(np.int64)

    def code_windows(self, starts: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
        """(count, length): the code from each start on."""
        view = np.lib.stride_tricks.sliding_window_view(self.code, length)
        return view[starts].astype(np.int64)

    def cached(self, key: tuple[object, ...], make: Callable[[], _Table]) -> _Table:
        """What ``make`` returned the first time: a task's table for a split and a length."""
        if key not in self._tables:
            self._tables[key] = make()
        return cast("_Table", self._tables[key])

    @cached_property
    def _tables(self) -> dict[tuple[object, ...], object]:
        return {}

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, nothing added."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids; some tokenizers have dropped case and white space."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def symbols(self, ids: Sequence[int]) -> list[str]:
        """Tokens as the tokenizer prints them."""
        return [str(self._tokenizer.id_to_token(int(index))) for index in ids]

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return open_tokenizer(self.tokenizer)


def load(identity: str, checkpoint: Checkpoint | None = None) -> Corpus:
    """The corpus from the cache, built first where the cache lacks it.

    Args:
        identity: what ``fingerprint`` returned.
        checkpoint: whose tokenizer to use, verified before it is; None for the corpus's own.

    Raises:
        CheckpointError: the tokenizer is missing, is not what it should be, or gives no offsets.
        CorpusError: the cache cannot be written; or the corpus was built elsewhere, and not through
            this tokenizer.
    """
    if checkpoint is None:
        name, file = CORPUS, vocabulary.folder(identity) / vocabulary.FILE
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    else:
        name, (place, digest) = checkpoint.name, tokenizer_of(checkpoint)
        file = place / vocabulary.FILE
    folder = cache.root() / f"corpus-{identity[:16]}-{digest[:8]}"
    elsewhere = library.elsewhere() == identity
    if elsewhere:
        library.only(folder.name)
    if folder.is_dir():
        try:
            return _open(folder, identity, file, name, digest)
        except _DAMAGE as error:
            if elsewhere:
                raise CorpusError(
                    f"{library.ELSEWHERE}={identity}: {folder.name} is damaged "
                    f"({type(error).__name__}). Copy it again from where it was built."
                ) from None
            library.discard(folder)
    build.build(folder, file)
    return _open(folder, identity, file, name, digest)


#: What is raised where files of the cache are missing, were cut short, or are others.
_DAMAGE = (OSError, ValueError, KeyError, TypeError)


def _open(folder: Path, identity: str, tokenizer: Path, name: str, digest: str) -> Corpus:
    from datasets import load_from_disk

    table = load_from_disk(str(folder)).data.table
    functions = load_from_disk(str(folder / build.FUNCTIONS)).data.table
    questions = load_from_disk(str(folder / build.QUESTIONS)).data.table
    tokens, offsets = _flat(table, "input_ids")
    code, code_offsets = _flat(table, "code_ids")
    summaries, summary_offsets = _flat(functions, "summary_ids")
    ids, question_offsets = _flat(questions, "ids")
    description = json.loads((folder / build.DESCRIPTION).read_text(encoding="utf-8"))
    counts = [len(part) for part in (table, functions, questions)]
    expected = [description["counted"][part] for part in ("documents", "functions", "questions")]
    if counts != expected:
        raise ValueError(f"expected {expected} rows. Got {counts}.")
    return Corpus(
        hash=identity,
        path=tuple(table.column("path").to_pylist()),
        package=tuple(table.column("package").to_pylist()),
        split=tuple(table.column("split").to_pylist()),
        prose=tuple(table.column("prose").to_pylist()),
        tokens=tokens,
        offsets=offsets,
        roles=_flat(table, "roles")[0],
        code=code,
        code_offsets=code_offsets,
        functions=Functions(
            file=functions.column("file").to_numpy(),
            start=functions.column("start").to_numpy(),
            stop=functions.column("stop").to_numpy(),
            summaries=summaries,
            summary_offsets=summary_offsets,
        ),
        questions=Questions(
            ids=ids,
            offsets=question_offsets,
            **{
                name: questions.column(name).to_numpy()
                for name in ("file", "define", "start", "stop", "earliest", "latest")
            },
        ),
        description=description["counted"],
        tokenizer=tokenizer,
        tokenizer_name=name,
        tokenizer_digest=digest,
        **description["corpus"],
    )


def _flat(table: Any, column: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """A column of lists as all their items, and the offsets of each list."""
    lists = table.column(column).combine_chunks()
    return lists.values.to_numpy(), lists.offsets.to_numpy().astype(np.int64)
