"""Documents in tokens, with what Python's own parser says of each token."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.data.contract import IGNORED
from bench.data.corpus import labels
from bench.data.corpus.library import Source
from bench.data.corpus.parsed import parsed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BATCH = 250_000  # characters that are tokenized at once: it bounds the memory


@dataclass
class Document:
    """One document in tokens; places are token indices within it.

    Args:
        ids, roles, bytes: of every token its id, its role, and the bytes up to the next one. White
            space between two words of Python has the role of the one before.
        blank: of every token, whether it is white space and nothing else.
        functions: of every function its name and its begin, end, name and docstring in tokens.
        questions: function, text, first and last of the answer.
    """

    source: Source
    ids: npt.NDArray[np.int32]
    roles: npt.NDArray[np.int8]
    bytes: npt.NDArray[np.int32]
    blank: npt.NDArray[np.bool_]
    functions: list["Function"] = field(default_factory=list)
    questions: list[tuple[int, str, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Function:
    """A function of a document: begin, end, name, docstring in tokens; its name and first line."""

    name: str
    begin: int
    stop: int
    called: tuple[int, int]
    docstring: tuple[int, int] | None
    summary: str


def open_tokenizer(file: Path) -> "Tokenizer":
    """The tokenizer of a file, without the truncation and padding that are stored with it."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def tokenized(
    tokenizer: "Tokenizer", sources: Sequence[Source]
) -> tuple[list[Document], list[str], float]:
    """Every document in tokens, the paths that Python cannot parse, and seconds of tokenizing."""
    documents: list[Document] = []
    unparsable: list[str] = []
    seconds = 0.0
    read = parsed(sources)
    ends = np.cumsum([len(source.text) for source in sources]) // _BATCH
    for batch in np.unique(ends):
        readings = []
        for n in np.flatnonzero(ends == batch).tolist():
            source = sources[n]
            reading = read.reading(n)
            if reading is None and not source.prose:
                unparsable.append(source.path)
            else:
                readings.append((source, reading))
        begun = time.perf_counter()
        encoded = tokenizer.encode_batch(
            [source.text for source, _ in readings], add_special_tokens=False
        )
        seconds += time.perf_counter() - begun
        for (source, reading), encoding in zip(readings, encoded, strict=True):
            documents.append(_document(source, reading, encoding))
    return documents, unparsable, seconds


def _document(source: Source, reading: labels.Reading | None, encoding: Any) -> Document:
    ids = np.asarray(encoding.ids, dtype=np.int32)
    offsets = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    characters = np.frombuffer(source.text.encode("utf-32-le"), dtype=np.uint32)
    widths = 1 + (characters > 0x7F) + (characters > 0x7FF) + (characters > 0xFFFF)
    upto = np.concatenate([[0], np.cumsum(widths)])
    edges = np.concatenate([offsets[:, 0], [len(characters)]])
    edges[0] = 0  # what stands before the first token is its own
    size = np.diff(upto[edges]).astype(np.int32)
    begins, blank = _begins(characters, offsets)
    if reading is None:
        return Document(source, ids, np.full(len(ids), IGNORED, dtype=np.int8), size, blank)
    if len(reading.begins):
        words = np.searchsorted(reading.begins, begins, side="right") - 1
        roles = reading.roles[words.clip(min=0)]  # white space may stand before the first word
    else:
        roles = np.full(len(ids), IGNORED, dtype=np.int8)

    def token(place: int) -> int:
        return int(np.searchsorted(begins, place))

    def span(places: labels.Span) -> tuple[int, int]:
        return token(places[0]), token(places[1])

    document = Document(source, ids, roles, size, blank)
    for function in reading.functions:
        document.functions.append(
            Function(
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


def _begins(
    characters: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Where the word of every token begins, and which tokens have none.

    A token of bytes carries the white space before its word: it says where the token's bytes are,
    but not what the word is. One of white space alone begins where it stands.
    """
    kinds, kind = np.unique(characters, return_inverse=True)
    space = np.asarray([chr(code).isspace() for code in kinds.tolist()], dtype=bool)
    words = np.append(np.flatnonzero(~space[kind]), len(characters))
    first = words[np.searchsorted(words, offsets[:, 0])]
    blank = first >= offsets[:, 1]
    return np.where(blank, offsets[:, 0], first), blank
