"""What a report says first: sentences made from the records, RNN wins and losses alike."""

from statistics import median
from typing import Any

import pandas as pd

from bench.report import tables
from bench.report.figures import label

Record = dict[str, Any]


def sentences(records: list[Record]) -> list[str]:
    """The report's first lines, none where nothing was measured."""
    return [*_gradient(tables.gradient(records)), *_speed(tables.speed(records)),
            *_learning(tables.learning(records))]  # fmt: skip


def _gradient(frame: pd.DataFrame) -> list[str]:
    """At initialisation, for every comparison and its two longest windows."""
    if frame.empty:
        return []
    lines = []
    start = frame[(frame["when"] == "init") & (frame["denormals"] == "keep")]
    for (comparison, device, dtype), group in start.groupby(["comparison", "device", "dtype"]):
        for length in sorted(group["length"].unique())[-2:]:
            parts = []
            for row in group[group["length"] == length].to_dict("records"):
                parts.append(f"{label(row['arm'])} {_fate(row)}")
            lines.append(
                f"Gradient, {comparison}, T={length}, at initialisation ({device}, {dtype}): "
                + "; ".join(parts)
                + "."
            )
    return lines


def _fate(row: dict[str, Any]) -> str:
    """What becomes of an arm's gradient along the window."""
    half, zero_from = row["norm_at_half"], row["zero_from_distance"]
    if zero_from is not None and zero_from == zero_from:
        where = "is exactly 0.0" if half == 0 else f"is {half:.0e}"
        return f"{where} half a window back, and exactly 0.0 from {zero_from:.0f} tokens on"
    if not row["norm_least"]:
        return f"is {half:.0e} half a window back, with zeros in between"
    if row["norm_most"] / row["norm_least"] < 1e4:
        return (
            f"stays between {row['norm_least']:.0e} and {row['norm_most']:.0e} over the whole window"
        )
    return (
        f"falls from {row['norm_at_loss']:.0e} to {half:.0e} half a window back "
        f"and {row['norm_at_end']:.0e} at its end"
    )


def _speed(frame: pd.DataFrame) -> list[str]:
    """The ratio to the reference arm at the shortest and the longest window."""
    if frame.empty or "speed_ratio" not in frame.columns:
        return []
    lines = []
    measured = frame.dropna(subset=["speed_ratio"])
    keys = ["comparison", "device", "dtype", "denormals", "phase"]
    for (comparison, device, dtype, denormals, phase), group in measured.groupby(keys, sort=False):
        lengths = sorted(group["length"].unique())
        for length in dict.fromkeys((lengths[0], lengths[-1])):
            parts = []
            here = group[group["length"] == length].sort_values("speed_ratio", ascending=False)
            for row in here.to_dict("records"):
                low, high = row["speed_ratio_low"], row["speed_ratio_high"]
                parts.append(
                    f"{label(row['arm'])} {row['speed_ratio']:.2f}× [{low:.2f}, {high:.2f}]"
                )
            what = "training" if phase == "training" else "forward"
            kept = "" if denormals == "keep" else ", subnormals flushed"
            lines.append(
                f"Speed, {comparison}, T={length}, {what} ({device}, {dtype}{kept}), tokens/s "
                f"relative to {label(here.iloc[0]['reference'])}: " + ", ".join(parts) + "."
            )
    return lines


def _learning(frame: pd.DataFrame) -> list[str]:
    """Test accuracy by arm, every seed's."""
    if frame.empty:
        return []
    lines = []
    keys = ["comparison", "task", "length", "device", "dtype"]
    for (comparison, task, length, _, _), group in frame.groupby(keys, sort=False):
        parts = []
        for arm, rows in group.groupby("arm", sort=False):
            scores = [score for score in rows["test_accuracy"] if score == score]
            diverged = len(rows) - len(scores)
            text = f"{label(str(arm))} "
            if scores:
                text += f"{median(scores):.2f}"
            if len(scores) > 1:
                text += f" ({min(scores):.2f}–{max(scores):.2f})"
            if diverged:
                text += f" {diverged} of {len(rows)} seeds diverged"
            parts.append(text.strip())
        seeds = group["seed"].nunique()
        lines.append(
            f"Learning, {comparison}, {task}, T={length}, test accuracy after "
            f"{group['steps'].iloc[0]} steps of batch {group['batch_size'].iloc[0]} "
            f"({seeds} seed{'s, median and range' if seeds > 1 else ''}; exploratory): "
            + ", ".join(parts)
            + "."
        )
    return lines
