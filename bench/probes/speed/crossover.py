"""Where two arms are equally fast, as a data frame."""

import json
from typing import Any

import pandas as pd

from bench import registry
from bench.frames.columns import ENDS, interval, span, with_columns, without_length
from bench.page.evidence import Evidence
from bench.page.numbers import listed
from bench.statistics import crossover as crossings
from bench.statistics.intervals import log_ratios
from bench.statistics.verdicts import Verdict

_LEAST_LENGTHS = 2
_SIDES = {"faster": 1, None: 0, "slower": -1}


def crossover(evidence: Evidence) -> pd.DataFrame:
    """The length at which an arm is as fast as its reference.

    ``outcome`` says between which lengths it is, that there is none in range, or that it is
    undecided: a side counts only where it is told which of the two is faster. ``at_length`` is
    where straight lines have it. ``untold_lengths`` are those at which no side can be told, as
    there are too few rounds or launches, or the A/A controls differ.
    """
    series: dict[str, list[tuple[Verdict, Verdict]]] = {}
    for alone, standing in zip(evidence.compared, evidence.verdicts, strict=True):
        name = json.dumps([without_length(alone.record), alone.reference["cell"]["arm"]])
        series.setdefault(name, []).append((alone, standing))
    rows = []
    for text, group in series.items():
        where, reference = json.loads(text)
        told = {v.record["cell"]["length"]: (v, sure) for v, sure in group if not v.why}
        rows.append(
            where
            | {
                "reference": reference,
                **span(told),
                "untold_lengths": len(group) - len(told),
            }
            | _crossing(where["arm"], reference, dict(sorted(told.items())))
        )
    return with_columns(pd.DataFrame(rows), ["at_length" + end for end in ENDS])


def _crossing(arm: str, reference: str, told: dict[int, tuple[Verdict, Verdict]]) -> dict[str, Any]:
    """Where two arms are level, in numbers and in words.

    Args:
        arm, reference: the two.
        told: for each length the ratio, and what stands of it.
    """
    arm, reference = registry.label(arm), registry.label(reference)
    if len(told) < _LEAST_LENGTHS:
        return {"outcome": "undecided, as fewer than two lengths have a ratio with an interval"}
    over = f"{min(told)}–{max(told)}"
    logs = {
        n: log_ratios(v.reference["samples"]["seconds"], v.record["samples"]["seconds"], 2)
        for n, (v, _) in told.items()
    }
    launches = {n: v.record["samples"]["launch"] for n, (v, _) in told.items()}
    sides = {n: _SIDES[sure.difference] for n, (_, sure) in told.items()}
    found = crossings.crossover(logs, launches, sides)
    if found.length is not None:
        before = arm if next(filter(None, sides.values())) > 0 else reference
        places = listed(f"between T={low} and T={high}" for low, high in found.between)
        words = f"{places}; {registry.label(before)} leads below"
        return interval("at_length", found.length) | {"outcome": words, "leads_below": before}
    if found.state in ("above", "below"):
        ahead = arm if found.state == "above" else reference
        return {"outcome": f"none in {over}: {registry.label(ahead)} leads"}
    return {"outcome": f"undecided in {over}"}
