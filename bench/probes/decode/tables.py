"""Decoding as data frames: seconds of a step, the first token, and steps by position."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.frames import timed
from bench.frames.columns import interval, where
from bench.frames.exponents import of_times
from bench.outcome import MEASURED
from bench.page.evidence import Evidence
from bench.page.verdict import sentence
from bench.statistics.intervals import median
from bench.store.records import Record, of

_METRICS = ("late_over_early", "state_bytes", "state_end_bytes", "gate_error")


def decode(evidence: Evidence) -> pd.DataFrame:
    """A decoded step: seconds, rate and verdict, the time to the first token, what is kept."""

    def own(record: Record, step_s: float) -> dict[str, Any]:
        metrics, samples = record["metrics"], record["samples"]
        found: dict[str, Any] = {}
        if "first_token_seconds" in samples:
            first = median(samples["first_token_seconds"], 2, samples.get("launch"))
            found |= interval("first_token_s", first)
        found |= {name: metrics[name] for name in _METRICS if name in metrics}
        most = timed.ceilings(evidence.ceilings, record).get("copy_bytes_per_s")
        return found | timed.roofline("bytes_per_s", _bytes_read(record), most, step_s)

    return timed.timed(evidence.records, evidence.verdicts, "decode", sentence, own)


def _bytes_read(record: Record) -> float | None:
    """Bytes of a decoded step: the weights that a decoder multiplies with, and what rows keep.

    What is kept grows from the first step to the last, evenly.
    """
    weights = (record["model"].get("cost") or {}).get("step_weight_bytes")
    metrics, rows = record["metrics"], record["cell"]["protocol"]["batch_size"]
    first, last = metrics.get("state_bytes"), metrics.get("state_end_bytes")
    if weights is None or first is None or last is None:
        return None
    return float(weights + rows * (first + last) / 2)


def decode_positions(evidence: Evidence) -> pd.DataFrame:
    """Seconds of a decoded step by how many tokens were read before it.

    A median over the turns of a launch, then over launches.
    """
    rows = []
    for record in of(evidence.records, "decode", *MEASURED):
        steps = record["cell"]["protocol"]["new_tokens"] - 1  # the first token ends the prefill
        seconds = record["samples"].get("position_seconds", [])
        if not seconds or len(seconds) % steps:
            continue
        place = where(record)
        for number, step_s in enumerate(np.median(np.reshape(seconds, (-1, steps)), axis=0)):
            position = place["length"] + 1 + number
            rows.append(
                place | {"status": record["status"], "position": position, "step_s": step_s}
            )
    return pd.DataFrame(rows)


def exponents(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Rows of the table ``growth``, beside a step's: the power that the first token grows with."""
    return of_times(of(records, "decode", *MEASURED), "first_token_seconds", "first_token_s")


TABLES = {"decode": decode, "decode_positions": decode_positions}
