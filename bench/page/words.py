"""Where something was measured, in words that sentences share."""

from collections.abc import Sequence
from typing import Any

from bench import phases, registry

Row = dict[str, Any]
#: What the rows of one sentence have in common.
GROUP = [
    "comparison", "task", "data", "device", "dtype", "denormals", "threads", "batch_size", "seed"
]  # fmt: skip


def ends(rows: Sequence[Row]) -> list[tuple[int, list[Row]]]:
    """The shortest and the longest window, with the rows of each."""
    lengths = [row["length"] for row in rows]
    return [
        (length, [row for row in rows if row["length"] == length])
        for length in sorted({min(lengths), max(lengths)})
    ]


def named(row: Row, rows: Sequence[Row]) -> str:
    """An arm, with its kernel where the group has several of it."""
    several = len({other["kernel"] for other in rows if other["arm"] == row["arm"]}) > 1
    return (
        f"{registry.label(row['arm'])}/{row['kernel']}" if several else registry.label(row["arm"])
    )


def phase(row: Row) -> str:
    """What was done: a training step, a forward pass."""
    return phases.noun(str(row["phase"]))


def where(row: Row) -> str:
    """A group in words, what is not the default included."""
    parts = [of_task(row), row["device"], row["dtype"], f"batch {row['batch_size']}"]
    if row["denormals"] != "keep":
        parts.append("subnormals flushed")
    if row["threads"] != "all":
        parts.append(f"threads {row['threads']}")
    return ", ".join(parts)


def of_task(row: Row) -> str:
    """The comparison, and what task over what data."""
    return f"{row['comparison']}, task {task(row)}"


def task(row: Row) -> str:
    """A task, with its data where that is not the offline one."""
    return registry.named(row["task"], row["data"])
