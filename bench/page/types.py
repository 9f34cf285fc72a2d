"""What a half type did to a training, beside what is said of that training."""

from bench.frames.columns import where
from bench.outcome import MEASURED
from bench.page import words
from bench.page.evidence import Evidence
from bench.page.numbers import counted, listed, percent
from bench.store.records import Record, of

_FIRST = "embeddings"


def moved(evidence: Evidence, probe: str) -> list[str]:
    """How much of their embeddings steps in a half type have changed, a sentence for each group.

    Args:
        evidence: all there is.
        probe: whose records.
    """
    found: dict[str, list[Record]] = {}
    for record in of(evidence.records, probe, *MEASURED):
        if changed(record):
            row = where(record)
            place = f"{words.where(row)}, T={row['length']}"
            found.setdefault(place, []).append(record)
    return [_sentence(place, records) for place, records in found.items()]


def changed(record: Record) -> dict[str, float]:
    """Group of parameters -> the share of its entries that the measured steps have changed.

    Empty where weights are float32: all of them change, by what the optimizer meant.
    """
    found = record["metrics"].get("changed_share") or record["samples"].get("changed_share")
    return dict(found or [])


def _sentence(place: str, records: list[Record]) -> str:
    parts = [
        f"{percent(changed(record)[_FIRST], 1)} of {words.an(record['cell']['arm'])}'s in "
        f"{counted(_steps(record), 'step')}"
        for record in records
        if _FIRST in changed(record)
    ]
    return (
        "Without a float32 copy of the weights, a step smaller than the type can tell is lost: of "
        f"embeddings changed {listed(parts)} ({place})."
    )


def _steps(record: Record) -> int:
    steps = record["metrics"].get("measured_steps")
    return len(record["samples"]["loss"]) if steps is None else int(steps)
