"""What a page shows of a table: columns that hold something, intervals beside their values."""

import pandas as pd

from bench import registry
from bench.page import columns
from bench.page.contract import WHERE, TableView
from bench.page.numbers import cell_text, ranged
from bench.report.blocks import File, Table
from bench.report.budget import ROWS

#: Columns whose values are arms, which people call otherwise.
_ARMS = ("arm", "reference", "matched_to")


def table(view: TableView, frame: pd.DataFrame, most: int = ROWS) -> Table:
    """A table as a page has it: so many rows, the rest counted and in the CSV file."""
    found = shown(view, frame)
    rows = [
        [
            registry.label(str(value)) if column in _ARMS else cell_text(value, str(column))
            for column, value in row.items()
        ]
        for row in found.head(most).to_dict("records")
    ]
    rest = len(found) - len(rows)
    more = f"{rest:,} more row{'' if rest == 1 else 's'} and all columns: " if rest else ""
    path = f"tables/{view.name}.csv"
    note = (more or "All columns: ", File(path.rpartition("/")[2], path))
    return Table([columns.words(str(name)) for name in found.columns], rows, note)


def shown(view: TableView, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows and columns of a table that a page shows; the CSV file has all."""
    frame = view.rows(frame)
    found = {}
    for name in view.columns:
        if name not in frame.columns or frame[name].isna().all():
            continue
        if name in WHERE and name not in view.always and frame[name].nunique() == 1:
            continue  # the same everywhere: in the captions and in the CSV
        if f"{name}_low" in frame.columns:
            ends = [frame[f"{name}{end}"] for end in ("", "_low", "_high")]
            found[name] = pd.Series(
                [ranged(name, *row) for row in zip(*ends, strict=True)], frame.index, dtype=str
            )
        else:
            found[name] = frame[name]
    for name, keys in view.once.items():
        if name in found:
            found[name] = found[name].mask(frame.duplicated(keys), "")
    return pd.DataFrame(found)
