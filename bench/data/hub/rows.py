"""Rows of a tokenized data set, of the shape that the offline task of the same head has.

Within a block of 1,000 rows no row of the split comes twice, unless it has fewer; where one is to
be found among the others, copies of it would be as right, so that validation and test refuse more
rows than they have. A text longer than the window loses its end; a shorter one is padded, and
``attention_mask`` says where.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bench.data.contract import IGNORED, LengthError, Rows
from bench.data.hub import pixels
from bench.data.hub.entry import Entry
from bench.data.hub.table import Part, Ragged, Table

Ids = npt.NDArray[np.int64]
Generator = np.random.Generator


def rows(
    entry: Entry, table: Table, split: str, length: int, count: int, generator: Generator
) -> Rows:
    """``count`` rows of a split, all randomness the generator's.

    Raises:
        LengthError: the data set has no such window, or not so many rows to tell apart.
    """
    least, most = entry.lengths
    if not least <= length <= most:
        raise LengthError(
            f"data {entry.name!r}: expected windows of {least} to {most} tokens. Got {length}; its "
            f"longest is {most}."
        )
    return _ROWS[entry.head](entry, table, table.splits[split], length, count, generator)


def order(generator: Generator, size: int, count: int) -> Ids:
    """(count,) indices below ``size``: every one once, in random order, then again."""
    cycles = -(-count // size)
    return np.concatenate([generator.permutation(size) for _ in range(cycles)])[:count]


def apart(entry: Entry, part: Part, generator: Generator, count: int) -> Ids:
    """(count,) rows of which each is to be found among the others.

    Training rows come again in the same order, as far apart as they can.

    Raises:
        LengthError: a split that is scored has fewer.
    """
    size = len(part)
    if count > size and part.name != "train":
        raise LengthError(
            f"data {entry.name!r}: the {part.name} split has {size} rows, and none is there twice, "
            f"as each is to be found among the others. Got {count} to draw at once, draw at most "
            f"{size}."
        )
    return np.resize(generator.permutation(size), count)


def framed(
    column: Ragged, chosen: Ids, length: int, table: Table, marks: bool = True
) -> tuple[Ids, Ids]:
    """(rows, length) token ids, begun and ended by the tokenizer's marks and padded, and the mask.

    Args:
        marks: whether a row begins with the tokenizer's mark; it ends with one in any case.
    """
    begin, end = _marks(table, marks)
    ids = np.full((len(chosen), length), table.pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    room = length - len(begin) - len(end)
    for row, index in enumerate(chosen):
        _line(ids, mask, row, begin, column[index][:room], end)
    return ids, mask


def _marks(table: Table, begin: bool = True) -> tuple[list[int], list[int]]:
    """What begins and what ends a text."""
    return [table.cls_id] if begin else [], [table.sep_id]


def _line(ids: Ids, mask: Ids, row: int, *pieces: Sequence[int] | npt.NDArray[np.integer]) -> None:
    """Write pieces of token ids into a row, one after the other."""
    place = 0
    for piece in pieces:
        ids[row, place : place + len(piece)] = piece
        place += len(piece)
    mask[row, :place] = 1


def _classes(
    entry: Entry, table: Table, part: Part, length: int, count: int, generator: Generator
) -> Rows:
    chosen = order(generator, len(part), count)
    ids, mask = framed(part["text"], chosen, length, table)
    labels = part["label"][chosen].astype(np.int64)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _tokens(
    entry: Entry, table: Table, part: Part, length: int, count: int, generator: Generator
) -> Rows:
    """A label is at its word's first sub-word; other sub-words, marks and padding have none."""
    chosen = order(generator, len(part), count)
    ids, mask = framed(part["text"], chosen, length, table)
    begin, end = _marks(table)
    labels = np.full_like(ids, IGNORED)
    for row, index in enumerate(chosen):
        found = part["labels"][index][: length - len(begin) - len(end)]
        labels[row, len(begin) : len(begin) + len(found)] = found
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _spans(
    entry: Entry, table: Table, part: Part, length: int, count: int, generator: Generator
) -> Rows:
    """Mark, question, mark, a window of the context that holds the answer, mark."""
    begin, end = _marks(table)
    room = length - len(begin) - 2 * len(end) - part["question"].sizes
    fitting = np.flatnonzero(room > part["end"] - part["start"])
    if not len(fitting):
        most = int((part["question"].sizes + part["end"] - part["start"]).min()) + 4
        raise LengthError(
            f"data {entry.name!r}: no question and answer of the split fit into {length} tokens; "
            f"the shortest take {most}, its longest is {entry.lengths[1]}."
        )
    mix, place = generator.spawn(2)
    chosen = fitting[order(mix, len(fitting), count)]
    fractions = place.random(count)
    ids = np.full((count, length), table.pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    spans = np.empty((2, count), dtype=np.int64)
    for row, (index, fraction) in enumerate(zip(chosen, fractions, strict=True)):
        question, context = part["question"][index], part["context"][index]
        start, stop, size = part["start"][index], part["end"][index], int(room[index])
        least = max(0, stop + 1 - size)
        most = min(start, max(0, len(context) - size))
        window = least + int(fraction * (most - least + 1)) if len(context) > size else 0
        _line(ids, mask, row, begin, question, end, context[window : window + size], end)
        shift = len(begin) + len(question) + len(end) - window
        spans[:, row] = start + shift, stop + shift
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "start_positions": spans[0],
        "end_positions": spans[1],
    }


