"""What a page shows of a table: columns that hold something, intervals beside their values."""

import pandas as pd

from bench.page.contract import WHERE, TableView
from bench.page.numbers import ranged


def shown(view: TableView, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows and columns of a table that a page shows; the CSV file has all."""
    frame = view.rows(frame)
    columns = {}
    for name in view.columns:
        if name not in frame.columns or frame[name].isna().all():
            continue
        if name in WHERE and name not in view.always and frame[name].nunique() == 1:
            continue  # the same everywhere: in the captions and in the CSV
        if f"{name}_low" in frame.columns:
            ends = [frame[f"{name}{end}"] for end in ("", "_low", "_high")]
            columns[name] = pd.Series(
                [ranged(name, *row) for row in zip(*ends, strict=True)], frame.index, dtype=str
            )
        else:
            columns[name] = frame[name]
    for name, keys in view.once.items():
        if name in columns:
            columns[name] = columns[name].mask(frame.duplicated(keys), "")
    return pd.DataFrame(columns)
