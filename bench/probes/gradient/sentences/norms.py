"""How often a gradient was clipped."""

import math

import pandas as pd

from bench.frames.groups import groups
from bench.probes.gradient.sentences.groups import TOGETHER, where
from bench.registry import label


def clipped(frame: pd.DataFrame) -> list[str]:
    """The share of steps that were scaled down, of each task's longest training."""
    if frame.empty:
        return []
    lines = []
    frame = frame[(frame["group"] == "all") & (frame["clip_norm"] < math.inf)]
    for rows in groups(frame, [*TOGETHER, "clip_norm"]):
        longest = max((row["training_steps"], row["length"]) for row in rows)
        rows = [row for row in rows if (row["training_steps"], row["length"]) == longest]
        shares: dict[str, list[float]] = {}
        for row in rows:
            shares.setdefault(row["arm"], []).append(row["clipped_share"])
        told = ", ".join(
            f"{label(arm)} {sum(found) / len(found):.0%}" for arm, found in shares.items()
        )
        lines.append(
            f"{where(rows[0])}, T={rows[0]['length']}, {rows[0]['training_steps']} steps, clipped "
            f"above {rows[0]['clip_norm']:,.10g}: {told} of the steps."
        )
    return lines
