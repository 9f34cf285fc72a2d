"""What a setting does to an arm's speed, as a data frame."""

import json
import math
from typing import Any

import pandas as pd

from bench.frames import timed
from bench.frames.columns import ENDS, interval, where, with_columns
from bench.outcome import DONE, UNDECIDED
from bench.page.evidence import Evidence
from bench.page.verdict import sentence
from bench.probes.speed import turns
from bench.statistics import verdicts
from bench.statistics.intervals import Estimate, median
from bench.store.records import Record

#: What the other values of a coordinate are compared with.
_AGAINST = {"denormals": "keep", "threads": 1, "dtype": "float32"}


def settings(evidence: Evidence) -> pd.DataFrame:
    """What a setting does to an arm's speed: subnormals flushed, all threads, another dtype.

    ``paired``: the two were timed in the same rounds, so the ratio is that of pairs, with the wider
    of the A/A controls of the two settings and a verdict. Where they were measured in different
    groups the interval is made from those of the two medians (MOVER; Donner and Zou 2012,
    doi:10.1177/0962280210389082), and knows nothing of how the machine drifted in between: there
    is no verdict.
    """
    records = turns.measured(evidence)
    pairs = {v.record["key"]: v for v in evidence.standing(evidence.settings)}
    rows = []
    for name, base in _AGAINST.items():
        groups: dict[str, dict[Any, Record]] = {}
        for record in records:
            asked = record["cell"]["kernel"]  # what ran may depend on the setting
            alike = where(record) | {name: None, "record": None, "kernel": asked}
            group = groups.setdefault(json.dumps(alike), {})
            group[record["cell"][name]] = record
        for group in groups.values():
            for value, record in group.items():
                pair = pairs.get(record["key"]) if name == "denormals" else None
                against = group.get(base) if pair is None else pair.reference
                if value != base and against is not None:
                    rows.append(_effect(name, record, against, pair))
    optional = [column + end for column in ("quiet_ratio", "aa_ratio") for end in ENDS]
    return with_columns(pd.DataFrame(rows), ["verdict", *optional]) if rows else pd.DataFrame()


def _effect(
    coordinate: str, record: Record, base: Record, pair: verdicts.Verdict | None
) -> dict[str, Any]:
    known = record["status"] == base["status"] == DONE
    value, against = (r["cell"][coordinate] for r in (record, base))
    return where(record) | {
        coordinate: f"{value} / {against}",
        "coordinate": coordinate,
        "setting": str(value),
        "against": str(against),
        "against_record": base["key"],
        "status": DONE if known else UNDECIDED,
        "paired": pair is not None,
        **(_unpaired(base, record) if pair is None else _paired(pair)),
    }


def _paired(pair: verdicts.Verdict) -> dict[str, Any]:
    """What the same rounds say of a setting, as verdicts say it of two arms."""
    said = timed.compared(pair, sentence)
    names = [name + end for name in ("quiet_ratio", "aa_ratio") for end in ENDS]
    return interval("ratio", pair.ratio) | {n: said[n] for n in (*names, "verdict") if n in said}


def _unpaired(base: Record, record: Record) -> dict[str, Any]:
    """The ratio of two medians that know nothing of one another, on the log scale."""
    above, below = (
        median(r["samples"]["seconds"], 2, r["samples"].get("launch")) for r in (base, record)
    )
    (x, x_low, x_high), (y, y_low, y_high) = (
        (math.log(e.value), math.log(e.low), math.log(e.high)) for e in (above, below)
    )
    ratio = x - y
    low = ratio - math.hypot(x - x_low, y_high - y)
    high = ratio + math.hypot(x_high - x, y - y_low)
    return interval("ratio", Estimate(ratio, low, high).map(math.exp))
