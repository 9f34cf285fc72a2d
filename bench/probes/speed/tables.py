"""Speed as data frames: seconds, rates and verdicts, and the powers that costs grow with."""

from typing import Any

import pandas as pd

from bench import registry
from bench.frames import timed
from bench.frames.columns import where
from bench.frames.exponents import of_times
from bench.frames.parts import columns
from bench.outcome import MEASURED
from bench.page.evidence import Evidence
from bench.page.verdict import sentence
from bench.probes.speed import directions, turns
from bench.probes.speed.crossover import crossover
from bench.probes.speed.settings import settings
from bench.store.records import Record, of

_ITSELF = {"reference": ""}  # of a row that nothing is beside


def speed(evidence: Evidence) -> pd.DataFrame:
    """A training step, a forward pass and a prefill: seconds, rate, and verdict."""

    def share(record: Record, step_s: float) -> dict[str, Any]:
        cell, cost = record["cell"], record["model"].get("cost") or {}
        flops = cost.get(f"{cell['axes']['phase']}_flops")
        amount = None if flops is None else cell["protocol"]["batch_size"] * flops
        most = timed.ceilings(evidence.ceilings, record).get("gemm_flops_per_s") or {}
        return timed.roofline("flops_per_s", amount, most.get(cell["dtype"]), step_s)

    return timed.timed(evidence.records, evidence.verdicts, "speed", sentence, share)


def parts(evidence: Evidence) -> pd.DataFrame:
    """Where the time of a step goes, of the cells whose parts were timed in blocks of their own.

    The body is what the layers take, see ``bench.measure.parts``; ``other_passes_share`` what
    tables of words and positions, norms and the head take of both passes, ``other_update_share`` of
    norm, clip and optimizer. Beside it the body's paired ratio and what is decided of it.
    """
    known = evidence["directions"]
    between = known[known["contrast"] == directions.ARMS] if not known.empty else known
    names = [name for name in between.columns if name.startswith("body_")]
    beside = {
        row["record"]: {name: row[name] for name in ("reference", *names)}
        for row in between.to_dict("records")
    }
    rows = [
        where(record) | {"status": record["status"]} | found | beside.get(record["key"], _ITSELF)
        for record in of(evidence.records, "speed", *MEASURED)
        if (found := columns(record))
    ]
    return pd.DataFrame(rows)


def growth(evidence: Evidence) -> pd.DataFrame:
    """The power of the length that time and memory grow with, each with its interval.

    Of a step's time, and of its body's where that was timed, for every probe whose arms are taken
    in turn, and what else a probe's ``tables.exponents`` makes of the records, where it has one.
    """
    rows: list[dict[str, Any]] = []
    timed_in_turn = turns.in_turn()
    for probe in turns.probes():
        if probe in timed_in_turn:
            for sample, quantity in (("seconds", "step_s"), ("body_seconds", "body_s")):
                rows += of_times(of(evidence.records, probe, *MEASURED), sample, quantity)
        if own := getattr(registry.part(probe, "tables"), "exponents", None):
            rows += own(evidence.records)
    return pd.DataFrame(rows)


TABLES = {
    "speed": speed,
    "directions": directions.table,
    "parts": parts,
    "crossover": crossover,
    "growth": growth,
    "settings": settings,
}
