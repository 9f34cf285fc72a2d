"""A data set of the hub, tokenized once and cached as Arrow, memory-mapped from then on.

The cache's name says repository, commit, tokenizer and format, so that what is opened is what was
proven when it was made, without a network and without the Parquet files.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data import cache, marks
from bench.data.contract import SPLITS
from bench.data.hub import fetch
from bench.data.hub.entry import Entry
from bench.data.hub.fetch import DataUnavailable, unwritable
from bench.data.hub.write import Writer
from models.checkpoints.tokenizers import MARKED, MARKS

_FORMAT = "3"  # raised when what is cached, or how splits are cut, changes
_META, _TOKENIZER = "table.json", "tokenizer.json"
#: What opening a cache raises that was cut off or written over.
_DAMAGED = (OSError, ValueError, KeyError, TypeError)


class Ragged:
    """A column of lists of integers, left where it is on disk."""

    def __init__(self, column: Any) -> None:
        self._values, sizes = [], []
        for chunk in column.chunks:
            offsets = chunk.offsets.to_numpy()
            self._values.append(chunk.values.to_numpy()[offsets[0] : offsets[-1]])
            sizes.append(np.diff(offsets))
        self.sizes: npt.NDArray[np.int64] = np.concatenate(sizes).astype(np.int64)
        self._chunks = np.cumsum([0] + [len(size) for size in sizes])
        self._starts = np.concatenate([np.cumsum(size) - size for size in sizes])

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, row: int) -> npt.NDArray[np.int32]:
        chunk = int(np.searchsorted(self._chunks, row, side="right")) - 1
        start = self._starts[row]
        found: npt.NDArray[np.int32] = self._values[chunk][start : start + self.sizes[row]]
        return found

    @cached_property
    def flat(self) -> npt.NDArray[np.int32]:
        """All items of all lists."""
        return self._values[0] if len(self._values) == 1 else np.concatenate(self._values)


@dataclass(frozen=True)
class Part:
    """One split: columns by name, every row's place the same in each."""

    name: str
    columns: dict[str, Any]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]


@dataclass(frozen=True)
class Table:
    """A tokenized data set.

    Args:
        name, hash: of the data set; what it was made of: repository, commit, tokenizer, format.
        folder: of the cache.
        splits: our split -> its rows, as token ids.
        cls_id, sep_id, pad_id, vocab_size: of the tokenizer.
        tokens_per_byte: of the test split's text, where it is a stream.
        left_out: rows that are not used, by reason.
    """

    name: str
    hash: str
    folder: Path
    splits: dict[str, Part]
    cls_id: int
    sep_id: int
    pad_id: int
    vocab_size: int
    tokens_per_byte: float
    left_out: dict[str, int]

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self.folder / _TOKENIZER))

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without marks."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, marks left out."""
        text: str = self._tokenizer.decode([int(one) for one in ids])
        return text

    def symbols(self, ids: Sequence[int]) -> list[str]:
        """How the tokenizer prints each token."""
        return [str(self._tokenizer.id_to_token(int(one))) for one in ids]


def open_table(entry: Entry, tokenizer: Any) -> Table:
    """The data set from the cache, fetched and tokenized first where the cache lacks it.

    Args:
        entry: of the catalogue.
        tokenizer: a fast tokenizer, or the folder of one.

    Raises:
        DataUnavailable: it cannot be had, or is not what it should be.
    """
    identity = _identity(entry, tokenizer)
    folder = cache.root() / f"hub-{entry.name.partition('@')[0]}-{identity[:16]}"
    if folder.is_dir():
        try:
            return _open(entry, folder, identity)
        except _DAMAGED:
            shutil.rmtree(folder, ignore_errors=True)
    _build(entry, folder, tokenizer)
    return _open(entry, folder, identity)


