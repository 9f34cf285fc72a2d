"""What a probe's ``section.py`` says: sections of the page, and questions with their answers.

A report joins what is registered, in the order of ``place``, and knows no probe by name. The
hundreds follow the suite's questions: known results, gradients, speed, memory, settings, learning.
What belongs to none of them stands at ``LAST``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.page.evidence import Evidence
from bench.page.facets import FACET
from bench.store.records import Record

LAST = 900


@dataclass(frozen=True)
class Facet:
    """What one figure shows.

    Args:
        evidence: all there is.
        rows: of the picture's frame that have in common what one figure has.
        records: that those rows were made from, for the caption.
    """

    evidence: Evidence
    rows: pd.DataFrame
    records: list[Record]


@dataclass(frozen=True)
class Picture:
    """A figure for each facet of a frame.

    Args:
        name: of its files, before the facet's.
        rows: the frame; its column ``record`` has the keys of what each row was made from.
        draw: one facet; None where there is too little to draw.
        caption: what it shows and what it does not, beyond what every caption says.
        by: columns in which the rows of one figure agree.
        made_from: the frame whose ``record`` column names what a facet was made from, where that is
            not ``rows``: one with the same columns ``by``.
    """

    name: str
    rows: Callable[[Evidence], pd.DataFrame]
    draw: Callable[[Facet], Figure | None]
    caption: Callable[[Facet], str]
    by: Sequence[str] = FACET
    made_from: Callable[[Evidence], pd.DataFrame] | None = None


#: Coordinates that a page shows only where they differ.
WHERE = (
    "task", "data", "kernel", "device", "dtype", "denormals", "threads", "batch_size", "seed"
)  # fmt: skip


@dataclass(frozen=True)
class TableView:
    """What of a table a page shows; the CSV file has all of it.

    Args:
        name: of the table, as ``tables.py`` registers it.
        columns: shown, in this order, where they hold anything. Those of ``WHERE`` that are the
            same in all rows are left out, but for those ``always`` shown. A column ``x`` beside
            ``x_low`` and ``x_high`` is shown as one, with its interval.
        rows: those shown, by default all.
        once: column to the columns for each combination of which it is said once.
    """

    name: str
    columns: Sequence[str]
    rows: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    always: Sequence[str] = ()
    once: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Excerpt:
    """What of a section stands on the report's first page too.

    Args:
        sentence: what the table says together.
        view: few columns of a table, the rows that say most first.
    """

    sentence: Callable[[Evidence], str]
    view: TableView


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it; one without a picture or a table is left out.

    Args:
        place: the order on the page.
        title, text: of it.
        pictures, tables: what it shows.
        excerpt: what stands on the report's first page too, where the table has rows.
    """

    place: int
    title: str
    text: str
    pictures: Sequence[Picture] = ()
    tables: Sequence[TableView] = ()
    excerpt: Excerpt | None = None


@dataclass(frozen=True)
class Question:
    """One of the suite's questions; ``answer`` gives what these records say to it, a line each."""

    place: int
    text: str
    answer: Callable[[Evidence], list[str]]


@dataclass(frozen=True)
class Hero:
    """One half of the picture on top of the page; a report joins the first two by ``place``.

    A probe's ``section.py`` may have some, as ``HEROES``; one without rows is left out.

    Args:
        place: the order, as that of sections.
        rows: the frame; its column ``record`` has the keys of what each row was made from.
        draw: onto axes of 350 by 300 px at the page's width; no text of it under 9 px there.
        finding: what it shows, in at most twelve words, as half of the picture's title.
        caption: in at most twenty words, what it shows and what it does not.
    """

    place: int
    rows: Callable[[Evidence], pd.DataFrame]
    draw: Callable[[Axes, Facet], None]
    finding: Callable[[Facet], str]
    caption: Callable[[Facet], str]
