"""What the gradients say, in plain words with intervals: reach, flatness, who learns, what it costs.

Every function takes a table of :mod:`bench.report.gradient_tables` and returns sentences.
"""

from typing import Any

import pandas as pd

from bench.report.style import label

Row = dict[str, Any]

#: What makes two measurements comparable but for their arm.
_GROUP = [
    "comparison", "task", "data", "kernel_free", "device", "dtype", "denormals", "layers",
    "initialization",
]  # fmt: skip
_LEVEL = 2.0  # a norm that changes by less than this factor along the window is called level


def reach(frame: pd.DataFrame) -> list[str]:
    """Over how many tokens each arm's gradient reaches, at initialisation and after training."""
    lines = []
    for rows in _groups(frame):
        parts = []
        for arm in _arms(rows):
            own = [row for row in rows if row["arm"] == arm]
            start = _longest([row for row in own if row["when"] == "init"])
            end = _longest([row for row in own if row["when"] == "100%"])
            told = [f"{_where_from(row)} {_reached(row)}" for row in (start, end) if row]
            parts.append(f"{label(arm)} {'; '.join(told)}")
        if parts:
            lines.append(f"{_of_task(rows[0])}: {'. '.join(parts)}.")
    return lines
