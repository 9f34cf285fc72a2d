"""Where something was measured, in words that sentences share.

Rows of one sentence have a group's coordinates in common. A sentence names its group by what is not
usual of them: of two groups at least one is unusual in what they differ in, so no sentence is told
twice.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import phases, registry
from bench.outcome import LOST, OOM, TIMEOUT
from bench.page.numbers import counted

Row = dict[str, Any]
_SPELT = "AEFHILMNORSX"  # letters whose names begin with a vowel, as in "an LSTM"
#: What the rows of one sentence have in common.
GROUP = [
    "comparison", "task", "data", "device", "dtype", "denormals", "threads", "batch_size", "seed"
]  # fmt: skip
FLUSHED = "subnormals flushed"
#: What a cell can be lost to: a status, in words.
_LOST_TO = {status: status for status in LOST} | {OOM: "out of memory", TIMEOUT: "timed out"}
_CLIPPED = 1.0  # above which norm most gradients are
#: Coordinate to how its value is said, empty where it is the usual one.
_UNUSUAL: dict[str, Callable[[Any], str]] = {
    "dtype": lambda value: "" if value == "float32" else str(value),
    "denormals": lambda value: "" if value == "keep" else FLUSHED,
    "threads": lambda value: "" if value == "all" else counted(value, "thread"),
    "clip_norm": lambda value: "" if value == _CLIPPED else clipped(value),
    "seed": lambda value: "" if value == 0 else f"seed {value}",
    "tokenizer": lambda value: f"{value} tokenizer" if isinstance(value, str) else "",
}


def lost_to(lost: Mapping[Any, int]) -> str | None:
    """``killed``, ``1 killed, 2 out of memory``: of how many of each status; None of none."""
    if len(lost) < 2:
        return next(iter(map(_LOST_TO.get, lost)), None)
    return ", ".join(f"{count} {_LOST_TO[status]}" for status, count in lost.items())


def of_task(row: Row) -> str:
    """The comparison, and what task over what data."""
    return f"{row['comparison']}, task {task(row)}"


def task(row: Row) -> str:
    """A task, with its data where that is not the offline one."""
    return registry.named(row["task"], row["data"])


def ends(rows: Sequence[Row]) -> list[tuple[int, list[Row]]]:
    """The shortest and the longest window, with the rows of each."""
    lengths = [row["length"] for row in rows]
    return [
        (length, [row for row in rows if row["length"] == length])
        for length in sorted({min(lengths), max(lengths)})
    ]


def named(row: Row, rows: Sequence[Row]) -> str:
    """An arm, with its kernel where the group has several of it, its reference among them."""
    several = len({other["kernel"] for other in rows if other["arm"] == row["arm"]}) > 1
    if several or row.get("reference") == row["arm"]:
        return f"{registry.label(row['arm'])}/{row['kernel']}"
    return registry.label(row["arm"])


def phase(row: Row) -> str:
    """What was done: a training step, a forward pass."""
    return phases.noun(str(row["phase"]))


def step(row: Row) -> str:
    """What a row's times are of: a training step, a decoded token."""
    return phases.step(str(row["phase"]))


def where(row: Row) -> str:
    """A group in words: comparison, task, device, batch, and what is not usual."""
    return ", ".join([of_task(row), row["device"], f"batch {row['batch_size']}", *unusual(row)])


def unusual(row: Row, without: Sequence[str] = ()) -> list[str]:
    """Of the coordinates of a cell or a row those that are not the usual ones, in words.

    Args:
        row: what it does not have is not named.
        without: coordinates that the sentence names itself.
    """
    known = {name: say for name, say in _UNUSUAL.items() if name in row and name not in without}
    return [text for name, say in known.items() if (text := say(row[name]))]


def tokenizer(row: Mapping[str, Any]) -> list[str]:
    """Whose token ids, where that is told: records of before were all of the checkpoint's."""
    text = _UNUSUAL["tokenizer"](row.get("tokenizer"))
    return [text] if text else []


def an(arm: str) -> str:
    """An arm with its article, ``an LSTM``, ``a GRU``, as its name is said."""
    name = registry.label(arm)
    vowels = _SPELT if name[:2].isupper() else "AEIOUaeiou"
    return f"an {name}" if name[0] in vowels else f"a {name}"


def clipped(norm: float) -> str:
    """Above which norm a gradient is scaled down to it."""
    return "not clipped" if math.isinf(norm) else f"clipped above {norm:,.10g}"
