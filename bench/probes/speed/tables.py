"""Speed as data frames: seconds, rates and verdicts, and the powers that costs grow with."""

from typing import Any

import pandas as pd

from bench import registry
from bench.frames import timed
from bench.frames.exponents import of_times
from bench.outcome import MEASURED
from bench.page.evidence import Evidence
from bench.page.verdict import sentence
from bench.probes.speed import directions, turns
from bench.probes.speed.crossover import crossover
from bench.probes.speed.settings import settings
from bench.store.records import Record, of


def speed(evidence: Evidence) -> pd.DataFrame:
    """A training step, a forward pass and a prefill: seconds, rate, and verdict."""

    def share(record: Record, step_s: float) -> dict[str, Any]:
        cell, cost = record["cell"], record["model"].get("cost") or {}
        flops = cost.get(f"{cell['axes']['phase']}_flops")
        amount = None if flops is None else cell["protocol"]["batch_size"] * flops
        most = timed.ceilings(evidence.ceilings, record).get("gemm_flops_per_s") or {}
        return timed.roofline("flops_per_s", amount, most.get(cell["dtype"]), step_s)

    return timed.timed(evidence.records, evidence.verdicts, "speed", sentence, share)


def growth(evidence: Evidence) -> pd.DataFrame:
    """The power of the length that time and memory grow with, each with its interval.

    Of a step's time for every probe whose arms are taken in turn, and what else a probe's
    ``tables.exponents`` makes of the records, where it has one.
    """
    rows: list[dict[str, Any]] = []
    timed_in_turn = turns.in_turn()
    for probe in turns.probes():
        if probe in timed_in_turn:
            rows += of_times(of(evidence.records, probe, *MEASURED), "seconds", "step_s")
        if own := getattr(registry.part(probe, "tables"), "exponents", None):
            rows += own(evidence.records)
    return pd.DataFrame(rows)


TABLES = {
    "speed": speed,
    "directions": directions.table,
    "crossover": crossover,
    "growth": growth,
    "settings": settings,
}
