"""Real records, told otherwise."""

import copy
from typing import Any

from bench.store.records import Record


def elsewhere(record: Record, **coordinates: Any) -> Record:
    """A copy of a record that says it was measured elsewhere."""
    moved = copy.deepcopy(record)
    moved["cell"] |= coordinates
    mark = "-".join(map(str, coordinates.values()))
    for name in ("key", "alike", "together"):
        moved[name] = f"{moved[name]}-{mark}"
    return moved
