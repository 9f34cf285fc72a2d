"""``rvt plot``: one comparison of any quantity that a table has, from one run or several.

Nothing is averaged: where several rows have one x in one series, the coordinates that tell them
apart are told, or, up to four of their values, have a panel each.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from bench import registry
from bench.drawing import comparison
from bench.drawing.comparison import Chart, Series
from bench.drawing.palette import rank
from bench.drawing.style import STYLE
from bench.outcome import UNSTABLE
from bench.page.evidence import Evidence
from bench.page.numbers import cell_text, ranged
from bench.report import circumstances, compared
from bench.store.archive import Source

FORMATS = (".svg", ".png")
_MOST_PANELS = 4
_MOST_VALUES = 8  # of a column, named in a message
_RUN = "run"
_WIDE = 4.0  # a range from which on an axis is logarithmic, unless told otherwise
_GROUPED = 1e4  # from here on digits stand in threes
#: Coordinates that a picture names where all of it has one value of them, if that is not usual.
_SCOPE = ("comparison", "task", "data", "phase", "when", "layers", "initialization", "kernel",
          "device", "dtype", "denormals", "threads", "batch_size", "seed")  # fmt: skip
_USUAL = {"data": "offline", "dtype": "float32", "denormals": "keep", "initialization": "default"}
_SUFFIXES = {
    "_per_s": " per second", "_s": " (seconds)", "_bytes": " (bytes)", "_tokens": " (tokens)",
    "_nats": " (nats)", "_share": " (share)",
}  # fmt: skip
_RATIOS = ("speed_ratio", "quiet_ratio")
_METRICS = ("test_metric", "validation_metric", "initial_metric")
_DARK = {
    "figure.facecolor": "#0d1117", "axes.facecolor": "#0d1117", "savefig.facecolor": "#0d1117",
    "text.color": "#e6edf3", "axes.labelcolor": "#e6edf3", "axes.edgecolor": "#8b949e",
    "xtick.color": "#c9d1d9", "ytick.color": "#c9d1d9", "grid.color": "#30363d",
}  # fmt: skip


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


def called(paths: Sequence[Path]) -> list[str]:
    """Runs by the names of their folders, with as many of those above as tell them apart."""
    places = [path.resolve().parent.parts for path in paths]
    for depth in range(1, max(map(len, places)) + 1):
        names = ["/".join(place[-depth:]) for place in places]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def plot(runs: Mapping[str, Source], request: Request, output: Path) -> str:
    """Draw what is asked for; returns where it is, or the number where there is only one.

    Args:
        runs: their records, by how each is called.
        request: what is asked for.
        output: the file to write, ``.svg`` or ``.png``.

    Raises:
        PlotError: it cannot be drawn.
        OSError: it cannot be written.
    """
    if output.suffix not in FORMATS:
        raise PlotError(f"expected a file {' or '.join(FORMATS)}. Got {output}")
    tables = _tables(runs)
    candidates = _candidates(tables, request)
    table, rows = _first(candidates, request)
    if len(rows) == 1:
        return _said(rows.iloc[0], request)
    panels = _panels(rows, request, table)
    chart = _chart(rows, panels, request, list(runs))
    if request.y.endswith("_s") and len(_machines(runs)) > 1:
        chart = replace(chart, scope=f"{chart.scope}, on different machines")
    _save(comparison.draw(chart, _style(request.dark)), output, request.dark)
    others = [name for name in candidates if name != table]
    also = f"; {', '.join(others)} {'have' if len(others) > 1 else 'has'} these columns too"
    return f"plot: {output} (table {table}{also if others else ''})"


# -- which rows ----------------------------------------------------------------------------


def _tables(runs: Mapping[str, Source]) -> dict[str, pd.DataFrame]:
    """Every table that has rows, those of all runs together, with the column ``run``."""
    found: dict[str, list[pd.DataFrame]] = {}
    for run, source in runs.items():
        records = source.records()
        evidence = Evidence(records, source.meta("ceilings"), source.meta("published") or [])
        made = {name: evidence[name] for name in evidence} | {"models": compared.models(records)}
        for name, frame in made.items():
            if not frame.empty:
                found.setdefault(name, []).append(frame.assign(**{_RUN: run}))
    if not found:
        raise PlotError(f"nothing has been measured in {', '.join(runs)}: no table has a row")
    return {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}


def _candidates(tables: Mapping[str, pd.DataFrame], request: Request) -> dict[str, pd.DataFrame]:
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


def _first(tables: Mapping[str, pd.DataFrame], request: Request) -> tuple[str, pd.DataFrame]:
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


# -- panels and series ---------------------------------------------------------------------


def _panels(frame: pd.DataFrame, request: Request, table: str) -> dict[str, pd.DataFrame]:
    """Rows by panel: one for each value of what else varies, if these are few.

    Raises:
        PlotError: they are many; it says which coordinates vary, and how to choose.
    """
    varying = _varying(frame, request)
    if not varying:
        return {"": frame}
    panels = {
        ", ".join(map(_spoken, varying, values)): rows
        for values, rows in frame.groupby(varying, sort=False, dropna=False)
    }
    across = {rows[request.x].nunique() for rows in panels.values()}
    if len(panels) <= _MOST_PANELS and (min(across) > 1 or frame[request.x].nunique() == 1):
        return panels
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
    keys = list(dict.fromkeys((request.x, request.by, _RUN)))
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


def _machines(runs: Mapping[str, Source]) -> set[str]:
    """What the records of all runs were made on."""
    return {str(circumstances.machine(r)) for source in runs.values() for r in source.records()}


def _chart(
    frame: pd.DataFrame, panels: Mapping[str, pd.DataFrame], request: Request, runs: Sequence[str]
) -> Chart:
    one_x = frame[request.x].nunique() == 1
    by_arm = request.by == "arm"
    across = request.by if one_x else request.x
    drawn = {title: list(_series(rows, request, runs, across)) for title, rows in panels.items()}
    numbers = pd.api.types.is_numeric_dtype(frame[across]) and across not in ("arm", _RUN)
    scope = list(_scope(frame, [request.x] if one_x else []))
    banded = any(not math.isnan(v) for p in drawn.values() for s in p for v in s.low)
    if banded:
        scope.append(f"{'bands' if numbers and not one_x else 'bars'} are 95% intervals")
    if any(loose for p in drawn.values() for s in p for loose in s.hollow):
        scope.append("hollow: unstable")
    return Chart(
        title=_title(request, across, runs),
        scope=", ".join(scope),
        xlabel=words(across),
        ylabel=_quantity(frame, request.y),
        panels=drawn,
        logx=_log(request.logx, frame[across]) if numbers else False,
        logy=_log(request.logy, frame[request.y]),
        by_arm=by_arm,
        form=partial(_form, request.y),
        level=1.0 if request.y in _RATIOS else None,
    )


def _title(request: Request, across: str, runs: Sequence[str]) -> str:
    """What is shown: the quantity by what, of whom."""
    start = words(request.y).partition(" (")[0]
    title = f"{start[:1].upper()}{start[1:]} by {words(across).partition(' (')[0]}"
    if across != request.by:
        title += f", for each {words(request.by)}"
    return f"{title}, of {len(runs)} runs" if len(runs) > 1 else title


def _scope(frame: pd.DataFrame, also: Sequence[str]) -> Iterator[str]:
    """What all rows have in common, if it is not usual."""
    for name in (*also, *_SCOPE):
        if name not in frame.columns or frame[name].nunique(dropna=False) != 1:
            continue
        value = frame[name].iloc[0]
        if pd.isna(value) or value == "" or _USUAL.get(name) == value:
            continue
        yield _spoken(name, value)


def _spoken(name: str, value: Any) -> str:
    """A coordinate: its value alone where that says what it is of."""
    bare = name in ("comparison", "phase", "device", "dtype")
    return str(value) if bare else f"{words(name).partition(' (')[0]} {value}"


def _series(
    frame: pd.DataFrame, request: Request, runs: Sequence[str], across: str
) -> Iterator[Series]:
    """The rows of each colour and run, in the order of the legend."""
    by_arm, several = request.by == "arm", len(runs) > 1 and request.by != _RUN
    groups = [
        (str(of), runs.index(run), rows)
        for (of, run), rows in frame.groupby([request.by, _RUN] if request.by != _RUN
                                             else [_RUN, frame[_RUN].rename("of")], sort=False)
    ]  # fmt: skip
    if by_arm:
        groups.sort(key=lambda one: (rank(one[0]), one[1]))
    for of, run, rows in groups:
        label = comparison.called(of, by_arm)
        rows = rows.sort_values(request.x)
        texts = across == request.by or not pd.api.types.is_numeric_dtype(frame[across])
        xs = [label] * len(rows) if across == request.by else rows[across].tolist()
        ends = [
            rows[f"{request.y}{end}"].astype(float).tolist()
            if f"{request.y}{end}" in rows.columns
            else [math.nan] * len(rows)
            for end in ("_low", "_high")
        ]
        loose = rows["status"].eq(UNSTABLE).tolist() if "status" in rows.columns else None
        yield Series(
            of, run, f"{label}, {runs[run]}" if several else label,
            [str(x) for x in xs] if texts else xs, rows[request.y].tolist(), *ends,
            loose or [False] * len(rows),
        )  # fmt: skip


def _log(asked: bool | None, column: "pd.Series[Any]") -> bool:
    """Whether an axis is logarithmic: as asked, else where all is above 0 and far apart."""
    if asked is not None:
        return asked
    least, most = float(column.min()), float(column.max())
    return least > 0 and most / least >= _WIDE


def _form(column: str, value: float) -> str:
    """A value on an axis."""
    with_unit = column.endswith(("_s", "_bytes")) and not column.endswith("_per_s")
    if with_unit or abs(value) < _GROUPED:
        return cell_text(float(f"{value:.6g}"), column)
    return f"{value:,.0f}"


def words(column: str) -> str:
    """A column's name in words, its unit last."""
    if column == "length":
        return "window length T (tokens)"
    for suffix, unit in _SUFFIXES.items():
        if column.endswith(suffix):
            return column.removesuffix(suffix).replace("_", " ") + unit
    return column.replace("_", " ")


