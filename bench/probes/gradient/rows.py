"""Which rows of a table a picture, a page or a sentence shows, as there are more than one can read.

What is usual of a task is what most of it was measured under. What a varied setting does has a
figure and a sentence of its own.
"""

from collections.abc import Callable

import pandas as pd

from bench.outcome import DIVERGED, DONE
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.facets import FACET, usual
from bench.probes.gradient.sentences.groups import TOGETHER
from bench.store.records import coordinates


def of(table: str) -> Callable[[Evidence], pd.DataFrame]:
    """All of a table."""
    return lambda evidence: evidence[table]


def measured(evidence: Evidence) -> pd.DataFrame:
    """Of the table ``gradient`` what was measured under the usual clipping."""
    frame = evidence["gradient"]
    return frame if frame.empty else usual(frame, ("clip_norm",))


def trained(evidence: Evidence) -> pd.DataFrame:
    """Of the table ``gradient`` what was measured along the usual trainings."""
    frame = evidence["gradient"]
    if frame.empty:
        return frame
    frame = usual(frame, ("clip_norm", "initialization"))
    return frame[frame["training_steps"] > 0]


def of_other_probes(evidence: Evidence) -> pd.DataFrame:
    """Trainings of other probes that left the gradient's norm by step.

    One that diverged is among them as far as it went.
    """
    found = [
        record
        for status in (DONE, DIVERGED)
        for record in evidence.records
        if record["status"] == status
        and record["cell"]["probe"] != "gradient"
        and record["samples"].get("gradient_norm")
    ]
    return pd.DataFrame([coordinates(r["cell"]) | {"record": r["key"]} for r in found])


def first_and_last(frame: pd.DataFrame) -> pd.DataFrame:
    """Of the table ``reach`` what was measured at initialisation and at the end of a training."""
    alike = list(frame.columns[: frame.columns.get_loc("when")])
    last = frame.groupby(alike, dropna=False)["steps"].transform("max")
    return frame[(frame["steps"] == 0) | (frame["steps"] == last)]


def widest(evidence: Evidence) -> pd.DataFrame:
    """Of the table ``reach`` the start of what was measured at most lengths, in one comparison.

    A row for each arm and length, that of most seeds; none without two lengths.
    """
    frame = evidence["reach"]
    if frame.empty:
        return frame
    start = frame[(frame["steps"] == 0) & (frame["reach_tokens"] > 0)]
    start = start.sort_values("seeds", ascending=False, kind="stable")
    best: pd.DataFrame = frame.iloc[:0]
    most = (0, 1)
    for _, rows in start.groupby(list(FACET), sort=False):
        counts = rows.groupby("length")["seeds"].max()
        extent = int((counts >= EXPLORATORY).sum()), len(counts)
        if len(counts) > 1 and extent > most:
            best, most = rows.drop_duplicates(["arm", "length"]), extent
    return best.sort_values(["arm", "length"])


def nothing_varied(evidence: Evidence) -> pd.DataFrame:
    """Of the table ``reach``, for each task, what most seeds were measured under.

    That is the comparison, the depth and the clipping of most seeds whose initialisation is the
    default, where there are such.
    """
    frame = evidence["reach"]
    if frame.empty:
        return frame
    kept: list[pd.DataFrame] = []
    for _, rows in frame.groupby([n for n in TOGETHER if n != "comparison"], sort=False):
        start = rows[rows["initialization"] == "default"]
        rows = rows if start.empty else start
        for name in ("comparison", "layers", "clip_norm"):
            most = rows.groupby(name, sort=False)["seeds"].sum().idxmax()
            rows = rows[rows[name] == most]
        kept.append(rows)
    found: pd.DataFrame = pd.concat(kept)
    return found


def without_known_needs(evidence: Evidence) -> pd.DataFrame:
    """The same without tasks whose needed distance is known.

    Of these the reach is told beside what was learned.
    """
    frame, learned = nothing_varied(evidence), evidence["reach_and_learning"]
    return frame if learned.empty else frame[~frame["task"].isin(set(learned["task"]))]
