"""What captions have in common: the comparison, the machine, versions, batches, seeds."""

from collections.abc import Callable, Sequence
from typing import Any

from bench.page.numbers import listed
from bench.store.records import Record

#: Seeds below which a paired test cannot reach 5%.
EXPLORATORY = 6


def common(title: str, comparison: str, records: Sequence[Record]) -> str:
    """What it shows, on which machine, with which versions and seeds."""
    seeds = distinct(records, lambda r: r["cell"]["seed"])
    batches = distinct(records, lambda r: r["cell"]["protocol"]["batch_size"])
    steps = [n for n in distinct(records, lambda r: r["cell"]["protocol"].get("steps", 0)) if n]
    trained = f"{listed(steps)} training steps; " if steps else ""
    threads = [n for n in distinct(records, lambda r: r["cell"]["threads"]) if n != "all"]
    used = f"On {listed(threads)} thread{'' if threads == [1] else 's'}. " if threads else ""
    return (
        f"{title}; {comparison}. {'; '.join(distinct(records, machine))}. "
        f"{used}Batch {listed(batches)}; {trained}"
        f"seed{'s' if len(seeds) > 1 else ''} {listed(seeds)}."
    )


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