def _quantity(frame: pd.DataFrame, column: str) -> str:
    """A column in words, with what it is a ratio to, or which metric it is, if that is one."""
    for name, of, text in ((_RATIOS, "reference", "{} to {}"), (_METRICS, "metric", "{} ({})")):
        if column in name and of in frame.columns and frame[of].nunique() == 1:
            value = str(frame[of].dropna().iloc[0])
            return text.format(words(column), registry.label(value))
    return words(column)


def _said(row: "pd.Series[Any]", request: Request) -> str:
    """One number, with its interval and where it was measured."""
    low, high = (float(row.get(f"{request.y}{end}", math.nan)) for end in ("_low", "_high"))
    where = ", ".join(_scope(row.to_frame().T, ()))
    number = ranged(request.y, float(row[request.y]), low, high)
    return (
        f"{words(request.y)}: {number} for {request.by} {row[request.by]} at {request.x} "
        f"{row[request.x]} ({where}). One number is no chart, so none was drawn."
    )


# -- the file ------------------------------------------------------------------------------


def _style(dark: bool) -> dict[Any, Any]:
    return STYLE | {"svg.fonttype": "none"} | (_DARK if dark else {})


def _save(figure: Figure, output: Path, dark: bool) -> None:
    """Write it, the same bytes for the same records."""
    import matplotlib as mpl

    known: Callable[[str], dict[str, None]] = dict.fromkeys  # what would say when it was made
    names = "Date Creator" if output.suffix == ".svg" else "Software"
    with mpl.rc_context(_style(dark)):
        figure.savefig(output, metadata=known(names.split()))  # type: ignore[arg-type]
    plt.close(figure)
