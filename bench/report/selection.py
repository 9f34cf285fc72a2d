"""Which rows of which table a plot is asked to show, and what it must be asked for instead.

Nothing is averaged: where several rows have one x in one series, the coordinates that tell them
apart are told, or, up to four of their values, have a panel each.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bench import registry
from bench.page.evidence import Evidence
from bench.report import compared
from bench.store.archive import Source

RUN = "run"
_MOST_PANELS = 4
_MOST_VALUES = 8  # of a column, named in a message


class PlotError(ValueError):
    """A plot that cannot be drawn; the message says what to ask for instead."""


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        x, y, by: columns of a table: across, up, and what each colour is.
        where: column to the value that rows must have.
        table: its name; the first that has all columns by default.
        logx, logy: scales; told from the values by default.
        dark: colours for a dark page.
    """

    x: str
    y: str
    by: str = "arm"
    where: Mapping[str, str] = field(default_factory=dict)
    table: str | None = None
    logx: bool | None = None
    logy: bool | None = None
    dark: bool = False


def parsed(filters: Iterable[str]) -> dict[str, str]:
    """``column=value`` of each filter.

    Raises:
        PlotError: one is not of that form.
    """
    found = {}
    for text in filters:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise PlotError(f"expected --where COLUMN=VALUE. Got {text!r}")
        found[name] = value
    return found


def tables(runs: Mapping[str, Source]) -> dict[str, pd.DataFrame]:
    """Every table that has rows, those of all runs together, with the column ``run``."""
    found: dict[str, list[pd.DataFrame]] = {}
    for run, source in runs.items():
        records = source.records()
        evidence = Evidence(records, source.meta("ceilings"), source.meta("published") or [])
        made = {name: evidence[name] for name in evidence} | {"models": compared.models(records)}
        for name, frame in made.items():
            if not frame.empty:
                found.setdefault(name, []).append(frame.assign(**{RUN: run}))
    if not found:
        raise PlotError(f"nothing has been measured in {', '.join(runs)}: no table has a row")
    return {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}


def candidates(tables: Mapping[str, pd.DataFrame], request: Request) -> dict[str, pd.DataFrame]:
    """The table that is asked for, or all that have the columns."""
    wanted = dict.fromkeys((request.x, request.y, request.by, *request.where))
    if request.table is not None:
        if request.table not in tables:
            raise PlotError(registry.unknown("table", request.table, tables))
        tables = {request.table: tables[request.table]}
    every = dict.fromkeys(name for frame in tables.values() for name in frame.columns)
    for name in wanted:
        if name not in every:
            raise PlotError(_unknown(name, tables))
    found = {name: frame for name, frame in tables.items() if set(wanted) <= set(frame.columns)}
    if not found:
        places = "; ".join(
            f"{name} is in {', '.join(t for t, frame in tables.items() if name in frame.columns)}"
            for name in wanted
        )
        raise PlotError(f"no table has {', '.join(wanted)} together: {places}")
    return found


def first(tables: Mapping[str, pd.DataFrame], request: Request) -> tuple[str, pd.DataFrame]:
    """The first of which the filters leave numbers; else what the first one lacks."""
    mistakes = []
    for table, frame in tables.items():
        try:
            return table, _numbers(_filtered(frame, request.where), request)
        except PlotError as error:
            mistakes.append(f"table {table}: {error}")
    raise PlotError("\n".join(mistakes))


def _columns(frame: pd.DataFrame) -> list[str]:
    """The columns that hold anything, without the ends of intervals."""
    ends = ("_low", "_high")
    return [n for n in map(str, frame.columns) if frame[n].notna().any() and not n.endswith(ends)]


