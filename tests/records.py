"""Real records, told otherwise, and the tables made of them."""

import copy
import csv
from pathlib import Path
from typing import Any

from bench import registry
from bench.store.records import Record


def elsewhere(record: Record, **coordinates: Any) -> Record:
    """A copy of a record that says it was measured elsewhere."""
    moved = copy.deepcopy(record)
    moved["cell"] |= coordinates
    mark = "-".join(map(str, coordinates.values()))
    for name in ("key", "alike", "together"):
        moved[name] = f"{moved[name]}-{mark}"
    return moved


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table as it lies in a report; one without rows has no file."""
    if not path.exists():
        return []
    with path.open() as file:
        return list(csv.DictReader(file))


def probes(records: list[Record]) -> list[str]:
    """The probes that measured these records, of those registered."""
    measured = {record["cell"]["probe"] for record in records}
    return [name for name in registry.probes() if name in measured]
