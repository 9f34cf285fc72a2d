"""What is said of memory: peaks at the longest window, and what a row keeps at both ends."""

import math
from typing import Any

from bench import registry
from bench.frames.columns import estimate
from bench.frames.groups import groups
from bench.page.evidence import Evidence
from bench.page.numbers import in_units, power
from bench.page.words import GROUP, Row, ends, named, of_task, phase, where
from bench.statistics.intervals import Estimate


def memory(evidence: Evidence) -> list[str]:
    """Counted tensors, and the system's figure, at the longest window."""
    keys = [*GROUP, "phase"]
    powers = {
        _place(row): estimate(row, "exponent")
        for rows in groups(evidence["growth"], keys)
        for row in rows
        if row["quantity"] == "tensor_rise_bytes"
    }
    lines = []
    for rows in groups(evidence["memory"], keys):
        length, longest = ends(rows)[-1]
        parts = []
        for row in longest:
            text = f"{named(row, rows)} {_size(row['tensor_rise_bytes']) or 'not counted'}"
            for name, what in (("rss", "resident"), ("allocated", "allocated")):
                size = _size(row[f"{name}_rise_bytes"])
                text += f" ({what} {size})" if size else ""
            if (exponent := powers.get(_place(row))) is not None:
                text += f", {_grown(exponent)}"
            parts.append(text)
        lines.append(
            f"T={length}, {phase(rows[0])} ({where(rows[0])}), tensors: {'; '.join(parts)}."
        )
    return lines


def state(evidence: Evidence) -> list[str]:
    """What a row keeps after the shortest and the longest window, where decoding was measured."""
    frame = evidence["state"]
    if frame.empty:
        return []
    lines = []
    keys = ["comparison", "task", "data", "dtype"]
    for rows in groups(frame.dropna(subset=["measured_bytes"]), keys):
        place = f"{of_task(rows[0])}, {rows[0]['dtype']}"
        parts = [
            f"after T={length} "
            + ", ".join(
                f"{registry.label(row['arm'])} {_size(row['measured_bytes'])}" for row in here
            )
            for length, here in ends(rows)
        ]
        lines.append(f"A row keeps ({place}) {'; '.join(parts)}.")
    return lines


def _place(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in (*GROUP, "phase", "arm", "kernel"))


def _grown(exponent: Estimate) -> str:
    if exponent.low == exponent.high == 0:
        return "the same at every length"
    return f"growing as {power(exponent)}"


def _size(number: float | None) -> str:
    """Bytes in words, nothing where they are not known."""
    return "" if number is None or math.isnan(number) else in_units(number, "B")
