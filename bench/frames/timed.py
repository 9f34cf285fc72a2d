"""What tables of arms timed in turn have in common: seconds, rate, spread, verdict, ceiling."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import truediv
from typing import Any

import pandas as pd

from bench.frames.columns import ENDS, interval, where, with_columns
from bench.outcome import MEASURED, UNDECIDED
from bench.statistics import verdicts
from bench.statistics.intervals import median
from bench.statistics.spread import describe
from bench.store.records import Record, kernel, of

#: What a probe knows of a record beside its step's time, given that in seconds.
Own = Callable[[Record, float], dict[str, Any]]
Say = Callable[[verdicts.Verdict], str]
_OPTIONAL = [
    "reference", "verdict", "sentence", "roofline_share",
    *(name + end for name in ("speed_ratio", "quiet_ratio", "aa_ratio") for end in ENDS),
]  # fmt: skip


def _nothing(record: Record, step_s: float) -> dict[str, Any]:
    """What is added where a probe knows nothing beside the time."""
    return {}


def timed(
    records: Sequence[Record],
    judged: Sequence[verdicts.Verdict],
    probe: str,
    say: Say,
    own: Own = _nothing,
) -> pd.DataFrame:
    """A row for every record of a probe whose arms were taken in turn.

    Args:
        records: of a store.
        judged: every timed arm beside the reference of its rounds.
        probe: whose records.
        say: a verdict in words.
        own: what this probe adds to a row, in front of the verdict; nothing by default.
    """
    found = {verdict.record["key"]: verdict for verdict in judged}
    # The reference's own row has the control too.
    noise = {verdict.reference["key"]: verdict for verdict in found.values()}
    rows = []
    for record in of(records, probe, *MEASURED):
        metrics, samples = record["metrics"], record["samples"]
        launches = samples.get("launch")
        step = median(samples["seconds"], 2, launches)
        rate = step.map(partial(truediv, metrics["tokens_per_step"]))
        flags = verdicts.flagged(record) if launches else []
        row = where(record) | {
            "status": record["status"],
            "launches": len(set(launches or [0])),
            "rounds": len(samples["seconds"]) // 2,
            "flagged_rounds": sum(flags),
            **interval("step_s", step),
            **_spread(samples["seconds"]),
            **interval("tokens_per_s", rate),
            "first_step_s": metrics.get("first_step_s"),
            "compile_s": metrics.get("compile_s"),
            **own(record, step.value),
        }
        if (verdict := found.get(record["key"])) is not None:
            row |= compared(verdict, say)
        elif (verdict := noise.get(record["key"])) is not None and verdict.canary is not None:
            row |= interval("aa_ratio", verdict.canary)
        rows.append(row)
    return with_columns(pd.DataFrame(rows), _OPTIONAL)


def _spread(seconds: list[float]) -> dict[str, Any]:
    """Spread of the samples, and how far they depend on one another."""
    found = describe(seconds, 2)
    return {
        "step_p5_s": found["p5"],
        "step_p95_s": found["p95"],
        "step_iqr_s": found["iqr"],
        "samples": found["n"],
        "effective_samples": found["effective_n"],
        "lag1_autocorrelation": found["lag1"],
    }


def compared(verdict: verdicts.Verdict, say: Say) -> dict[str, Any]:
    """The ratio to the reference, with and without flagged rounds, beside the A/A control."""
    row = {
        "reference": verdict.reference["cell"]["arm"],
        "reference_kernel": kernel(verdict.reference),
        **interval("speed_ratio", verdict.ratio),
        **interval("quiet_ratio", verdict.quiet_ratio),
        "verdict": UNDECIDED if verdict.why else verdict.difference or "no difference",
        "sentence": say(verdict),
    }
    if verdict.canary is not None:
        row |= interval("aa_ratio", verdict.canary)
    return row


def ceilings(known: Mapping[str, dict[str, Any]], record: Record) -> dict[str, Any]:
    """What the device of a cell can do at most with its number of threads; nothing if unknown."""
    cell = record["cell"]
    return (known.get(cell["device"]) or {}).get(str(cell["threads"])) or {}


def roofline(
    unit: str, amount: float | None, most: float | None, step_s: float
) -> dict[str, float]:
    """What was achieved of what the machine can do.

    A share above 1 is left as it is: it says that the ceiling is too low.

    Args:
        unit: of what a step does, by the second: ``flops_per_s``.
        amount: of a step, None where its cost is not known.
        most: the ceiling, None where it was not measured.
        step_s: seconds of a step.
    """
    if amount is None:
        return {}
    got = amount / step_s
    shown = {f"achieved_{unit}": got}
    return shown | {f"ceiling_{unit}": most, "roofline_share": got / most} if most else shown
