"""Splits, tokenizes and writes the rows of a data set, once, for all who open it then."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from bench.data.contract import IGNORED, SPLITS
from bench.data.hub import read
from bench.data.hub.entry import Entry
from bench.data.hub.read import Example

_BATCH = 256  # rows at a time: photographs are large
_TENTHS = 10


class Writer:
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
                self._write(splits, read.examples(self._entry, paths[source]))

    def _write(self, splits: tuple[str, ...], examples: Iterator[Example | None]) -> None:
        from datasets.arrow_writer import ArrowWriter

        columns = _COLUMNS[self._entry.head]
        features = _features(self._entry, columns)
        writers = {
            split: ArrowWriter(path=str(self._folder / f"{split}.arrow"), features=features)
            for split in splits
        }
        while batch := list(islice(examples, _BATCH)):
            sorted_out: dict[str, list[Example]] = {split: [] for split in splits}
            for example in batch:
                split = self._place(example, splits)
                if split is not None and example is not None:
                    sorted_out[split].append(example)
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

    def _place(self, example: Example | None, splits: tuple[str, ...]) -> str | None:
        """The split of a row, None where it is left out."""
        if example is None:
            self.left_out["empty, or no row of this task"] += 1
            return None
        split = splits[0]
        if len(splits) > 1:
            tenth = int.from_bytes(_digest(example.group)[:8], "big") % _TENTHS
            split = splits[1 + tenth] if tenth < len(splits) - 1 else splits[0]
        keys = [_digest(key) for key in example.keys]
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


def _texts(*names: str) -> Callable[[Any, Entry, list[Example]], Columns]:
    """Columns that are each the tokens of a text."""

    def columns(backend: Any, entry: Entry, examples: list[Example]) -> Columns:
        most = entry.lengths[1]
        return {n: _ids(backend, [r.parts[n] for r in examples], most) for n in names}

    return columns


def _classified(backend: Any, entry: Entry, examples: list[Example]) -> Columns:
    found = _texts("text")(backend, entry, examples)
    return found | {"label": [example.parts["label"] for example in examples]}


def _stream(backend: Any, entry: Entry, examples: list[Example]) -> Columns:
    return {"text": _ids(backend, [example.parts["text"] for example in examples], 1 << 40)}


def _words(backend: Any, entry: Entry, examples: list[Example]) -> Columns:
    """Sub-words; a word's label at its first, nothing at the others."""
    found: Columns = {"text": [], "labels": []}
    words = [example.parts["words"] for example in examples]
    encoded = (
        backend.encode_batch(words, is_pretokenized=True, add_special_tokens=False) if words else []
    )
    for example, one in zip(examples, encoded, strict=True):
        before, labels = None, []
        for word in one.word_ids:
            labels.append(example.parts["labels"][word] if word != before else IGNORED)
            before = word
        found["text"].append(one.ids)
        found["labels"].append(labels)
    return found


def _questions(backend: Any, entry: Entry, examples: list[Example]) -> Columns:
    """Question and context, and the first and last token of the context that the answer touches."""
    found: Columns = {"question": [], "context": [], "start": [], "end": []}
    questions = [example.parts["question"] for example in examples]
    contexts = [example.parts["context"] for example in examples]
    asked = backend.encode_batch(questions, add_special_tokens=False) if examples else []
    given = backend.encode_batch(contexts, add_special_tokens=False) if examples else []
    for example, question, context in zip(examples, asked, given, strict=True):
        first, stop = example.parts["answers"]
        touched = [n for n, (a, b) in enumerate(context.offsets) if a < stop and b > first]
        if touched:
            row = (question.ids, context.ids, touched[0], touched[-1])
            for column, value in zip(found, row, strict=True):
                found[column].append(value)
    return found


def _captions(backend: Any, entry: Entry, examples: list[Example]) -> Columns:
    names = [name for name in entry.fields if name.startswith("caption")]
    found = _texts(*names)(backend, entry, examples)
    return {"image": [example.parts["image"]["bytes"] for example in examples]} | found


#: Head -> its cached columns: of no examples, their names alone.
_COLUMNS: dict[str, Callable[[Any, Entry, list[Example]], Columns]] = {
    "AutoModelForSequenceClassification": _classified,
    "AutoModelForTokenClassification": _words,
    "AutoModelForQuestionAnswering": _questions,
    "AutoModelForSeq2SeqLM": _texts("source", "target"),
    "AutoModelForCausalLM": _stream,
    "AutoModel": _texts("query", "text"),
    "AutoProcessor": _captions,
}