def _unknown(name: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """The nearest columns first, then all, by table."""
    every = dict.fromkeys(column for frame in tables.values() for column in _columns(frame))
    near = difflib.get_close_matches(name, every, n=3, cutoff=0.5)
    guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    lines = [f"  {table}: {', '.join(_columns(frame))}" for table, frame in tables.items()]
    return "\n".join([f"unknown column {name!r}.{guess} There are:", *lines])


def _filtered(frame: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """The rows that all filters leave."""
    for number, (name, value) in enumerate(where.items()):
        kept = frame[[_equal(one, value) for one in frame[name]]]
        if kept.empty:
            before = [f"{n}={v}" for n, v in [*where.items()][:number]]
            left = f" of the rows that {' and '.join(before)} left" if before else ""
            raise PlotError(
                f"--where {name}={value} left nothing{left}. Its values there: "
                f"{_values(frame[name])}"
            )
        frame = kept
    return frame


def _equal(one: Any, value: str) -> bool:
    if str(one).lower() == value.lower():
        return True
    try:
        return float(one) == float(value)
    except (TypeError, ValueError):
        return False


def _values(column: "pd.Series[Any]") -> str:
    found = [str(value) for value in column.dropna().drop_duplicates()]
    more = f" and {len(found) - _MOST_VALUES} more" if len(found) > _MOST_VALUES else ""
    return ", ".join(found[:_MOST_VALUES]) + more


def _numbers(frame: pd.DataFrame, request: Request) -> pd.DataFrame:
    """Rows in which y is a number, and x and the series are known."""
    numbers = pd.to_numeric(frame[request.y], errors="coerce").astype(float)
    finite = numbers.map(math.isfinite) & frame[request.x].notna() & frame[request.by].notna()
    if not finite.any():
        kind = "no number" if frame[request.y].notna().any() else "nothing"
        raise PlotError(
            f"{request.y} holds {kind} in the {len(frame)} rows that are left. Numbers are in: "
            + ", ".join(_numeric(frame))
        )
    return frame.assign(**{request.y: numbers})[finite]


def _numeric(frame: pd.DataFrame) -> list[str]:
    return [name for name in _columns(frame) if pd.api.types.is_numeric_dtype(frame[name])]


def panels(
    frame: pd.DataFrame, request: Request, table: str, spoken: Callable[[str, Any], str]
) -> dict[str, pd.DataFrame]:
    """Rows by panel: one for each value of what else varies, if these are few.

    Raises:
        PlotError: they are many; it says which coordinates vary, and how to choose.
    """
    varying = _varying(frame, request)
    if not varying:
        return {"": frame}
    found = {
        ", ".join(map(spoken, varying, values)): rows
        for values, rows in frame.groupby(varying, sort=False, dropna=False)
    }
    across = {rows[request.x].nunique() for rows in found.values()}
    if len(found) <= _MOST_PANELS and (min(across) > 1 or frame[request.x].nunique() == 1):
        return found
    told = "; ".join(
        f"{name} ({frame[name].nunique(dropna=False)}: {_values(frame[name])})" for name in varying
    )
    choice = " ".join(f"--where {name}={frame[name].iloc[0]}" for name in varying)
    raise PlotError(
        f"several rows of table {table} have one {request.x} and {request.by}. What varies: {told}."
        f" Choose, for example {choice}, or take another --table; up to {_MOST_PANELS} "
        f"values with several {request.x} each have a panel"
    )


def _varying(frame: pd.DataFrame, request: Request) -> list[str]:
    """The fewest columns, coordinates first as in every table, that tell all rows apart."""
    keys = list(dict.fromkeys((request.x, request.by, RUN)))
    skipped = {*keys, request.y, f"{request.y}_low", f"{request.y}_high", "record"}
    found: list[str] = []
    count = len(frame.drop_duplicates(keys))
    for name in map(str, frame.columns):
        if count == len(frame):
            break
        if name in skipped:
            continue
        more = len(frame.drop_duplicates([*keys, *found, name]))
        if more > count:
            found, count = [*found, name], more
    for name in list(found):  # one that a later one makes needless
        rest = [other for other in found if other != name]
        if len(frame.drop_duplicates([*keys, *rest])) == count:
            found = rest
    return found
