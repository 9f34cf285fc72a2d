"""Rows of which one sentence speaks together, and where they stand in words."""

from collections.abc import Sequence
from typing import Any

from bench.page import words
from bench.page.numbers import counted

Row = dict[str, Any]
#: What a reach is told of together; within it arms, lengths and stages differ.
TOGETHER = ("comparison", "task", "data", "device", "dtype", "denormals", "threads")


def where(row: Row, without: Sequence[str] = ("clip_norm",)) -> str:
    """The comparison and the task, and what is not usual.

    Args:
        row: of a table of gradients.
        without: coordinates that the sentence names itself.
    """
    return ", ".join([words.of_task(row), *place(row, without)])


def place(row: Row, without: Sequence[str] = ("clip_norm",)) -> list[str]:
    """What is not usual of where a gradient was measured; on a CPU it needs no word."""
    device = [] if row["device"] == "cpu" else [str(row["device"])]
    return device + words.unusual(row, without)


def arms(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each arm, by its name, with its kernel where there are several."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(words.named(row, rows), []).append(row)
    return found


def seeds(count: int) -> str:
    """``1 seed``, ``6 seeds``."""
    return counted(count, "seed")
