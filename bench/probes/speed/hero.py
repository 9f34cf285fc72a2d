"""Times over a reference's as a strip: a row for each phase and arm, a dot for each length.

On the page's top for the setting that most was measured in, and among speed's figures for each.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, NullLocator

from bench import phases, registry
from bench.drawing import style
from bench.drawing.by_length import series_of
from bench.drawing.palette import GREY, colour, label, rank
from bench.drawing.style import STYLE
from bench.page import words
from bench.page.contract import Facet
from bench.page.evidence import Evidence
from bench.page.numbers import cell_text, listed
from bench.statistics.directions import DELTA

BAND = "#ececec"  # within which two times count as the same
SMALL = 7  # points: 9.7 px where a figure of 7 inches is 700 px wide
_SPREAD = 0.32  # of a row, over which its lengths are spread
_HEADING = 0.75  # of a row, that a phase's name takes
_ROOM = 1.12  # beside the intervals
_TICKS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_FINE = (0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.4, 1.6)
_NARROW = 3.0  # a range over which doublings are too few ticks
_NAMES = 0.12  # of the axis, on both sides, for the names of lengths
_LETTER, _LINE = 0.62, 1.25  # of its points: how wide a letter and how high a line of text is
_GAP = 4  # points between a dot's interval and the name of its length
_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8}
_MOST_WORDS = 12  # of half of the title on top
_WIDEST = 8.0  # as much of an interval is drawn beyond its dot
NOTHING, RECURRENT = "Which architecture is faster is undecided", "recurrent networks"
_Line = list[tuple[int, float, float, float]]  # length, ends of its interval, height, of each dot
_Box = tuple[float, float, float, float]  # left, right, lower and upper end, in pixels


def rows(evidence: Evidence) -> pd.DataFrame:
    """Every arm beside its reference, where there is an interval."""
    frame = evidence["directions"]
    if frame.empty:
        return frame
    return frame[(frame["contrast"] == "arms") & frame["time_ratio_low"].notna()]


def usual(evidence: Evidence) -> pd.DataFrame:
    """Of those between architectures what has most; of each phase its commonest type and task.

    One way of reading and one of decoding stand for all.
    """
    frame = rows(evidence)
    if frame.empty:
        return frame
    frame = frame[frame["arm"] != frame["reference"]]
    frame = _commonest(frame, ["comparison", "device", "reference"])
    if frame.empty:
        return frame
    kinds = frame.groupby(frame["phase"].map(phases.kind), sort=False)
    frame = pd.concat(_commonest(part, ["phase"]) for _, part in kinds)
    for names in (
        ["dtype", "denormals", "threads"],
        ["task", "data", "seed"],
        ["reference_kernel"],
        ["arm", "kernel"],
    ):
        by = ["phase", "arm"] if "arm" in names else ["phase"]
        frame = pd.concat(_commonest(part, names) for _, part in frame.groupby(by, sort=False))
    return frame


def _commonest(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rows that agree on what most rows agree on; of as many, the first."""
    if frame.empty:
        return frame
    keys = list(frame[list(names)].itertuples(index=False, name=None))
    most = max(dict.fromkeys(keys), key=keys.count)
    return frame[[key == most for key in keys]]


def figure(facet: Facet) -> Figure:
    """The strip of one facet, as high as its rows need."""
    strips = sum(len(series_of(rows)) for _, rows in facet.rows.groupby("phase"))
    with mpl.rc_context(STYLE):
        figure, here = plt.subplots(figsize=(style.WIDTH, 1.2 + 0.42 * strips))
        strip(here, facet.rows)
        style.title(figure, full_finding(facet))
    return figure


def draw(here: Axes, facet: Facet) -> None:
    """The right half of the picture on top."""
    strip(here, facet.rows)


