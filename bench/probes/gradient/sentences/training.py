"""How the trainings stood at their last step, where the gradient was measured."""

from collections import Counter

import pandas as pd

from bench.frames.groups import groups
from bench.outcome import CEILING, CONVERGED, DIVERGED, SOLVED
from bench.page.numbers import listed
from bench.probes.gradient.sentences.groups import TOGETHER, Row, arms, where

_HOW = {
    SOLVED: "had solved the task",
    CONVERGED: "had converged",
    CEILING: "{was} still learning",
    DIVERGED: "had diverged",
    None: "{was} not asked about",
}


def ended(frame: pd.DataFrame) -> list[str]:
    """Of trainings that go on to a step that all seeds share: how many had ended by then.

    Args:
        frame: of the table ``gradient`` what was measured along trainings.
    """
    if frame.empty:
        return []
    frame = frame[frame["training_steps"] > 0].sort_values("steps", kind="stable")
    last = frame.drop_duplicates("record", keep="last").sort_index()
    lines = []
    for rows in groups(last, [*TOGETHER, "training_steps"]):
        told = "; ".join(f"{arm} {_ends(own)}" for arm, own in arms(rows).items())
        if not any(_end(row) for row in rows):
            told = "whether they were still learning was not asked"
        lines.append(f"{where(rows[0])}, after {rows[0]['training_steps']:,} steps: {told}.")
    return lines


def _ends(rows: list[Row]) -> str:
    ends = Counter(_end(row) for row in rows)
    return listed(
        f"{ends[end]} {how.format(was='was' if ends[end] == 1 else 'were')}"
        for end, how in _HOW.items()
        if ends[end]
    )


def _end(row: Row) -> str | None:
    if row["status"] == DIVERGED:
        return DIVERGED
    return row["ended"] if isinstance(row["ended"], str) else None
