"""What a report says first: sentences made from the records, RNN wins and losses alike."""

from dataclasses import dataclass
from statistics import median
from typing import Any

import pandas as pd

from bench import registry
from bench.report import tables
from bench.report.figures import label, rank

Record = dict[str, Any]
_FLAT = 1e4  # a norm that stays within this factor, over a window, has not vanished


@dataclass(frozen=True)
class Finding:
    """One of the suite's questions, and what these records say to it, a sentence a line."""

    question: str
    sentences: list[str]


def all_of(records: list[Record]) -> list[Finding]:
    """The questions that these records say something about."""
    found = [
        Finding(
            "Does the gradient vanish? Its norm along the window, at initialisation",
            _gradient(tables.gradient(records)),
        ),
        Finding(
            "Is recurrence slow? Tokens per second relative to the arm it is matched to",
            _speed(tables.speed(records)),
        ),
        Finding("Who learned, in this short a training?", _learning(tables.learning(records))),
    ]
    return [finding for finding in found if finding.sentences]


def _gradient(frame: pd.DataFrame) -> list[str]:
    """For every comparison, its two longest windows, the longest first."""
    if frame.empty:
        return []
    lines = []
    start = frame[(frame["when"] == "init") & (frame["denormals"] == "keep")]
    keys = ["comparison", "device", "dtype"]
    for (comparison, device, dtype), group in start.groupby(keys, sort=False):
        for length in sorted(group["length"].unique(), reverse=True)[:2]:
            rows = group[group["length"] == length].to_dict("records")
            rows.sort(key=lambda row: rank(row["arm"]))
            fates = "; ".join(f"{label(row['arm'])} {_fate(row)}" for row in rows)
            lines.append(f"T={length} ({comparison}, {device}, {dtype}): {fates}.")
    return lines


def _fate(row: dict[str, Any]) -> str:
    """What becomes of an arm's gradient along the window."""
    half, zero_from = row["norm_at_half"], row["zero_from_distance"]
    if pd.notna(zero_from):
        if half == 0:
            return f"is exactly 0.0 half a window back, every entry of it from {zero_from:.0f} on"
        naive = row["float32_norm_zero_from_distance"]
        caveat = ""
        if pd.notna(naive) and naive <= row["length"] // 2:
            caveat = f" (where a norm taken in float32 already reads 0.0, from {naive:.0f} on)"
        return (
            f"is {half:.0e} half a window back{caveat}, "
            f"every entry exactly 0.0 from {zero_from:.0f} on"
        )
    if not row["norm_least"]:
        return f"is {half:.0e} half a window back, with zeros in between"
    if row["norm_most"] / row["norm_least"] < _FLAT:
        return f"stays between {row['norm_least']:.0e} and {row['norm_most']:.0e} all along"
    return (
        f"falls from {row['norm_at_loss']:.0e} to {half:.0e} half a window back "
        f"and {row['norm_at_end']:.0e} at its end"
    )


def _speed(frame: pd.DataFrame) -> list[str]:
    """The ratio to the reference arm at the shortest and the longest window, the fastest first."""
    if frame.empty or "speed_ratio" not in frame.columns:
        return []
    lines = []
    measured = frame.dropna(subset=["speed_ratio"])
    keys = ["comparison", "device", "dtype", "denormals", "phase"]
    for (comparison, device, dtype, denormals, phase), group in measured.groupby(keys, sort=False):
        lengths = sorted(group["length"].unique())
        for length in dict.fromkeys((lengths[0], lengths[-1])):
            here = group[group["length"] == length].sort_values("speed_ratio", ascending=False)
            ratios = ", ".join(
                f"{label(row['arm'])} {row['speed_ratio']:.2f}× "
                f"[{row['speed_ratio_low']:.2f}, {row['speed_ratio_high']:.2f}]"
                for row in here.to_dict("records")
            )
            where = f"{comparison}, {device}, {dtype}"
            if denormals != "keep":
                where += ", subnormals flushed"
            lines.append(
                f"T={length}, {'training' if phase == 'training' else 'forward'} ({where}), "
                f"{label(here.iloc[0]['reference'])} = 1: {ratios}."
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
            f"T={length} ({comparison}, task {task}), test accuracy after "
            f"{group['steps'].iloc[0]} steps of batch {group['batch_size'].iloc[0]}, "
            f"{seeds} seed{'s (median and range)' if seeds > 1 else ''}, "
            f"floor {registry.tasks()[str(task)].literals['FLOOR']:g}, exploratory: "
            + ", ".join(parts)
            + "."
        )
    return lines