def strip(here: Axes, frame: pd.DataFrame) -> None:
    """Ratios on a log axis with their intervals: filled where something is claimed, else hollow."""
    here.axvspan(1 / (1 + DELTA), 1 + DELTA, color=BAND, linewidth=0, zorder=0)
    here.axvline(1, color=GREY, linewidth=0.9)
    place, ticks, names = 0.0, [], []
    blocks: list[tuple[Text, list[_Line]]] = []
    for phase in phases.in_order(frame["phase"]):
        title = _heading(phase, frame)
        heading = here.text(
            0.0, place, title, transform=here.get_yaxis_transform(), fontsize=SMALL + 0.5,
            fontweight="bold", va="center", bbox=_BOX | {"alpha": 1.0},
        )  # fmt: skip
        place += _HEADING
        blocks.append((heading, []))
        for name, line in _lines(frame[frame["phase"] == phase]):
            blocks[-1][1].append(_line(here, place, line))
            ticks.append(place)
            names.append(name)
            place += 1
        place += 0.1
    here.set_yticks(ticks, names, fontsize=SMALL + 0.5)
    here.tick_params(axis="y", length=0)
    here.spines["left"].set_visible(False)
    here.set_ylim(place - 0.4, -0.5)
    here.grid(visible=False, axis="y")
    _ratio_axis(here, frame)
    for heading, drawn in blocks:
        _name_lengths(here, heading, drawn)


