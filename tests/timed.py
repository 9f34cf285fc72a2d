"""Real records of speed, decoding and memory on a busy machine, and rows of what is said of them.

``data/timed.jsonl.gz``: tiny models, three lengths, 7 to 10 rounds in two launches, with A/A
controls, subnormals kept and flushed; as the suite itself left them.
"""

import copy
import functools
import math
from pathlib import Path
from typing import Any

import pandas as pd

from bench.page.evidence import Evidence
from bench.store.archive import Archive
from bench.store.records import Record

_ARCHIVE = Path(__file__).parent / "data" / "timed.jsonl.gz"


@functools.cache
def _archive() -> Archive:
    return Archive(_ARCHIVE)


def records() -> list[Record]:
    """The records, to be edited."""
    return copy.deepcopy(_archive().records())


@functools.cache
def evidence() -> Evidence:
    """All of them, as a report has them."""
    return Evidence(_archive().records(), _archive().meta("ceilings"))


def directions(*found: tuple[int, float, str], **others: Any) -> pd.DataFrame:
    """Rows of the table ``directions``, an LSTM beside a transformer: (length, ratio, direction).

    Intervals end 5% below and above; of a ratio that is NaN there is none.
    """
    return pd.DataFrame(
        {
            "comparison": "scratch", "task": "package", "data": "offline", "length": length,
            "arm": "lstm", "kernel": "fused", "device": "cpu", "dtype": "float32",
            "denormals": "keep", "threads": 1, "seed": 0, "phase": "training", "batch_size": 8,
            "record": f"one-{length}", "contrast": "arms", "family": "training",
            "reference": "transformer", "reference_kernel": "sdpa",
            "reference_record": f"other-{length}", "rounds": 20, "launches": 4,
            "time_ratio": ratio, "time_ratio_low": ratio / 1.05, "time_ratio_high": ratio * 1.05,
            "aa_ratio": 1.0, "aa_ratio_low": 0.98, "aa_ratio_high": 1.03, "level": 0.9895,
            "log_se": 0.015 if ratio == ratio else math.nan, "freedom": 12, "p": 0.001,
            "direction": direction, "beyond": direction in ("longer", "shorter"),
            "why": "no difference beyond noise" if direction == "undecided" else "",
            "aa_silent": True,
        } | others
        for length, ratio, direction in found
    )  # fmt: skip


def with_body(step: pd.DataFrame, body: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table ``directions``, beside those of the layers alone at the same lengths."""
    names = list(step.columns[step.columns.get_loc("rounds") :])
    return pd.concat([step, body[names].add_prefix("body_")], axis=1)
