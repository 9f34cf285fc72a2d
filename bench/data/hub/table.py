"""A data set of the hub, tokenized once and cached as Arrow, memory-mapped from then on.

The cache's name says repository, commit, tokenizer and format, so that what is opened is what was
proven when it was made, without a network and without the Parquet files.
"""

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data import corpus
from bench.data.hub import fetch, read
from bench.data.hub.catalogue import Entry
from bench.data.hub.fetch import DataUnavailable, unwritable
from bench.data.hub.read import Record
from bench.tasks import SPLITS

_FORMAT = "2"  # raised when what is cached, or how splits are cut, changes
_META, _TOKENIZER = "table.json", "tokenizer.json"
_SPECIAL = ("tokenizer_config.json", "special_tokens_map.json")
_BATCH = 256  # rows at a time: photographs are large
_TENTHS = 10
_NOTHING = -100  # what a loss passes over
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
        cls_id, sep_id, pad_id, vocab_size: of the tokenizer; a mark that it has not is None.
        tokens_per_byte: of the test split's text, where it is a stream.
        left_out: rows that are not used, by reason.
    """

    name: str
    hash: str
    folder: Path
    splits: dict[str, Part]
    cls_id: int | None
    sep_id: int | None
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
    folder = corpus.cache_root() / f"hub-{entry.name.partition('@')[0]}-{identity[:16]}"
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
        digest.update(repr(_marks(tokenizer)).encode())
    else:
        for name in (_TOKENIZER, *_SPECIAL):
            path = Path(tokenizer) / name
            digest.update(path.read_bytes() if path.is_file() else b"")
            digest.update(b"\0")
    return digest.hexdigest()


def _marks(tokenizer: Any) -> dict[str, Any]:
    """Ids of marks, of a tokenizer or of a folder: a start, an end, a next part, padding."""
    names = ("cls_token", "sep_token", "eos_token", "pad_token")
    if hasattr(tokenizer, "backend_tokenizer"):
        return {name: getattr(tokenizer, f"{name}_id") for name in names}
    said: dict[str, Any] = {}
    for file in _SPECIAL:
        path = Path(tokenizer) / file
        said |= json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    marks = {name: said.get(name) for name in names}
    backend = _backend(tokenizer)
    return {
        name: backend.token_to_id(mark["content"] if isinstance(mark, dict) else mark)
        if mark
        else None
        for name, mark in marks.items()
    }


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
    backend, marks = _backend(tokenizer), _marks(tokenizer)
    end = marks["eos_token"] if marks["sep_token"] is None else marks["sep_token"]
    pad = end if marks["pad_token"] is None else marks["pad_token"]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    except OSError as error:
        raise unwritable(entry.name, error) from None
    try:
        writer = _Writer(entry, temporary, backend)
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
                "cls_id": marks["cls_token"],
                "sep_id": end,
                "pad_id": pad or 0,
                "vocab_size": backend.get_vocab_size(),
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


class _Writer:
    """Splits, tokenizes and writes the rows of a data set, a batch at a time.

    A text stands in one split only: what is in the test split leaves validation and train, what is
    in validation leaves train. Where one thing is to be found by another, it also stands there
    only once.
    """

    def __init__(self, entry: Entry, folder: Path, backend: Any) -> None:
        self.rows = dict.fromkeys(SPLITS, 0)
        self.left_out: Counter[str] = Counter()
        self._entry, self._folder, self._backend = entry, folder, backend
        self._seen: dict[str, set[bytes]] = {split: set() for split in SPLITS}
        self._tokens = self._bytes = 0

    def tokens_per_byte(self) -> float:
        """Of the test split's text, where it is a stream; else 0."""
        return self._tokens / self._bytes if self._bytes else 0.0

    def write(self, paths: dict[str, list[Path]]) -> None:
        """Every split, the one that keeps all its rows first."""
        for source in reversed(SPLITS):
            if source in paths:
                splits = (source, *self._entry.cut) if source == "train" else (source,)
                self._write(splits, read.records(self._entry, paths[source]))

    def _write(self, splits: tuple[str, ...], records: Iterator[Record | None]) -> None:
        from datasets.arrow_writer import ArrowWriter

        columns = _COLUMNS[self._entry.head]
        features = _features(self._entry, columns)
        writers = {
            split: ArrowWriter(path=str(self._folder / f"{split}.arrow"), features=features)
            for split in splits
        }
        while batch := list(islice(records, _BATCH)):
            sorted_out: dict[str, list[Record]] = {split: [] for split in splits}
            for record in batch:
                split = self._place(record, splits)
                if split is not None and record is not None:
                    sorted_out[split].append(record)
            for split, kept in sorted_out.items():
                found = columns(self._backend, self._entry, kept)
                count = len(next(iter(found.values())))
                if count < len(kept):
                    self.left_out["no token of the answer"] += len(kept) - count
                if count:
                    writers[split].write_batch(found)
                    self.rows[split] += count
                if split == "test" and self._entry.head == "AutoModelForCausalLM":
                    self._tokens += sum(map(len, found["text"]))
                    self._bytes += sum(len(one.parts["text"].encode()) for one in kept)
        for writer in writers.values():
            writer.finalize()

    def _place(self, record: Record | None, splits: tuple[str, ...]) -> str | None:
        """The split of a row, None where it is left out."""
        if record is None:
            self.left_out["empty, or no row of this task"] += 1
            return None
        split = splits[0]
        if len(splits) > 1:
            tenth = int.from_bytes(_digest(record.group)[:8], "big") % _TENTHS
            split = splits[1 + tenth] if tenth < len(splits) - 1 else splits[0]
        keys = [_digest(key) for key in record.keys]
        others = [self._seen[other] for other in SPLITS if other != split]
        if any(key in seen for seen in others for key in keys):
            self.left_out["in another split"] += 1
            return None
        once = self._entry.found
        if once and any(key in self._seen[split] for key in keys):
            self.left_out["twice"] += 1
            return None
        if split != "train" or once or len(splits) > 1:  # nothing comes after the last split
            self._seen[split].update(keys)
        return split


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def _features(entry: Entry, columns: Callable[..., Any]) -> Any:
    """Types of the cache's columns."""
    from datasets import Features, List, Value

    ids = List(Value("int32"))
    kinds = {"label": Value("int64"), "start": Value("int64"), "end": Value("int64")}
    names = columns(None, entry, [])
    return Features(
        {name: Value("binary") if name == "image" else kinds.get(name, ids) for name in names}
    )


