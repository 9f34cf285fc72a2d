"""The offline corpus: the Python standard library that every interpreter carries.

Sources are read from the running interpreter, split by file, tokenized once with the pretrained
checkpoint's own tokenizer, labelled by Python's own parser, freed of what two splits share, and
cached as Arrow. The manual that the library carries is split by its pages. The hash covers every
path, every byte and the split; results on different hashes are never mixed.
"""

import ast
import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from models.checkpoints import WheelCheckpoint  # importing it imports torch

#: Shares of the text; each split has more than 1,000 documented functions to search among.
SPLITS = {"train": 0.60, "validation": 0.20, "test": 0.20}
DESCRIPTION = "description.json"
FUNCTIONS, QUESTIONS = "functions", "questions"
_TESTS = frozenset({"test", "tests", "idle_test"})
_MANUAL = "pydoc_data/topics.py"
_FORMAT = "5"  # raised when what is cached, or how files are split, changes

_Table = TypeVar("_Table")


class CorpusError(RuntimeError):
    """An interpreter whose standard library cannot serve as the corpus."""


@dataclass(frozen=True)
class Source:
    """One document: a file of the library, or a page of the manual.

    Args:
        path: inside the library; a page's is its file's, ``#`` and its name.
        package: top-level package.
        split: one of ``SPLITS``.
        text: all of it.
        prose: whether it is a page of the manual and no source.
    """

    path: str
    package: str
    split: str
    text: str
    prose: bool


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
        roles: for every token index in ``_labels.ROLES``; -100 for ``[SEP]`` and in the manual.
        code: the sources once more, all docstrings taken out; that of document i is
            ``code[code_offsets[i]:code_offsets[i + 1]]``. None of it is the manual's.
        cls_id, sep_id, pad_id, vocab_size: of the tokenizer.
        source_bytes: UTF-8 bytes of what the tokens stand for.
        functions, questions: of the sources.
        description: what was counted while it was built.
        tokenizer: path of the tokenizer's file.
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
        """Text of token ids; the tokenizer has dropped case and white space."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def symbols(self, ids: Sequence[int]) -> list[str]:
        """Tokens as the tokenizer prints them."""
        return [str(self._tokenizer.id_to_token(int(index))) for index in ids]

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return open_tokenizer(self.tokenizer)


def fingerprint() -> str:
    """Hash of this interpreter's library and of its split; reads files, needs no torch."""
    digest = hashlib.sha256(_FORMAT.encode())
    for source in read()[0]:
        digest.update(f"{source.path}\0{source.split}\0".encode())
        digest.update(hashlib.sha256(source.text.encode()).digest())
    return digest.hexdigest()


def load(identity: str, checkpoint: "WheelCheckpoint") -> Corpus:
    """The corpus from the cache, built first where the cache lacks it.

    Args:
        identity: what ``fingerprint`` returned.
        checkpoint: whose tokenizer to use, verified before it is.

    Raises:
        CheckpointError: the tokenizer is missing or is not what it should be.
        CorpusError: the cache cannot be written.
    """
    from models.checkpoints import TOKENIZER

    tokenizer = "".join(checkpoint.sha256[name] for name in TOKENIZER)
    name = f"corpus-{identity[:16]}-{hashlib.sha256(tokenizer.encode()).hexdigest()[:8]}"
    folder = cache_root() / name
    file = checkpoint.verify(*TOKENIZER) / "tokenizer.json"
    if not folder.is_dir():
        from bench.data import build as _build

        _build.build(folder, file)
    return _open(folder, identity, file)


def open_tokenizer(file: Path) -> "Tokenizer":
    """The tokenizer of a file, without the truncation and padding that are stored with it."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def cache_root() -> Path:
    """Folder of all that is built once: ``XDG_CACHE_HOME``, else the user's own cache."""
    default = Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "rnn-vs-transformer"


