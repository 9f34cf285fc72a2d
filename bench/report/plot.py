"""``rvt plot``: one comparison of any quantity that a table has, from one run or several.

:mod:`bench.report.selection` says which rows; here these become a picture.
"""

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from bench import registry
from bench.drawing import comparison, style
from bench.drawing.comparison import Chart, Series
from bench.drawing.palette import rank
from bench.outcome import UNDECIDED
from bench.page.numbers import cell_text, ranged
from bench.report import circumstances, selection
from bench.report.selection import RUN, PlotError, Request
from bench.store.archive import Source

FORMATS = (".svg", ".png")
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
    candidates = selection.candidates(selection.tables(runs), request)
    table, rows = selection.first(candidates, request)
    if len(rows) == 1:
        return _said(rows.iloc[0], request)
    panels = selection.panels(rows, request, table, _spoken)
    note = "different machines" if request.y.endswith("_s") and len(_machines(runs)) > 1 else ""
    chart = _chart(rows, panels, request, list(runs), note)
    _save(comparison.draw(chart, style.STYLE), output, request.dark)
    others = [name for name in candidates if name != table]
    also = f"; {', '.join(others)} {'have' if len(others) > 1 else 'has'} these columns too"
    return f"plot: {output} (table {table}{also if others else ''})"


def _machines(runs: Mapping[str, Source]) -> set[str]:
    """What the records of all runs were made on."""
    return {str(circumstances.machine(r)) for source in runs.values() for r in source.records()}


def _chart(
    frame: pd.DataFrame,
    panels: Mapping[str, pd.DataFrame],
    request: Request,
    runs: Sequence[str],
    note: str,
) -> Chart:
    one_x = frame[request.x].nunique() == 1
    by_arm = request.by == "arm"
    values = frame[request.by].nunique()
    if not by_arm and values > len(comparison.COLOURS):
        raise PlotError(
            f"{request.by} has {values} values, and at most {len(comparison.COLOURS)} colours can "
            f"be told apart. Choose with --where, or take {request.by} as --x"
        )
    across = request.by if one_x else request.x
    drawn = {title: list(_series(rows, request, runs, across)) for title, rows in panels.items()}
    numbers = pd.api.types.is_numeric_dtype(frame[across]) and across not in ("arm", RUN)
    scope = list(_scope(frame, [request.x] if one_x else []))
    banded = any(not math.isnan(v) for p in drawn.values() for s in p for v in s.low)
    if note:
        scope.append(note)
    if banded:
        scope.append(f"{'bands' if numbers and not one_x else 'bars'} are 95% intervals")
    if any(loose for p in drawn.values() for s in p for loose in s.hollow):
        scope.append("hollow: undecided")
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
    by_arm, several = request.by == "arm", len(runs) > 1 and request.by != RUN
    groups = [
        (str(of), runs.index(run), rows)
        for (of, run), rows in frame.groupby([request.by, RUN] if request.by != RUN
                                             else [RUN, frame[RUN].rename("of")], sort=False)
    ]  # fmt: skip
    if by_arm:
        groups.sort(key=lambda one: (rank(one[0]), one[1]))
    for of, run, rows in groups:
        label = comparison.called(of, by_arm)
        if label.isdecimal():
            label = f"{words(request.by).partition(' (')[0]} {label}"
        rows = rows.sort_values(request.x)
        texts = across == request.by or not pd.api.types.is_numeric_dtype(frame[across])
        xs = [label] * len(rows) if across == request.by else rows[across].tolist()
        low, high = (
            rows[f"{request.y}{end}"].astype(float).tolist()
            if f"{request.y}{end}" in rows.columns
            else [math.nan] * len(rows)
            for end in ("_low", "_high")
        )
        loose = rows["status"].eq(UNDECIDED).tolist() if "status" in rows.columns else None
        yield Series(
            of, run, f"{label}, {runs[run]}" if several else label,
            [str(x) for x in xs] if texts else xs, rows[request.y].tolist(), low, high,
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


def _save(figure: Figure, output: Path, dark: bool) -> None:
    """Write it as a report's figures are written, and of their forms keep the one asked for."""
    with tempfile.TemporaryDirectory() as made:
        style.save(figure, Path(made), "plot", png=output.suffix == ".png")
        form = f"plot{'-dark' if dark else ''}{output.suffix}"
        output.write_bytes((Path(made) / form).read_bytes())
