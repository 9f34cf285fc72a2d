"""CSV files that are safe to open."""

from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table; text that a spreadsheet would run as a formula gets an apostrophe."""
    safe = {name: frame[name] if _plain(frame[name]) else _guarded(frame[name]) for name in frame}
    pd.DataFrame(safe, copy=False).to_csv(path, index=False, lineterminator="\n")


def _plain(column: "pd.Series[Any]") -> bool:
    """Whether it holds no text."""
    return is_numeric_dtype(column) or is_bool_dtype(column)


def _guarded(column: "pd.Series[Any]") -> "pd.Series[Any]":
    # As Python's objects: pandas' own texts lie in Arrow, and are slow to go through.
    values = column.to_numpy(dtype=object)
    return pd.Series([guarded(value) for value in values], index=column.index, dtype=object)


def guarded(value: Any) -> Any:
    """Text that cannot be taken for a formula; numbers untouched."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
