"""Rows of a task as a person reads them: what goes in and what is to come out, aligned."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import registry, tasks
from bench.data import corpus
from bench.data.hub import catalogue
from bench.tasks import Rows, Task

_INK = " .:-=+*#%@"
_INDENT = "  "

_Array = npt.NDArray[Any]


def mistake(name: str, data: str, split: str, length: int, count: int, seed: int) -> str | None:
    """What is wrong with a request, None where nothing is; imports no task and opens no data."""
    entries = registry.tasks()
    if name not in entries:
        return registry.unknown("task", name, entries)
    if split not in tasks.SPLITS:
        return registry.unknown("split", split, tasks.SPLITS)
    least, most = entries[name].literals["LENGTHS"]
    if data != tasks.OFFLINE:
        try:
            least, most = catalogue.find(data, name).lengths
        except ValueError as error:
            return str(error)
    if not least <= length <= most:
        return f"task {name!r}: expected a length from {least} to {most} tokens. Got {length}."
    if count < 1:
        return f"expected at least one row. Got {count}."
    if seed < 0:
        return f"expected a seed of 0 or more. Got {seed}."
    return None


def page(
    name: str, data: str, split: str, length: int, count: int, seed: int, width: int
) -> Iterator[str]:
    """What rows these are and how they are scored, and the rows.

    Raises:
        ValueError: no such data, or none with a window that long.
        And what :func:`bench.tasks.open_data` raises.
    """
    task = tasks.load(name, data)
    local = data == tasks.OFFLINE and tasks.needs(name) == "library"
    library = corpus.fingerprint() if local else ""
    opened = tasks.open_data(name, data, library)
    rows = tasks.draw(task, opened, split, length, count, seed)
    yield (
        f"{name}, {split} split, T={length}, seed {seed}; {task.HEAD}, {task.METRIC}, "
        f"floor {tasks.floor(task, length):.4g}"
    )
    for row in range(count):
        yield ""
        yield f"row {row}"
        yield from lines(task, opened, rows, row, width)


def lines(task: Task, data: Any, rows: Rows, row: int, width: int) -> Iterator[str]:
    """One row, in lines of at most ``width`` characters where its widest token allows it.

    Args:
        task, data, rows: what it is a row of; ``row`` is its number among them.
        width: of the terminal.
    """
    one = {name: array[row] for name, array in rows.items()}
    if "query_ids" in one:
        query = one["query_ids"][one["query_mask"].astype(bool)]
        yield from _columns({"query_ids": _symbols(task, data, query)}, width)
    columns, notes = _inputs(task, data, one), []
    labels = one.get("labels")
    if "start_positions" in one:
        columns["answer"] = _span(one, columns["input_ids"])
        answer = one["input_ids"][one["start_positions"] : one["end_positions"] + 1]
        notes.append(f"answer: {' '.join(_symbols(task, data, answer))}")
    elif labels is None:
        pass
    elif labels.ndim == 0:
        notes.append(f"label: {_label(task, labels.item())}")
    elif task.HEAD == "AutoModelForSeq2SeqLM":
        yield from _columns(columns, width)
        columns = {"labels": _symbols(task, data, labels[labels != tasks.IGNORED])}
    elif task.HEAD == "AutoModelForCausalLM":
        if np.array_equal(labels, one["input_ids"]):
            notes.append("labels: the same tokens, each from those before it")
        else:
            columns["labels"] = _where_asked(labels, lambda ids: _symbols(task, data, ids))
            notes.append("a label is to be said from the tokens before it")
    else:
        columns["labels"] = _where_asked(
            labels, lambda found: [_label(task, label) for label in found.tolist()]
        )
    yield from _columns(columns, width)
    for note in notes:
        yield _INDENT + note
    if "pixel_values" in one:
        yield from _picture(one["pixel_values"].mean(axis=0), width)


def _inputs(task: Task, data: Any, one: Rows) -> dict[str, list[str]]:
    """What the model reads, a cell a position; padding is left out."""
    if "features" in one:
        features = one["features"]
        return {
            f"features[{n}]": [f"{value:.2f}".rstrip("0").rstrip(".") for value in features[:, n]]
            for n in range(features.shape[1])
        }
    ids = one["input_ids"]
    if "attention_mask" in one:
        ids = ids[: len(ids) - int(one["attention_mask"][::-1].argmax())]
    return {"input_ids": _symbols(task, data, ids)}


def _symbols(task: Task, data: Any, ids: _Array) -> list[str]:
    """How the task, or the tokenizer, prints ids."""
    own: tuple[str, ...] | None = getattr(task, "SYMBOLS", None)
    if own is not None:
        return [own[index] for index in ids.tolist()]
    found: list[str] = data.symbols(ids.tolist())
    return found


def _label(task: Task, label: Any) -> str:
    """A class by its name; a number as it is."""
    if isinstance(label, float):
        return f"{label:.4g}"
    return task.LABELS[label] if task.LABELS else str(label)


def _where_asked(labels: _Array, names: Any) -> list[str]:
    """A cell a position, empty where nothing is asked."""
    cells = np.full(len(labels), "", dtype=object)
    asked = labels != tasks.IGNORED
    cells[asked] = names(labels[asked])
    return cells.tolist()


def _span(one: Rows, tokens: Sequence[str]) -> list[str]:
    """The answer underlined."""
    start, end = int(one["start_positions"]), int(one["end_positions"])
    return ["^" * len(token) if start <= n <= end else "" for n, token in enumerate(tokens)]


def _columns(columns: dict[str, list[str]], width: int) -> Iterator[str]:
    """Cells under each other by position, wrapped together; further blocks tell their position."""
    names = list(columns)
    title = max(*map(len, names), 6)
    cells = list(zip(*(cells + [""] * (_longest(columns) - len(cells)) for cells in
                       columns.values()), strict=True))  # fmt: skip
    room = max(width - len(_INDENT) - title - 1, 1)
    begin = 0
    while begin < len(cells):
        stop, used = begin, 0
        while stop < len(cells) and (stop == begin or used + _wide(cells[stop]) <= room):
            used += _wide(cells[stop])
            stop += 1
        if len(cells) > stop - begin and len(names) > 1 and begin:
            yield ""  # between blocks, so that lines that belong together stand together
        for n, name in enumerate(names):
            head = name if begin == 0 else f"+{begin}" * (n == 0)
            text = " ".join(cell[n].ljust(_wide(cell) - 1) for cell in cells[begin:stop])
            if n and not text.strip():
                continue  # nothing is asked here
            yield f"{_INDENT}{head:<{title}} {text}".rstrip()
        begin = stop


def _longest(columns: dict[str, list[str]]) -> int:
    return max(map(len, columns.values()))


def _wide(cell: Sequence[str]) -> int:
    """Characters of a column of cells, the gap after it included."""
    return max(map(len, cell)) + 1


def _picture(image: npt.NDArray[np.floating[Any]], width: int) -> Iterator[str]:
    """(side, side) numbers from -1 to 1 in characters, two a pixel where there is room."""
    step = -(-image.shape[1] // max(width - len(_INDENT), 1))  # one in so many where there is not
    image = image[::step, ::step]
    wide = 2 if 2 * image.shape[1] + len(_INDENT) <= width else 1
    shades = np.clip((image + 1) / 2 * len(_INK), 0, len(_INK) - 1).astype(int)
    for line in shades:
        yield (_INDENT + "".join(_INK[shade] * wide for shade in line)).rstrip()