def _identity(entry: Entry, tokenizer: Any) -> str:
    rules = (entry.files, entry.cut, entry.columns, entry.fields, entry.group, entry.lengths[1])
    digest = hashlib.sha256(repr((_FORMAT, entry.repo, entry.revision, *rules)).encode())
    if hasattr(tokenizer, "backend_tokenizer"):
        digest.update(tokenizer.backend_tokenizer.to_str().encode())
        digest.update(repr(_ids(tokenizer)).encode())
    else:
        for name in (_TOKENIZER, *MARKED):
            path = Path(tokenizer) / name
            digest.update(path.read_bytes() if path.is_file() else b"")
            digest.update(b"\0")
    return digest.hexdigest()


def _ids(tokenizer: Any) -> dict[str, int | None]:
    """Ids of the marks that a tokenizer names."""
    return {name: getattr(tokenizer, f"{name}_id") for name in MARKS}


def _marks(entry: Entry, tokenizer: Any, backend: Any) -> marks.Marks:
    """What frames a row, as of the library's.

    Raises:
        DataUnavailable: the tokenizer has no mark that ends a text.
    """
    try:
        if hasattr(tokenizer, "backend_tokenizer"):
            return marks.chosen(_ids(tokenizer), max(backend.get_vocab().values()) + 1)
        return marks.read(Path(tokenizer), backend)
    except ValueError as error:
        raise DataUnavailable(
            f"data {entry.name!r} cannot be read through this tokenizer: {error}"
        ) from None


def _backend(tokenizer: Any) -> Any:
    """What tokenizes, without the padding and truncation that its file may ask for."""
    from tokenizers import Tokenizer

    if hasattr(tokenizer, "backend_tokenizer"):
        backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    else:
        backend = Tokenizer.from_file(str(Path(tokenizer) / _TOKENIZER))
    backend.no_padding()
    backend.no_truncation()
    return backend


def _open(entry: Entry, folder: Path, identity: str) -> Table:
    from datasets import Dataset

    splits = {}
    meta = json.loads((folder / _META).read_text(encoding="utf-8"))
    for split in SPLITS:
        table = Dataset.from_file(str(folder / f"{split}.arrow")).data.table
        columns = {}
        for name in table.column_names:
            column = table.column(name)
            kind = str(column.type)
            if kind.startswith("list"):
                columns[name] = Ragged(column)
            else:
                columns[name] = column if kind == "binary" else column.to_numpy()
        splits[split] = Part(split, columns)
        if len(splits[split]) != meta["rows"][split]:
            raise ValueError("rows are missing")
    return Table(entry.name, identity, folder, splits, left_out=meta["left_out"], **meta["marks"])


def _build(entry: Entry, folder: Path, tokenizer: Any) -> None:
    """Fetch, check, tokenize, and put the files in place in one step."""
    paths = fetch.parquet(entry)
    backend = _backend(tokenizer)
    framed = _marks(entry, tokenizer, backend)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    except OSError as error:
        raise unwritable(entry.name, error) from None
    try:
        writer = Writer(entry, temporary, backend)
        writer.write(paths)
        empty = [split for split in SPLITS if not writer.rows[split]]
        if empty:
            raise DataUnavailable(
                f"data {entry.name!r}: expected rows in every split. Got none in "
                f"{', '.join(empty)} of {entry.repo} at commit {entry.revision}. Give another: "
                f"{entry.name.partition('@')[0]}@<40 hex digits>."
            )
        meta = {
            "rows": writer.rows,
            "left_out": dict(writer.left_out),
            "marks": {
                "cls_id": framed.begin,
                "sep_id": framed.end,
                "pad_id": framed.pad,
                "vocab_size": framed.size,
                "tokens_per_byte": writer.tokens_per_byte(),
            },
        }
        (temporary / _META).write_text(json.dumps(meta), encoding="utf-8")
        (temporary / _TOKENIZER).write_text(backend.to_str(), encoding="utf-8")
        temporary.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # unless another process was first
            raise unwritable(entry.name, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
