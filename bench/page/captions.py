"""What captions have in common: what a picture is of, in a few words, and where it was measured."""

from collections.abc import Callable, Sequence
from typing import Any

from bench import registry
from bench.page.numbers import listed
from bench.store.records import Record, coordinate, tokenizer

#: Seeds below which a paired test cannot reach 5%.
EXPLORATORY = 6
MOST_WORDS = 40
_NAMED = 2  # comparisons or tasks that are named; of more their number says enough


def whole(text: str, records: Sequence[Record]) -> str:
    """A caption and its scope; both together have at most `MOST_WORDS` words.

    Args:
        text: what the picture shows, and what it does not.
        records: that it was made from.
    """
    return f"{text.strip()} Measured: {scope(records)}."


def scope(records: Sequence[Record]) -> str:
    """``scratch, package, 10 seeds, CPU, one thread``: what the page does not say once for all."""
    cells = [record["cell"] for record in records]
    seeds = len({cell["seed"] for cell in cells})
    parts = [
        *_few("comparisons", (str(cell["comparison"]) for cell in cells)),
        *_few("tasks", (_task(cell) for cell in cells)),
        f"{seeds} seed{'' if seeds == 1 else 's'}",
        *_few("devices", (_device(record) for record in records)),
        *_few("settings of threads", (_threads(cell["threads"]) for cell in cells)),
    ]
    parts += [dtype for dtype in distinct(records, _dtype) if dtype != "float32"]
    parts += [f"{name} tokenizer" for name in distinct(records, _tokenizer) if name]
    parts += [step for step in distinct(records, _step) if step]
    if {cell["denormals"] for cell in cells} == {"flush"}:
        parts.append("subnormals flushed")
    return listed(parts)


def _few(many: str, names: Any) -> list[str]:
    """Each once, or how many there are."""
    found = list(dict.fromkeys(names))
    return found if len(found) <= _NAMED else [f"{len(found)} {many}"]


def _task(cell: dict[str, Any]) -> str:
    return registry.named(cell["task"], coordinate(cell, "data"))


def _device(record: Record) -> str:
    device: str = record["cell"]["device"]
    return "CPU" if device == "cpu" else str(record["metrics"].get("accelerator") or device)


def _threads(threads: Any) -> str:
    if threads == 1:
        return "one thread"
    return f"{threads} threads"


def _tokenizer(record: Record) -> str:
    return tokenizer(record).get("tokenizer", "")


def _step(record: Record) -> str:
    """Of steps of so many tokens at every length, how many: rows shrink as windows grow."""
    tokens = record["cell"]["protocol"].get("tokens_per_step")
    return f"{tokens:,}-token steps" if tokens else ""


def _dtype(record: Record) -> str:
    return str(record["cell"]["dtype"])


def machine(record: Record) -> str:
    """Processor or accelerator, threads and versions."""
    where = record["environment"]
    versions = where["versions"]
    device = record["cell"]["device"]
    name = f"CPU {where['cpu']}"
    if device != "cpu":
        name = (
            f"{device} {record['metrics'].get('accelerator') or 'device'} in a machine with {name}"
        )
    return (
        f"{name}, {where['threads']} threads; "
        f"Python {versions['python']}, torch {versions['torch']}, "
        f"transformers {versions['transformers']}"
    )


def distinct(records: Sequence[Record], of: Callable[[Record], Any]) -> list[Any]:
    """What differs between records, in order."""
    return sorted({of(record) for record in records}, key=lambda value: (str(type(value)), value))