def _texts(
    entry: Entry, table: Table, part: Part, length: int, count: int, generator: Generator
) -> Rows:
    """A source that ends with the tokenizer's mark, and a target that does where it has room."""
    assert entry.target_length is not None
    chosen = order(generator, len(part), count)
    ids, mask = framed(part["source"], chosen, length, table, marks=False)
    labels = np.full((count, entry.target_length), IGNORED, dtype=np.int64)
    _, end = _marks(table)
    for row, index in zip(labels, chosen, strict=True):
        target = [*part["target"][index], *end][: entry.target_length]
        row[: len(target)] = target
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _stream(
    entry: Entry, table: Table, part: Part, length: int, count: int, generator: Generator
) -> Rows:
    """Windows of the split's text, each equally likely."""
    tokens = part["text"].flat
    windows = len(tokens) - length + 1
    if windows < 1:
        raise LengthError(
            f"data {entry.name!r}: the split has no window of {length} tokens; its longest is "
            f"{len(tokens)}."
        )
    starts = (generator.random(count) * windows).astype(np.int64)
    ids = tokens[starts[:, None] + np.arange(length)].astype(np.int64)
    return {"input_ids": ids, "labels": ids.copy()}


def _pairs(
    entry: Entry, table: Table, part: Part, length: int, count: int, generator: Generator
) -> Rows:
    assert entry.query_length is not None
    chosen = apart(entry, part, generator, count)
    query, query_mask = framed(part["query"], chosen, entry.query_length, table)
    ids, mask = framed(part["text"], chosen, length, table)
    return {
        "query_ids": query,
        "query_mask": query_mask,
        "input_ids": ids,
        "attention_mask": mask,
    }


def _images(
    entry: Entry, table: Table, part: Part, length: int, count: int, generator: Generator
) -> Rows:
    assert entry.query_length is not None
    side = pixels.side(entry.name, length)
    mix, which = generator.spawn(2)
    chosen = apart(entry, part, mix, count) if entry.found else order(mix, len(part), count)
    names = [name for name in part.columns if name != "image"]
    picks = (which.random(count) * len(names)).astype(np.int64)
    ids = np.empty((count, entry.query_length), dtype=np.int64)
    mask = np.empty_like(ids)
    for pick, name in enumerate(names):
        mine = np.flatnonzero(picks == pick)
        ids[mine], mask[mine] = framed(part[name], chosen[mine], entry.query_length, table)
    path = table.folder / f"{part.name}-{side}.npy"
    images = pixels.squares(entry.name, path, part["image"], side)
    return {
        "pixel_values": pixels.scaled(images[chosen]),
        "input_ids": ids,
        "attention_mask": mask,
    }


_ROWS: dict[str, Callable[..., Rows]] = {
    "AutoModelForSequenceClassification": _classes,
    "AutoModelForTokenClassification": _tokens,
    "AutoModelForQuestionAnswering": _spans,
    "AutoModelForSeq2SeqLM": _texts,
    "AutoModelForCausalLM": _stream,
    "AutoModel": _pairs,
    "AutoProcessor": _images,
}
