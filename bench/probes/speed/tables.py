"""Speed as data frames: seconds, rates and verdicts, and the powers that costs grow with."""

from typing import Any

import pandas as pd

from bench.frames import exponents, timed
from bench.page.evidence import Evidence
from bench.probes.decode.tables import exponents as of_decoding
from bench.probes.memory.tables import exponents as of_memory
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

    return timed.timed(evidence.records, evidence.verdicts, "speed", share)


def growth(evidence: Evidence) -> pd.DataFrame:
    """The power of the length that time and memory grow with; of stable measurements only."""
    records = evidence.records
    return pd.DataFrame(
        [
            *exponents.of_times(of(records, "speed"), "seconds", "step_s"),
            *of_decoding(records),
            *of_memory(records),
        ]
    )


TABLES = {"speed": speed, "crossover": crossover, "growth": growth, "settings": settings}
