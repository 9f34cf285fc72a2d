"""Builds the corpus: tokens and labels of every document, less what two splits share.

The rule against leakage is simple enough to prove. Where ``SHINGLE`` consecutive tokens of a
document stand in an earlier split too, as it is or with its docstrings taken out, they are cut out
of it (validation is compared with train, test with both), and so are remains of fewer than
``SHINGLE`` tokens; ``[SEP]`` marks the cut. So no ``SHINGLE`` tokens in a row are in two splits,
and no window of twice as many, as such a window holds that many in a row. Licence headers,
boilerplate and copied files are what is cut. A function that shares as much is dropped. Idioms that
are shorter stay: of CPython 3.11's test split one window of 64 tokens in 200 is made to four
fifths of runs of 16 that train has too.
"""

import bisect
import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.data import labels as _labels
from bench.data.corpus import (
    DESCRIPTION,
    FUNCTIONS,
    QUESTIONS,
    SPLITS,
    CorpusError,
    Source,
    open_tokenizer,
    read,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SHINGLE = 32
LONGEST_ANSWER = 16  # tokens; of the questions that a parser finds nine in ten have a shorter one
_NOTHING = -100  # what the loss passes over
_BATCH = 250_000  # characters that are tokenized at once: it bounds the memory

_Ids = npt.NDArray[np.int32]
_Places = npt.NDArray[np.int64]


@dataclass
class _Document:
    """One document in tokens; places are token indices within it.

    Args:
        ids, roles, bytes: of every token its id, its role, and the bytes up to the next one.
        functions: of every function its name and its begin, end, name and docstring in tokens.
        questions: function, text, first and last of the answer.
    """

    source: Source
    ids: _Ids
    roles: npt.NDArray[np.int8]
    bytes: npt.NDArray[np.int64]
    functions: list["_Function"] = field(default_factory=list)
    questions: list[tuple[int, str, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class _Function:
    name: str
    begin: int
    stop: int
    called: tuple[int, int]
    docstring: tuple[int, int] | None
    summary: str


def shingles(ids: npt.NDArray[Any], length: int = SHINGLE) -> npt.NDArray[np.uint64]:
    """Hash of every ``length`` consecutive ids, ``length`` a power of two; 64 bits.

    Two hashes of one another's halves, mixed, so that a place costs log2(length) operations. Where
    two different runs had the same hash, one more would be cut: never one less.
    """
    hashes = ids.astype(np.uint64)
    step = 1
    while step < length:
        hashes = hashes[:-step] * np.uint64(0x9E3779B97F4A7C15) + hashes[step:]
        hashes ^= hashes >> np.uint64(29)
        hashes *= np.uint64(0xBF58476D1CE4E5B9)
        hashes ^= hashes >> np.uint64(32)
        step *= 2
    return hashes


def shared(
    streams: Sequence[tuple[_Ids, npt.NDArray[np.int8]]], separator: int
) -> list[npt.NDArray[np.bool_]]:
    """Which tokens stand in a shingle that an earlier split has too, stream by stream.

    Args:
        streams: token ids, every text ended by the separator, and the split of every token; a
            shingle of any stream is looked up in all of them.
        separator: no shingle contains it.
    """
    found = []
    for ids, split in streams:
        hashes = shingles(ids)
        ends = np.concatenate([[0], np.cumsum(ids == separator)])
        whole = np.flatnonzero(ends[SHINGLE:] == ends[:-SHINGLE])
        found.append((whole, hashes[whole], split[whole]))
    masks = [np.zeros(len(ids), dtype=bool) for ids, _ in streams]
    for number in range(1, len(SPLITS)):
        earlier = np.unique(np.concatenate([h[split < number] for _, h, split in found]))
        for mask, (places, hashes, split) in zip(masks, found, strict=True):
            here = split == number
            nearest = np.searchsorted(earlier, hashes[here]).clip(max=len(earlier) - 1)
            starts = places[here][earlier[nearest] == hashes[here]]
            mask |= _filled(starts, starts + SHINGLE, len(mask))
    return masks


def _filled(starts: _Places, stops: _Places, size: int) -> npt.NDArray[np.bool_]:
    """A mask that is true from every start to its stop."""
    steps = np.bincount(starts, minlength=size + 1) - np.bincount(stops, minlength=size + 1)
    return np.asarray(np.cumsum(steps)[:size] > 0)


def cut(
    ids: _Ids, split: npt.NDArray[np.int8], gone: npt.NDArray[np.bool_], separator: int
) -> tuple[npt.NDArray[np.bool_], _Ids]:
    """What stays of the tokens, and the tokens with a separator wherever a piece was cut out.

    What is left between two cuts goes too where it is shorter than a shingle.
    """
    ends = np.flatnonzero(gone | (ids == separator))
    begins = np.concatenate([[0], ends[:-1] + 1])
    short = (ends - begins < SHINGLE) & (split[ends] > 0)
    gone = gone | _filled(begins[short], ends[short], len(ids))
    marked = np.where(gone, separator, ids)
    before = np.concatenate([[separator], marked[:-1]])
    return (marked != separator) | (before != separator), marked


def build(folder: Path, tokenizer_file: Path) -> None:
    """Build the corpus and put its files in place in one step.

    Raises:
        CorpusError: there is no library, or the cache cannot be written.
    """
    sources, undecodable, unread = read()
    tokenizer = open_tokenizer(tokenizer_file)
    documents, unparsable, seconds = _documents(tokenizer, sources)
    unparsable = [*unread, *unparsable]
    ids = tokenizer.get_vocab()
    special = {name: ids[f"[{name.upper()}]"] for name in ("cls", "sep", "pad")}
    stream = _Stream(documents, special["sep"])
    functions, repeated = _functions(stream, tokenizer)
    questions = _questions(stream)
    questions["ids"] = _encode(tokenizer, questions["ids"])
    tables = {"": stream.table(), FUNCTIONS: functions, QUESTIONS: questions}
    corpus = {f"{name}_id": value for name, value in special.items()} | {
        "vocab_size": len(ids),
        "source_bytes": stream.bytes,
    }
    text_bytes = sum(len(document.source.text.encode()) for document in documents)
    tokens = sum(len(document.ids) for document in documents)
    counted = {
        "documents": len(stream.kept),
        "bytes": text_bytes,
        "tokens": tokens,
        "tokens_per_byte": tokens / text_bytes,
        "tokenizing_s": seconds,
        "tokens_per_s": tokens / seconds,
        "undecodable": len(undecodable),
        "unparsable": len(unparsable),
        "skipped": [*undecodable, *unparsable],
        "empty_documents": sum(not len(document.ids) for document in documents),
        "duplicate_functions": repeated,
        "functions": len(functions["file"]),
        "questions": len(questions["file"]),
        **stream.counted(),
    }
    _put(folder, tables, {"corpus": corpus, "counted": counted})


class _Text:
    """One array of every document, one after the other, before and after the cut.

    Attributes:
        origin: of every document, its place before the cut.
        ids, split: of every token before the cut, separators included.
        plain: of every token before the cut, whether it stays; separators are no such token.
        place: of every place before the cut, the one after it.
        tokens, offsets: what is left, and where in it every document begins.
    """

    plain: npt.NDArray[np.bool_]
    place: _Places
    tokens: _Ids
    offsets: _Places

    def __init__(self, pieces: Sequence[_Ids], split: npt.NDArray[np.int8], separator: int) -> None:
        sizes = np.asarray([len(piece) + 1 for piece in pieces])
        self.origin: _Places = np.concatenate([[0], np.cumsum(sizes)])
        self.ids, self.split = _ended(pieces, separator), np.repeat(split, sizes)

    def cut(self, gone: npt.NDArray[np.bool_], separator: int) -> npt.NDArray[np.bool_]:
        """Cut out what is gone and return what stays, separators included."""
        stays, marked = cut(self.ids, self.split, gone, separator)
        self.plain = stays & (marked != separator)
        self.place = np.concatenate([[0], np.cumsum(stays)])
        self.offsets = self.place[self.origin]
        self.tokens = marked[stays].astype(np.int32)
        return stays


class _Stream:
    """The documents and, beside them, their code: the sources less all docstrings.

    Args:
        documents, separator: what it is made of, and what ends each.

    Attributes:
        whole, code: the two, before and after the cut.
        bare: of every document, for a place in it the one in its code.
        split: of every document, its number in ``SPLITS``.
        kept, number: documents of which something is left; of every document its index there.
    """

    def __init__(self, documents: list[_Document], separator: int) -> None:
        self.documents, self.separator = documents, separator
        names = [document.source.split for document in documents]
        self.split = np.asarray([list(SPLITS).index(name) for name in names], dtype=np.int8)
        shown = [_shown(document) for document in documents]
        self.bare: list[_Places] = [np.concatenate([[0], np.cumsum(mask)]) for mask in shown]
        code = [d.ids[mask] for d, mask in zip(documents, shown, strict=True)]
        self.whole = whole = _Text([d.ids for d in documents], self.split, separator)
        self.code = _Text(code, self.split, separator)

        gone, code_gone = shared(
            [(whole.ids, whole.split), (self.code.ids, self.code.split)], separator
        )
        stays = whole.cut(gone, separator)
        left = np.diff(whole.offsets) > 0
        self.kept, self.number = np.flatnonzero(left), np.cumsum(left) - 1
        self.code.cut(code_gone | np.repeat(~left, np.diff(self.code.origin)), separator)
        roles = _ended([d.roles for d in documents], _NOTHING)
        self._roles = np.where(whole.plain, roles, _NOTHING)[stays].astype(np.int8)
        self.bytes = int(_ended([d.bytes for d in documents], 0)[whole.plain].sum())
        self._left = [int((whole.plain & (whole.split == n)).sum()) for n in range(len(SPLITS))]

    def table(self) -> dict[str, list[Any]]:
        """What is left of the documents."""
        sources = [self.documents[n].source for n in self.kept]
        pieces = [slice(*self.whole.offsets[n : n + 2]) for n in self.kept]
        code = [slice(*self.code.offsets[n : n + 2]) for n in self.kept]
        return {
            "path": [source.path for source in sources],
            "package": [source.package for source in sources],
            "split": [source.split for source in sources],
            "prose": [source.prose for source in sources],
            "input_ids": [self.whole.tokens[piece] for piece in pieces],
            "roles": [self._roles[piece] for piece in pieces],
            "code_ids": [self.code.tokens[piece] for piece in code],
        }

    def counted(self) -> dict[str, Any]:
        """Documents, and tokens of each split, that were cut out, and the tokens that are left."""
        whole = sum(len(document.ids) > 0 for document in self.documents)
        tokens = np.bincount(self.split, [len(d.ids) for d in self.documents], len(SPLITS))
        return {
            "duplicate_documents": whole - len(self.kept),
            "split_tokens": dict(zip(SPLITS, self._left, strict=True)),
            "duplicate_tokens": {
                name: int(all_) - left
                for name, all_, left in zip(SPLITS, tokens, self._left, strict=True)
            },
        }


def _shown(document: _Document) -> npt.NDArray[np.bool_]:
    """Which tokens of a document are code: all of a source but docstrings, of the manual none."""
    if document.source.prose:
        return np.zeros(len(document.ids), dtype=bool)
    mask: npt.NDArray[np.bool_] = document.roles != _labels.ROLES.index("docstring")
    for function in document.functions:
        if function.docstring is not None:  # with brackets, where it stands in some
            mask[slice(*function.docstring)] = False
    return mask


def _functions(stream: _Stream, tokenizer: "Tokenizer") -> tuple[dict[str, list[Any]], int]:
    """The documented functions that no earlier split has, and how many it has."""
    table: dict[str, list[Any]] = {name: [] for name in ("file", "start", "stop", "summary_ids")}
    code, places, owners = stream.code, [], []
    for d, document in enumerate(stream.documents):
        for function in document.functions:
            if function.docstring is not None:
                span = stream.bare[d][[function.begin, function.stop]] + code.origin[d]
                places.append(slice(*span.tolist()))
                owners.append((d, function.summary))
    split = stream.split[[d for d, _ in owners]]
    known = _repeated([code.ids[place] for place in places], split)
    for (d, summary), place, repeated in zip(owners, places, known, strict=True):
        if not repeated and code.plain[place].all():
            table["file"].append(int(stream.number[d]))
            table["start"].append(int(code.place[place.start]))
            table["stop"].append(int(code.place[place.stop]))
            table["summary_ids"].append(summary)
    table["summary_ids"] = _encode(tokenizer, table["summary_ids"])
    return table, len(owners) - len(table["file"])


def _documents(
    tokenizer: "Tokenizer", sources: Sequence[Source]
) -> tuple[list[_Document], list[str], float]:
    """Every document in tokens, the paths that Python cannot parse, and seconds of tokenizing."""
    documents: list[_Document] = []
    unparsable: list[str] = []
    seconds = 0.0
    ends = np.cumsum([len(source.text) for source in sources]) // _BATCH
    for batch in np.unique(ends):
        readings = []
        for n in np.flatnonzero(ends == batch).tolist():
            source = sources[n]
            try:
                readings.append((source, None if source.prose else _labels.read(source.text)))
            except SyntaxError:
                unparsable.append(source.path)
        begun = time.perf_counter()
        encoded = tokenizer.encode_batch(
            [source.text for source, _ in readings], add_special_tokens=False
        )
        seconds += time.perf_counter() - begun
        for (source, reading), encoding in zip(readings, encoded, strict=True):
            documents.append(_document(source, reading, encoding))
    return documents, unparsable, seconds


def _document(source: Source, reading: _labels.Reading | None, encoding: Any) -> _Document:
    ids = np.asarray(encoding.ids, dtype=np.int32)
    begins = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)[:, 0]
    characters = np.frombuffer(source.text.encode("utf-32-le"), dtype=np.uint32)
    widths = 1 + (characters > 0x7F) + (characters > 0x7FF) + (characters > 0xFFFF)
    upto = np.concatenate([[0], np.cumsum(widths)])
    edges = np.concatenate([begins, [len(characters)]])
    edges[0] = 0  # what stands before the first token is its own
    size = np.diff(upto[edges])
    if reading is None:
        return _Document(source, ids, np.full(len(ids), _NOTHING, dtype=np.int8), size)
    if len(ids):
        roles = reading.roles[np.searchsorted(reading.begins, begins, side="right") - 1]
    else:
        roles = np.empty(0, dtype=np.int8)

    def token(place: int) -> int:
        return int(np.searchsorted(begins, place))

    def span(places: _labels.Span) -> tuple[int, int]:
        return token(places[0]), token(places[1])

    document = _Document(source, ids, roles, size)
    for function in reading.functions:
        document.functions.append(
            _Function(
                name=function.name,
                begin=token(function.span[0]),
                stop=token(function.span[1]),
                called=span(function.called),
                docstring=span(function.docstring) if function.docstring else None,
                summary=function.summary,
            )
        )
    for question in reading.questions:
        name = reading.functions[question.function].name
        if question.parameter is None:
            text = f"what does {name} return?"
        else:
            text = f"what is the default of {source.text[slice(*question.parameter)]} in {name}?"
        document.questions.append((question.function, text, *span(question.answer)))
    return document


def _ended(pieces: Sequence[npt.NDArray[Any]], end: int) -> npt.NDArray[Any]:
    """All pieces, one after the other, each with an end."""
    last = np.asarray([end], dtype=pieces[0].dtype)
    return np.concatenate([part for piece in pieces for part in (piece, last)])


def _repeated(bodies: Sequence[_Ids], split: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    """Which functions are too short for a shingle and stand in an earlier split as they are."""
    pairs = [(body.tobytes(), int(n)) for body, n in zip(bodies, split, strict=True)]
    first: dict[bytes, int] = {}
    for body, number in pairs:
        first[body] = min(number, first.get(body, number))
    return np.asarray([first[body] < number for body, number in pairs], dtype=bool)


def _questions(stream: _Stream) -> dict[str, list[Any]]:
    """The questions whose answer is short and whose definition, up to the answer, was not cut."""
    documents, code = stream.documents, stream.split
    origin, place, plain = stream.whole.origin, stream.whole.place, stream.whole.plain
    bounds = {}
    for number in np.unique(code):
        here = [d for d in np.flatnonzero(code == number) if not documents[d].source.prose]
        bounds[number] = int(place[origin[here[0]]]), int(place[origin[here[-1] + 1]])
    defined: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    for d, document in enumerate(documents):
        for function in document.functions:
            begin, stop = (int(origin[d]) + n for n in function.called)
            if plain[begin:stop].any():  # lower case, because to the tokenizer there is no other
                name = int(code[d]), function.name.lower()
                defined[name].append((int(place[begin]), int(place[stop])))
    ends = {name: [stop for _, stop in sorted(places)] for name, places in defined.items()}
    begins = {name: [begin for begin, _ in sorted(places)] for name, places in defined.items()}
    table: dict[str, list[Any]] = {
        name: [] for name in ("file", "ids", "define", "start", "stop", "earliest", "latest")
    }
    for d, document in enumerate(documents):
        for owner, text, first, last in document.questions:
            function = document.functions[owner]
            span = slice(int(origin[d]) + function.begin, int(origin[d]) + last)
            if not 0 < last - first <= LONGEST_ANSWER or not plain[span].all():
                continue
            name = int(code[d]), function.name.lower()
            called = int(place[origin[d] + function.called[0]])
            n = bisect.bisect_left(begins[name], called)
            low, high = bounds[name[0]]
            table["file"].append(int(stream.number[d]))
            table["ids"].append(text)
            table["define"].append(int(place[span.start]))
            table["start"].append(int(place[origin[d] + first]))
            table["stop"].append(int(place[span.stop]))
            table["earliest"].append(ends[name][n - 1] if n else low)
            table["latest"].append(begins[name][n + 1] if n + 1 < len(begins[name]) else high)
    return table


def _encode(tokenizer: "Tokenizer", texts: Sequence[str]) -> list[_Ids]:
    encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [np.asarray(encoding.ids, dtype=np.int32) for encoding in encoded]


def _put(folder: Path, tables: dict[str, Any], description: dict[str, Any]) -> None:
    """Write everything beside its place, and move it there.

    Raises:
        CorpusError: it cannot be written.
    """
    from datasets import Dataset  # here, because fingerprints are taken without it

    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
        for name, table in tables.items():
            Dataset.from_dict(table).save_to_disk(temporary / "data" / name)
        text = json.dumps(description, indent=1)
        (temporary / "data" / DESCRIPTION).write_text(text, encoding="utf-8")
        (temporary / "data").rename(folder)
    except OSError as error:
        if not folder.is_dir():  # unless another process was first
            raise CorpusError(
                f"the cache {folder.name} cannot be written "
                f"({error.strerror or type(error).__name__}). Make room, or set "
                "XDG_CACHE_HOME to a folder that can be written."
            ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
