"""What is said of settings, a sentence for each end of a group's lengths."""

import math

from bench.frames.columns import estimate
from bench.frames.groups import groups
from bench.outcome import UNDECIDED
from bench.page.evidence import Evidence
from bench.page.numbers import interval, times
from bench.page.words import GROUP, Row, ends, named, of_task, phase, unusual

_CHANGES = {
    "denormals": "with subnormal floats flushed to zero instead of kept",
    "threads": "on {setting} threads instead of {against}",
    "dtype": "in {setting} instead of {against}",
}


def settings(evidence: Evidence) -> list[str]:
    """What flushing subnormals, threads and another dtype do, at both ends of the lengths."""
    lines = []
    keys = ["coordinate", "setting", "against", *GROUP, "phase", "paired"]
    for rows in groups(evidence["settings"], keys):
        first = rows[0]
        change = _CHANGES[first["coordinate"]].format(**first)
        place = [of_task(first), first["device"], f"batch {first['batch_size']}"]
        place += unusual(first, without=[first["coordinate"]])
        for length, here in ends(rows):
            parts = []
            for row in here:
                text = f"{named(row, rows)} {times(estimate(row, 'ratio'))}"
                if row["verdict"] == UNDECIDED:
                    text += " (undecided)"
                elif row["verdict"] == "no difference":
                    text += " (no difference beyond noise)"
                parts.append(text)
            lines.append(
                f"T={length}, {phase(first)} ({', '.join(place)}), {change}, "
                f"{_measured(here[0])}: {', '.join(parts)} as fast."
            )
    return lines


def _measured(row: Row) -> str:
    """Whether two settings took turns, and what was noise then."""
    if not row["paired"]:
        return "one after the other, so that a drift of the machine is in the ratio"
    if math.isnan(row["aa_ratio"]):
        return "in the same rounds, without an A/A control"
    return f"in the same rounds, A/A {interval(estimate(row, 'aa_ratio'))}"
