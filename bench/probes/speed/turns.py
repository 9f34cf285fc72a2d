"""The probes that speed's tables and figures speak of: all whose arms are taken in turn."""

from bench import registry
from bench.outcome import MEASURED
from bench.page.evidence import Evidence
from bench.store.records import Record, of


def probes() -> list[str]:
    """Every registered probe, whole windows first."""
    return sorted(registry.probes(), key=lambda name: name != "speed")


def in_turn() -> list[str]:
    """Those of them that are timed in rounds."""
    return [name for name in probes() if registry.probes()[name].literals["INTERLEAVED"]]


def measured(evidence: Evidence) -> list[Record]:
    """The records of these that have seconds."""
    return [r for name in in_turn() for r in of(evidence.records, name, *MEASURED)]