def _lines(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Rows of one arm and kernel by length, in the order of a legend, and what they are called."""
    series = series_of(frame)
    several = Counter(arm for (arm, _), _ in series)
    return [
        (label(arm) if several[arm] == 1 else f"{label(arm)}, {kernel}", line)
        for (arm, kernel), line in series
    ]


def _heading(phase: str, frame: pd.DataFrame) -> str:
    """A phase, and its type where phases differ in that."""
    noun = phases.noun(phase)
    types = frame.loc[frame["phase"] == phase, "dtype"].unique()
    told = f", {types[0]}" if frame["dtype"].nunique() > 1 else ""
    return f"{noun[:1].upper()}{noun[1:]}{told}"


def _line(here: Axes, place: float, line: pd.DataFrame) -> _Line:
    """The lengths of one arm, the shortest on top."""
    shifts = np.linspace(-_SPREAD, _SPREAD, len(line)) if len(line) > 1 else [0.0]
    drawn = []
    for y, row in zip(place + np.asarray(shifts), line.to_dict("records"), strict=True):
        shade, value = colour(row["arm"]), row["time_ratio"]
        low = max(row["time_ratio_low"], value / _WIDEST)
        high = min(row["time_ratio_high"], value * _WIDEST)
        here.hlines(y, low, high, color=shade, linewidth=1.1, alpha=0.7)
        claimed = row["direction"] != "undecided"
        here.plot(
            value, y, color=shade, marker="o", markersize=4.2, linestyle="",
            markerfacecolor=shade if claimed else "white",
        )  # fmt: skip
        drawn.append((int(row["length"]), low, high, float(y)))
    return drawn


def _name_lengths(here: Axes, heading: Text, lines: Sequence[_Line]) -> None:
    """Name each length once, beside the first arm that has it.

    The shortest and the longest of an arm in any case, so that it can be seen which way lengths go;
    those between only where nothing else is drawn, and of the first arm.
    """
    one = here.transData.transform((1, 0))[0]
    level = one, one, -math.inf, math.inf
    taken = [_around(here, heading)]
    for *_, low, high, y in itertools.chain.from_iterable(lines):
        (left, below), (right, _) = here.transData.transform([(low, y), (high, y)])
        taken.append((left, right, below - _points(here, 2), below + _points(here, 2)))
    told: set[int] = set()
    for line in lines:
        last = len(line) - 1
        for number, (length, low, high, y) in sorted(
            enumerate(line), key=lambda item: item[0] not in (0, last)
        ):
            inner = number not in (0, last)
            if length in told or (inner and line is not lines[0]):
                continue
            text = f"T={length}"
            boxes = [_beside(here, text, end, y, side) for end, side in ((high, 1), (low, -1))]
            covered = [any(_meet(box, other) for other in taken) for box in boxes]
            if inner and all(covered):
                continue
            chosen = min((0, 1), key=lambda n: (covered[n], _meet(boxes[n], level)))
            told.add(length)
            taken.append(boxes[chosen])
            here.annotate(
                text, (high if chosen == 0 else low, y),
                xytext=(_GAP if chosen == 0 else -_GAP, 0), textcoords="offset points",
                fontsize=SMALL, color=GREY, va="center", ha="left" if chosen == 0 else "right",
                bbox=_BOX,
            )  # fmt: skip


def _points(here: Axes, points: float) -> float:
    """So many in the units of boxes."""
    figure = here.get_figure(root=True)
    assert figure is not None
    return points * figure.dpi / 72


def _beside(here: Axes, text: str, end: float, y: float, side: int) -> _Box:
    """About where a name is, to the right of an interval's end or to the left of it."""
    x, middle = here.transData.transform((end, y))
    near = x + side * _points(here, _GAP)
    far = near + side * _points(here, _LETTER * SMALL * len(text))
    half = _points(here, _LINE * SMALL) / 2
    return min(near, far), max(near, far), middle - half, middle + half


def _around(here: Axes, heading: Text) -> _Box:
    """About where a heading is."""
    x, middle = here.get_yaxis_transform().transform(heading.get_position())
    size = float(heading.get_fontsize())
    width, half = _points(here, _LETTER * size * len(heading.get_text())), _points(here, size) / 2
    return x, x + width, middle - half, middle + half


def _meet(one: _Box, other: _Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _ratio_axis(here: Axes, frame: pd.DataFrame) -> None:
    least = max(frame["time_ratio_low"].min(), frame["time_ratio"].min() / _WIDEST)
    most = min(frame["time_ratio_high"].max(), frame["time_ratio"].max() * _WIDEST)
    low, high = min(least, 1 / (1 + DELTA)) / _ROOM, max(most, 1 + DELTA) * _ROOM
    span = high / low
    here.set_xscale("log")
    here.set_xlim(low / span**_NAMES, high * span**_NAMES)
    ticks = [t for t in (_FINE if span < _NARROW else _TICKS) if low <= t <= high]
    here.xaxis.set_major_locator(FixedLocator(ticks))
    here.xaxis.set_minor_locator(NullLocator())
    here.set_xticklabels([f"{tick:.3g}×" for tick in ticks], fontsize=SMALL)
    references = listed(dict.fromkeys(words.an(arm) for arm in frame["reference"]))
    here.set_xlabel(f"time over that of {references}", fontsize=SMALL + 0.5)


def finding(facet: Facet) -> str:
    """How long what is claimed takes, in twelve words: of too many phases, over all of them."""
    claimed = _claimed(facet)
    if claimed.empty:
        return NOTHING
    if claimed["phase"].nunique() == 1:
        return full_finding(facet)
    who, rows = _whose(claimed)
    whose = f"{who[:1].upper()}{who[1:]}" + ("'" if who == RECURRENT else "'s")
    spans = (
        f"{phases.noun(p)} {_span(rows[rows['phase'] == p], '–')}×"
        for p in phases.in_order(rows["phase"])
    )
    text = f"{whose} times: {listed(spans)}"
    return text if len(text.split()) <= _MOST_WORDS else f"{whose} times: {_span(rows, '–')}×"


def full_finding(facet: Facet) -> str:
    """How long each phase takes in which anything is claimed, over all lengths where it is."""
    claimed = _claimed(facet)
    told: list[str] = []
    before = ""
    for phase in phases.in_order(claimed["phase"]):
        who, rows = _whose(claimed[claimed["phase"] == phase])
        what = f"{phases.one(phase)} {_span(rows)}"
        if who != before:
            what = f"{phases.taking(phase)} {who} {_span(rows)} times as long"
        told, before = [*told, what], who
    text = ", ".join(told) or NOTHING
    return f"{text[:1].upper()}{text[1:]}"


def _claimed(facet: Facet) -> pd.DataFrame:
    rows: pd.DataFrame = facet.rows[facet.rows["direction"].isin(["longer", "shorter"])]
    return rows


def _whose(frame: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Whose times are told, and their rows: of all recurrent networks, else of the first arm."""
    arms = sorted(set(frame["arm"]), key=rank)
    if len(arms) > 1 and {registry.family(arm) for arm in arms} != {"recurrent"}:
        frame, arms = frame[frame["arm"] == arms[0]], arms[:1]
    return words.an(arms[0]) if len(arms) == 1 else RECURRENT, frame


def _span(frame: pd.DataFrame, to: str = " to ") -> str:
    ends = (
        cell_text(end, "ratio") for end in (frame["time_ratio"].min(), frame["time_ratio"].max())
    )
    return to.join(dict.fromkeys(ends))


def caption(facet: Facet) -> str:
    """What the marks say."""
    return (
        "Paired time ratios, with intervals. Filled: claimed; hollow: undecided; grey band: within "
        "3%. Other sizes, other ways: not shown."
    )


def full_caption(facet: Facet) -> str:
    """What the marks say, beside what every caption says."""
    return (
        "Means over rounds, with intervals; shortest length on top. Filled: claimed after Holm's "
        "correction; hollow: undecided; grey band: within 3%. Not shown: other sizes."
    )
