"""Builds the corpus: tokens and labels of every document, less what two splits share."""

import bisect
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.data import marks
from bench.data.corpus import library
from bench.data.corpus.documents import open_tokenizer, tokenized
from bench.data.corpus.leaks import Ids
from bench.data.corpus.library import CorpusError
from bench.data.corpus.stream import Stream

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DESCRIPTION = "description.json"
FUNCTIONS, QUESTIONS = "functions", "questions"
LONGEST_ANSWER = 16  # tokens; of the questions that a parser finds nine in ten have a shorter one


def build(folder: Path, tokenizer_file: Path) -> None:
    """Build the corpus and put its files in place in one step.

    Raises:
        CorpusError: there is no library, the tokenizer has no mark to end a text with, or the cache
            cannot be written.
    """
    _put(folder, *_made(tokenizer_file))  # what they are cut from is let go of before


def _made(tokenizer_file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables of the corpus, and what is said of it."""
    tokenizer = open_tokenizer(tokenizer_file)
    framed = _marks(tokenizer_file.parent, tokenizer)
    sources, undecodable, unread = library.read()
    documents, unparsable, seconds = tokenized(tokenizer, sources)
    unparsable = [*unread, *unparsable]
    stream = Stream(documents, framed.end)
    functions, repeated = _functions(stream, tokenizer)
    questions = _questions(stream)
    questions["ids"] = _encode(tokenizer, questions["ids"])
    tables = {"": stream.table(), FUNCTIONS: functions, QUESTIONS: questions}
    corpus = {
        "cls_id": framed.begin,
        "sep_id": framed.end,
        "pad_id": framed.pad,
        "vocab_size": framed.size,
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
    return tables, {"corpus": corpus, "counted": counted}


def _marks(folder: Path, tokenizer: "Tokenizer") -> marks.Marks:
    try:
        return marks.read(folder, tokenizer)
    except (OSError, ValueError) as error:
        raise CorpusError(f"the corpus cannot be read through {folder.name}: {error}") from None


def _functions(stream: Stream, tokenizer: "Tokenizer") -> tuple[dict[str, list[Any]], int]:
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


def _repeated(bodies: Sequence[Ids], split: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    """Which functions are too short for a shingle and stand in an earlier split as they are."""
    pairs = [(body.tobytes(), int(n)) for body, n in zip(bodies, split, strict=True)]
    first: dict[bytes, int] = {}
    for body, number in pairs:
        first[body] = min(number, first.get(body, number))
    return np.asarray([first[body] < number for body, number in pairs], dtype=bool)


def _questions(stream: Stream) -> dict[str, list[Any]]:
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
            if plain[begin:stop].any():  # lower case, as to a tokenizer there may be no other
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


def _encode(tokenizer: "Tokenizer", texts: Sequence[str]) -> list[Ids]:
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
