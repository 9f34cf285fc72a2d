"""What a data set's Parquet files hold, checked against what they should, row by row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from bench.data.hub.catalogue import CATALOGUE
from bench.data.hub.entry import Entry
from bench.data.hub.fetch import DataUnavailable

_BATCH = 256  # rows at a time: photographs are large
_MATCH = 4.0  # of 5: from here on two sentences say the same, but for details (Cer et al., 2017)


@dataclass(frozen=True)
class Example:
    """One row of a data set, as its task reads it.

    Args:
        parts: what it consists of, by the name of the entry's ``fields``.
        keys: its texts that may stand in one split only.
        group: what keeps it together with others where splits are cut.
    """

    parts: Mapping[str, Any]
    keys: tuple[str, ...]
    group: str


def examples(entry: Entry, paths: list[Path]) -> Iterator[Example | None]:
    """The rows of a split's files, None for what is no row of the task.

    Raises:
        DataUnavailable: columns, classes or values are not what they should be.
    """
    import pyarrow
    from pyarrow import parquet

    for path in paths:
        try:
            file = parquet.ParquetFile(path)
            _check(entry, path.name, file.schema_arrow)
            number = 0
            for batch in file.iter_batches(_BATCH, columns=list(entry.columns)):
                columns = batch.to_pydict()
                for values in zip(*columns.values(), strict=True):
                    row = dict(zip(columns, values, strict=True))
                    yield _mapped(entry, path.name, number, row)
                    number += 1
        except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
            raise DataUnavailable(
                f"data {entry.name!r}: {path.name} of {entry.repo} cannot be read as Parquet "
                f"({type(error).__name__}). Give another commit: "
                f"{entry.name.partition('@')[0]}@<40 hex digits>."
            ) from None


def _check(entry: Entry, file: str, schema: Any) -> None:
    """Refuse a file whose columns or classes are not those of the catalogue."""
    from datasets import Features

    try:
        found = Features.from_arrow_schema(schema)
    except (ValueError, KeyError, TypeError):  # written by a `datasets` that this one cannot read
        found = Features.from_arrow_schema(schema.remove_metadata())
    kinds = {column: _kind(feature) for column, feature in found.items()}
    wrong = [c for c, kind in entry.columns.items() if not _fits(kinds.get(c), kind)]
    if wrong:
        expected = ", ".join(f"{c} ({entry.columns[c]})" for c in wrong)
        got = ", ".join(f"{c} ({kind})" for c, kind in kinds.items())
        raise DataUnavailable(
            f"data {entry.name!r}: expected column {expected} in {file} of {entry.repo} at commit "
            f"{entry.revision}. Got {got}. Its columns changed; give a commit that has them: "
            f"{entry.name.partition('@')[0]}@<40 hex digits>."
        )
    for column, classes in entry.classes.items():
        feature = getattr(found[column], "feature", found[column])
        got_classes = getattr(feature, "names", None)  # not every file carries them
        if got_classes is not None and tuple(got_classes) != classes:
            raise DataUnavailable(
                f"data {entry.name!r}: expected classes {', '.join(classes)} in column {column}. "
                f"Got {', '.join(got_classes)}. They changed; give a commit that has them: "
                f"{entry.name.partition('@')[0]}@<40 hex digits>."
            )


def _fits(found: str | None, expected: str) -> bool:
    """Whether a column holds what it should; a translation may hold its languages in any order."""
    if found is None or not expected.startswith("translation"):
        return found == expected
    languages = set(expected.partition(":")[2].split(","))
    return found.startswith("translation:") and languages == set(found[12:].split(","))


def _kind(feature: Any) -> str:
    """What a column holds, in a word; without its metadata it is still what its type says."""
    name = type(feature).__name__
    if name == "Image":
        return "image"
    if name == "Translation":
        return f"translation:{','.join(feature.languages)}"
    if name == "ClassLabel":
        return "integer"
    if isinstance(feature, dict):
        inner = {key: _kind(value) for key, value in feature.items()}
        if inner == {"text": "strings", "answer_start": "integers"}:
            return "answers"
        if inner == {"bytes": "binary", "path": "string"}:
            return "image"
        if set(inner.values()) == {"string"}:
            return f"translation:{','.join(inner)}"
        return "struct"
    if hasattr(feature, "feature"):
        return f"{_kind(feature.feature)}s"
    dtype = str(getattr(feature, "dtype", name)).removeprefix("large_")
    if dtype.startswith(("int", "uint")):
        return "integer"
    return "number" if dtype.startswith("float") else dtype


def _mapped(entry: Entry, file: str, number: int, row: dict[str, Any]) -> Example | None:
    """A row as an example; one with nulls or a short list inside is refused by its place."""
    try:
        return _example(entry, row)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise DataUnavailable(
            f"data {entry.name!r}: expected whole values in row {number} (the first is 0) of "
            f"{file} of {entry.repo} at commit {entry.revision}. Got a null, or a list cut short "
            f"({type(error).__name__}: {error}). Give a commit without: "
            f"{entry.name.partition('@')[0]}@<40 hex digits>."
        ) from None


def _example(entry: Entry, row: dict[str, Any]) -> Example | None:
    parts = {}
    for part, path in entry.fields.items():
        column, _, inside = path.partition(".")
        parts[part] = row[column][inside] if inside else row[column]
    if None in parts.values() or (entry.group and row[entry.group] is None):
        return None
    for column, classes in entry.classes.items():
        _in_range(entry, column, row[column], len(classes))
    parts = _READERS.get(entry.name.partition("@")[0], dict)(parts)
    if any(value is None or value in ("", [], b"") for value in parts.values()):
        return None
    keys = tuple(_text(parts[part]) for part in _KEYS[entry.head] if part in parts)
    return Example(parts, keys, row[entry.group] if entry.group else keys[0] if keys else "")


def _in_range(entry: Entry, column: str, value: int | list[int], classes: int) -> None:
    values = value if isinstance(value, list) else [value]
    if not all(0 <= one < classes for one in values):
        raise DataUnavailable(
            f"data {entry.name!r}: expected classes 0 to {classes - 1} in column {column}. Got "
            f"{value}. A split without labels? Give a commit that has them: "
            f"{entry.name.partition('@')[0]}@<40 hex digits>."
        )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return blake2b(value["bytes"]).hexdigest() if isinstance(value, dict) else str(value)


#: Head -> the parts by which a row is known again in another split. A stream of text has no rows.
_KEYS: dict[str, tuple[str, ...]] = {
    "AutoModelForSequenceClassification": ("text",),
    "AutoModelForTokenClassification": ("words",),
    "AutoModelForQuestionAnswering": ("context",),
    "AutoModelForSeq2SeqLM": ("source",),
    "AutoModelForCausalLM": (),
    "AutoModel": ("query", "text"),
    "AutoProcessor": ("image",),
}


def _first_answer(parts: dict[str, Any]) -> dict[str, Any]:
    """The span of the first answer, in characters."""
    texts, starts = parts["answers"]["text"], parts["answers"]["answer_start"]
    found = bool(texts) and parts["context"][starts[0] : starts[0] + len(texts[0])] == texts[0]
    span = (starts[0], starts[0] + len(texts[0])) if found and texts[0] else None
    return parts | {"answers": span}


def _matching_pair(parts: dict[str, Any]) -> dict[str, Any]:
    matches = parts["score"] >= _MATCH
    return {"query": parts["query"] if matches else None, "text": parts["text"]}


def _photo(parts: dict[str, Any]) -> dict[str, Any]:
    """The class of an image as CLIP's captions say it (Radford et al., 2021)."""
    return parts | {"caption": f"a photo of a {CATALOGUE['cifar10'].labels[parts['caption']]}"}


def _documented(parts: dict[str, Any]) -> dict[str, Any]:
    """A function without its documentation, and the documentation's first paragraph."""
    document, code = parts["query"].strip(), parts["text"]
    found = bool(document) and document in code
    first = " ".join(document.partition("\n\n")[0].split())
    return {"query": first, "text": code.replace(document, "") if found else None}


def _no_headline(parts: dict[str, Any]) -> dict[str, Any]:
    """A sentence; the marks between documents are none."""
    words, labels = len(parts["words"]), len(parts["labels"])
    if words != labels:
        raise ValueError(f"{words} words and {labels} labels")
    return parts | {"words": None if parts["words"] == ["-DOCSTART-"] else parts["words"]}


_READERS = {
    "conll2003": _no_headline,
    "squad": _first_answer,
    "stsb": _matching_pair,
    "code_search_net": _documented,
    "cifar10": _photo,
}
