"""Rows of which one sentence speaks together, and where they stand in words."""

from typing import Any

from bench.page import words

Row = dict[str, Any]
#: What a reach is told of together; within it arms, lengths and stages differ.
TOGETHER = ("comparison", "task", "data", "device", "dtype", "denormals")


def where(row: Row) -> str:
    """The comparison and the task, and what is not usual."""
    parts = [words.of_task(row)]
    parts += [row["device"]] if row["device"] != "cpu" else []
    parts += [row["dtype"]] if row["dtype"] != "float32" else []
    return ", ".join(parts)
