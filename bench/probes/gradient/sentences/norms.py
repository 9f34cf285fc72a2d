"""How often a gradient was clipped."""

import math

import pandas as pd

from bench.frames.groups import groups
from bench.page.numbers import percent
from bench.page.words import clipped as above
from bench.probes.gradient.sentences.groups import TOGETHER, Row, arms, where


def clipped(frame: pd.DataFrame) -> list[str]:
    """The share of steps that were scaled down, of each task's longest training."""
    if frame.empty:
        return []
    lines = []
    frame = frame[(frame["group"] == "all") & (frame["clip_norm"] < math.inf)]
    for rows in groups(frame, [*TOGETHER, "probe", "clip_norm"]):
        longest = max((row["training_steps"], row["length"]) for row in rows)
        rows = [row for row in rows if (row["training_steps"], row["length"]) == longest]
        told = ", ".join(f"{arm} {percent(_mean(own))}" for arm, own in arms(rows).items())
        first = rows[0]
        lines.append(
            f"{where(first, without=('clip_norm', 'seed'))}, T={first['length']}, "
            f"{first['training_steps']} steps of probe {first['probe']}, "
            f"{above(first['clip_norm'])}: {told} of the steps."
        )
    return lines


def _mean(rows: list[Row]) -> float:
    """The share of clipped steps over seeds."""
    return float(sum(row["clipped_share"] for row in rows)) / len(rows)