Columns = dict[str, list[Any]]


def _ids(backend: Any, texts: list[str], most: int) -> list[list[int]]:
    if not texts:
        return []
    encoded = backend.encode_batch_fast(texts, add_special_tokens=False)  # without offsets
    return [one.ids[:most] for one in encoded]


def _texts(*names: str) -> Callable[[Any, Entry, list[Record]], Columns]:
    """Columns that are each the tokens of a text."""

    def columns(backend: Any, entry: Entry, records: list[Record]) -> Columns:
        most = entry.lengths[1]
        return {n: _ids(backend, [r.parts[n] for r in records], most) for n in names}

    return columns


def _classified(backend: Any, entry: Entry, records: list[Record]) -> Columns:
    found = _texts("text")(backend, entry, records)
    return found | {"label": [record.parts["label"] for record in records]}


def _stream(backend: Any, entry: Entry, records: list[Record]) -> Columns:
    return {"text": _ids(backend, [record.parts["text"] for record in records], 1 << 40)}


def _words(backend: Any, entry: Entry, records: list[Record]) -> Columns:
    """Sub-words; a word's label at its first, nothing at the others."""
    found: Columns = {"text": [], "labels": []}
    words = [record.parts["words"] for record in records]
    encoded = (
        backend.encode_batch(words, is_pretokenized=True, add_special_tokens=False) if words else []
    )
    for record, one in zip(records, encoded, strict=True):
        before, labels = None, []
        for word in one.word_ids:
            labels.append(record.parts["labels"][word] if word != before else _NOTHING)
            before = word
        found["text"].append(one.ids)
        found["labels"].append(labels)
    return found


def _questions(backend: Any, entry: Entry, records: list[Record]) -> Columns:
    """Question and context, and the first and last token of the context that the answer touches."""
    found: Columns = {"question": [], "context": [], "start": [], "end": []}
    questions = [record.parts["question"] for record in records]
    contexts = [record.parts["context"] for record in records]
    asked = backend.encode_batch(questions, add_special_tokens=False) if records else []
    given = backend.encode_batch(contexts, add_special_tokens=False) if records else []
    for record, question, context in zip(records, asked, given, strict=True):
        first, stop = record.parts["answers"]
        touched = [n for n, (a, b) in enumerate(context.offsets) if a < stop and b > first]
        if touched:
            row = (question.ids, context.ids, touched[0], touched[-1])
            for column, value in zip(found, row, strict=True):
                found[column].append(value)
    return found


def _captions(backend: Any, entry: Entry, records: list[Record]) -> Columns:
    names = [name for name in entry.fields if name.startswith("caption")]
    found = _texts(*names)(backend, entry, records)
    return {"image": [record.parts["image"]["bytes"] for record in records]} | found


#: Head -> its cached columns: of no records, their names alone.
_COLUMNS: dict[str, Callable[[Any, Entry, list[Record]], Columns]] = {
    "AutoModelForSequenceClassification": _classified,
    "AutoModelForTokenClassification": _words,
    "AutoModelForQuestionAnswering": _questions,
    "AutoModelForSeq2SeqLM": _texts("source", "target"),
    "AutoModelForCausalLM": _stream,
    "AutoModel": _texts("query", "text"),
    "AutoProcessor": _captions,
}
