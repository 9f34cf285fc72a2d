"""What a report says first: sentences made from the records, RNN wins and losses alike."""

import math
from dataclasses import dataclass
from statistics import median
from typing import Any

import pandas as pd

from bench import registry
from bench.report import tables
from bench.report.figures import label, rank
from bench.stats import Estimate

Record = dict[str, Any]
_FLAT = 100  # a norm that stays within this factor from the second token on is called level


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
    least, most = row["norm_least_beyond_0"], row["norm_most_beyond_0"]
    if not least:
        return f"is {half:.0e} half a window back, with zeros in between"
    if most / least < _FLAT:
        return (
            f"is level: {row['norm_at_loss']:.0e} at the loss, "
            f"between {least:.0e} and {most:.0e} everywhere else"
        )
    return (
        f"falls from {row['norm_at_loss']:.0e} to {half:.0e} half a window back "
        f"and {row['norm_at_end']:.0e} at its end"
    )


def _interval(row: dict[str, Any]) -> str:
    names = ("speed_ratio", "speed_ratio_low", "speed_ratio_high")
    return Estimate(*(row[name] for name in names)).interval()


def _speed(frame: pd.DataFrame) -> list[str]:
    """The ratio to the reference arm at the shortest and the longest window, the fastest first."""
    if frame.empty or "speed_ratio" not in frame.columns:
        return []
    lines = []
    measured = frame.dropna(subset=["speed_ratio"])
    keys = ["comparison", "device", "dtype", "denormals", "batch_size", "phase"]
    for key, group in measured.groupby(keys, sort=False):
        comparison, device, dtype, denormals, batch_size, phase = key
        lengths = sorted(group["length"].unique())
        for length in dict.fromkeys((lengths[0], lengths[-1])):
            here = group[group["length"] == length].sort_values("speed_ratio", ascending=False)
            ratios = ", ".join(
                f"{label(row['arm'])} {row['speed_ratio']:.2f}× {_interval(row)}"
                for row in here.to_dict("records")
            )
            where = f"{comparison}, {device}, {dtype}, batch {batch_size}"
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
    keys = ["comparison", "task", "length", "steps", "batch_size", "eval_rows"]
    for key, group in frame.groupby(keys, sort=False):
        comparison, task, length, steps, batch_size, eval_rows = key
        parts = []
        for arm, rows in group.groupby("arm", sort=False):
            scores = rows["test_accuracy"].dropna().tolist()
            diverged = len(rows) - len(scores)
            text = label(str(arm))
            if scores:
                text += f" {median(scores):.2f}"
            if len(scores) > 1:
                text += f" ({min(scores):.2f}–{max(scores):.2f})"
            if diverged:
                text += f" {diverged} of {len(rows)} seeds diverged"
                text += " and are not in the median" if scores else ""
            parts.append(text)
        seeds = group["seed"].nunique()
        floor = registry.tasks()[str(task)].literals["FLOOR"]
        noise = 2 * math.sqrt(floor * (1 - floor) / eval_rows)
        lines.append(
            f"T={length} ({comparison}, task {task}), test accuracy after {steps} steps of batch "
            f"{batch_size}, {seeds} seed{'s (median and range)' if seeds > 1 else ''}: "
            + ", ".join(parts)
            + f". Floor {floor:g}; on {eval_rows} rows, guessing itself scores within "
            f"±{noise:.2f} of it."
        )
    return lines
