"""Where two arms are equally fast, as a data frame."""

import json
import math
from typing import Any

import pandas as pd

from bench import registry
from bench.frames.columns import ENDS, interval, span, with_columns, without_length
from bench.page.evidence import Evidence
from bench.page.numbers import fixed
from bench.statistics import crossover as crossings
from bench.statistics.decisions import band
from bench.statistics.intervals import log_ratios
from bench.statistics.verdicts import Verdict

_LEAST_LENGTHS = 2


def crossover(evidence: Evidence) -> pd.DataFrame:
    """The length at which an arm is as fast as its reference; of stable measurements only.

    ``outcome`` says where it is, that there is none in range, or that it is undecided: a side
    counts only where the verdict at some length is beyond the A/A band.
    """
    series: dict[str, list[Verdict]] = {}
    for verdict in evidence.verdicts:
        where = without_length(verdict.record)
        series.setdefault(json.dumps([where, verdict.reference["cell"]["arm"]]), []).append(verdict)
    rows = []
    for text, group in series.items():
        where, reference = json.loads(text)
        stable = {v.record["cell"]["length"]: v for v in group if not v.unstable}
        rows.append(
            where
            | {
                "reference": reference,
                **span(stable),
                "unstable_lengths": len(group) - len(stable),
            }
            | _crossing(where["arm"], reference, dict(sorted(stable.items())))
        )
    return with_columns(pd.DataFrame(rows), ["at_length" + end for end in ENDS])


def _crossing(arm: str, reference: str, stable: dict[int, Verdict]) -> dict[str, Any]:
    """Where two arms are level, in numbers and in words."""
    arm, reference = registry.label(arm), registry.label(reference)
    if len(stable) < _LEAST_LENGTHS:
        return {"outcome": "undecided, as fewer than two lengths have a stable ratio"}
    over = f"{min(stable)}–{max(stable)}"
    logs = {
        n: log_ratios(v.reference["samples"]["seconds"], v.record["samples"]["seconds"], 2)
        for n, v in stable.items()
    }
    launches = {n: v.record["samples"]["launch"] for n, v in stable.items()}
    # Without a canary everything is noise.
    bands = {n: math.inf if v.canary is None else band(v.canary) for n, v in stable.items()}
    found = crossings.crossover(logs, launches, bands)
    sides = [v.difference for v in stable.values()]
    if found.length is not None:
        before = arm if next(filter(None, sides)) == "faster" else reference
        words = f"at T={fixed(found.length.value)}; {registry.label(before)} leads below"
        if found.crossings > 1:
            words += f" (the first of {found.crossings})"
        return interval("at_length", found.length) | {"outcome": words, "leads_below": before}
    if found.state in ("above", "below"):
        ahead = arm if found.state == "above" else reference
        return {"outcome": f"none in {over}: {registry.label(ahead)} leads"}
    return {"outcome": f"undecided in {over}"}