def read() -> tuple[tuple[Source, ...], tuple[str, ...], tuple[str, ...]]:
    """The library's documents, the paths that are not UTF-8, and a manual's that cannot be parsed.

    Tests and machine-specific files are left out. Documents are in the order of :class:`Corpus`.
    """
    root = Path(sysconfig.get_path("stdlib"))
    texts: dict[str, dict[str, str]] = {}
    undecodable, unparsable = [], []
    for path in sorted(_files(root)):
        parts = path.relative_to(root).parts
        top = parts[0].removesuffix(".py")
        if not _TESTS.isdisjoint(parts):
            continue
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            undecodable.append("/".join(parts))
            continue
        try:
            documents = dict(_documents("/".join(parts), text))
        except (SyntaxError, ValueError):
            unparsable.append("/".join(parts))
            continue
        texts.setdefault(top, {}).update(documents)
    if not texts:
        raise CorpusError(
            f"Expected Python sources in the standard library of {sys.executable}. Found none: "
            "this interpreter ships without them. Use a regular CPython 3.11 or newer."
        )
    split = _split(
        {
            package: {path: len(text) for path, text in files.items()}
            for package, files in texts.items()
        }
    )
    found = [
        Source(name, package, split[name], text, prose="#" in name)
        for package, files in texts.items()
        for name, text in files.items()
    ]
    order = list(SPLITS)
    found.sort(key=lambda s: (order.index(s.split), s.prose, s.package, s.path))
    return tuple(found), tuple(undecodable), tuple(unparsable)


def _files(root: Path) -> Iterator[Path]:
    """Python files of the library; what else is installed there is not even listed."""
    for entry in root.iterdir():
        top = entry.name.removesuffix(".py")
        if top in sys.stdlib_module_names - {"__phello__"} and not top.startswith("_sysconfig"):
            yield from [entry] if entry.is_file() else entry.rglob("*.py")


def _documents(path: str, text: str) -> Iterator[tuple[str, str]]:
    """A file; or the pages of the manual, which the library stores as one dictionary.

    Raises:
        SyntaxError, ValueError: the manual is no such thing.
    """
    if path == _MANUAL:
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                for name, page in ast.literal_eval(node.value).items():
                    yield f"{path}#{name}", page
    else:
        yield path, text


def _split(packages: dict[str, dict[str, int]]) -> dict[str, str]:
    """The split of every file, given the sizes of each package's files.

    Every package is shared out by itself, as far as its files allow. One of fewer files than
    there are splits cannot be, and most modules are a file of their own: those are shared out
    together, last, so that they even out what the others left uneven.
    """
    assigned: dict[str, str] = {}
    small: dict[str, int] = {}
    lacking = dict.fromkeys(SPLITS, 0.0)
    for sizes in packages.values():
        due = {name: share * sum(sizes.values()) for name, share in SPLITS.items()}
        if len(sizes) < len(SPLITS):
            small |= sizes
        else:
            assigned |= _shared_out(sizes, due)
        for name in SPLITS:
            lacking[name] += due[name]
            lacking[name] -= sum(size for path, size in sizes.items() if assigned.get(path) == name)
    return assigned | _shared_out(small, lacking)


def _shared_out(sizes: dict[str, int], lacking: dict[str, float]) -> dict[str, str]:
    """Assign whole files to splits, the largest first, each to the split that lacks most.

    A file that no split has room for goes to train, so that it is not all that another has.
    """
    left = dict(lacking)
    assigned = {}
    for path in sorted(sizes, key=lambda path: (-sizes[path], path)):
        name = max(left, key=left.__getitem__)
        if left[name] < sizes[path]:
            name = "train"
        assigned[path] = name
        left[name] -= sizes[path]
    return assigned


def _open(folder: Path, identity: str, tokenizer: Path) -> Corpus:
    from datasets import load_from_disk

    table = load_from_disk(str(folder)).data.table
    functions = load_from_disk(str(folder / FUNCTIONS)).data.table
    questions = load_from_disk(str(folder / QUESTIONS)).data.table
    tokens, offsets = _flat(table, "input_ids")
    code, code_offsets = _flat(table, "code_ids")
    summaries, summary_offsets = _flat(functions, "summary_ids")
    ids, question_offsets = _flat(questions, "ids")
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
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
        **description["corpus"],
    )


def _flat(table: Any, column: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """A column of lists as all their items, and the offsets of each list."""
    lists = table.column(column).combine_chunks()
    return lists.values.to_numpy(), lists.offsets.to_numpy().astype(np.int64)
