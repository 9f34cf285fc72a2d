"""What a timed step's metrics are, given its samples, beside those of every arm taken in turn."""

from bench.store.records import Record


def metrics(record: Record) -> dict[str, float]:
    """The first step of the first launch; where steps before the rounds begin is not kept."""
    taken = record["samples"].get("warmup_seconds")
    return {"first_step_s": taken[0]} if taken else {}
