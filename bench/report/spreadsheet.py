"""CSV files that are safe to open."""

from pathlib import Path
from typing import Any

import pandas as pd


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table; text that a spreadsheet would run as a formula gets an apostrophe."""
    safe = frame.copy()
    for column in safe.columns:
        safe[column] = [guarded(value) for value in safe[column]]
    safe.to_csv(path, index=False, lineterminator="\n")


def guarded(value: Any) -> Any:
    """Text that cannot be taken for a formula; numbers untouched."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
