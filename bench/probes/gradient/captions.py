"""What the pictures of gradients show and what they do not, beyond what every caption says."""

from typing import Any

import numpy as np
import pandas as pd

from bench.frames.columns import ENDS
from bench.frames.scores import task_in_words
from bench.outcome import UNSTABLE
from bench.page.captions import EXPLORATORY
from bench.page.contract import Facet
from bench.page.numbers import cell_text, ranged
from bench.registry import label
from bench.store.records import Record


def flow(facet: Facet) -> str:
    """Of the gradient by distance from the loss, at one stage or at several."""
    return (
        f"{_seeds_and_rows(facet.records)}The norm at one position, mean over rows, taken in "
        f"float64 of gradients of the cell's type. {_runs(facet.records)}"
        "Compare slopes, not heights: embeddings have other scales in other arms. It says how much "
        "of the loss reaches a token, not whether the task needs that token, and holds for one "
        "task, these sizes and this initialisation."
    )


def _seeds_and_rows(records: list[Record]) -> str:
    """What thick, thin and shaded are."""
    seeds: dict[tuple[Any, ...], set[int]] = {}
    for record in records:
        cell = record["cell"]
        seeds.setdefault((cell["arm"], cell["length"]), set()).add(cell["seed"])
    counts = {len(found) for found in seeds.values()}
    text = "Thick: the median over seeds, thin: each. " if max(counts) > 1 else ""
    return text + ("Shaded: quartiles over rows of a single seed. " if 1 in counts else "")


def _runs(records: list[Record]) -> str:
    """Whether a point stands for more than one distance, as those of long windows do."""
    if all(np.diff(record["samples"]["distance"]).max(initial=1) == 1 for record in records):
        return ""
    return "Far from the loss a point is the mean of a run of neighbouring distances. "


def heatmap(facet: Facet) -> str:
    """Of the map of distance by training step."""
    return (
        "The median over the seeds that came that far; each measurement, at a small mark of the "
        "axis, fills the steps nearest to it. One colour scale for all panels: compare how fast "
        "colours change upwards, not heights between arms. It does not say what happened between "
        "two measurements."
    )


def states(facet: Facet) -> str:
    """Of the gradient at the states in between."""
    return (
        "Of the longest window trained on; the median over seeds, in float64 where the device has "
        "it, so that it goes on where float32 ends. Recurrences run step by step here, proven "
        "equal to their fused kernels. An exact zero is no loss of precision where no path leads "
        "from the state to the loss, as behind a transformer's last layer. Norms of states of "
        "other kinds and arms have other scales and are not compared."
    )


def reach_by_length(facet: Facet) -> str:
    """Of the reach by length."""
    return (
        f"{_bars(facet.rows)} {_trainings(facet.rows)}"
        "A triangle reaches the window's end, so its reach is at least that. "
        "It is a threshold on a curve, not on what can be learned: less than 1% may still be "
        "enough to learn from, and more does not say that it is used."
    )


def _trainings(rows: pd.DataFrame) -> str:
    """How long each length was trained, where they differ."""
    trained = rows[rows["training_steps"] > 0].groupby("length")["training_steps"].max()
    if trained.nunique() < 2:
        return ""
    told = ", ".join(f"{steps} steps at T={length}" for length, steps in trained.items())
    return f"The trainings are not equally long: {told}. "


def _bars(rows: pd.DataFrame) -> str:
    """What the bars of a reach are."""
    short, known = rows["seeds"].min() < EXPLORATORY, rows["reach_tokens_low"].notna().any()
    parts = ["95% intervals of the median over seeds"] if known else []
    parts += [f"the range of fewer than {EXPLORATORY} seeds (exploratory)"] if short else []
    return f"Medians over seeds; bars: {', or '.join(parts)}."


def reach_by_setting(facet: Facet) -> str:
    """Of what lengthens a reach."""
    return (
        f"{_bars(facet.rows)} Settings that differ in more than what they are named by are not "
        "one change: their numbers of parameters are matched anew. It says how far the gradient "
        "reaches under a setting, not that it learns better there."
    )


def reach_and_learning(facet: Facet) -> str:
    """Of what a reach is worth."""
    rows = facet.rows
    known = rows.dropna(subset=["inside_init"])
    inside, solved = known["inside_init"].astype(bool), known["solved"].astype(bool)
    unseen = len(rows) - len(known)
    return (
        f"{task_in_words(facet.records)}Of {len(known)} trainings {int(inside.sum())} start with "
        f"the needed distance inside their reach, {int((inside & solved).sum())} of these solve "
        f"the task; of the other {int((~inside).sum())} it is {int((~inside & solved).sum())}. "
        + (f"Of {unseen} the rows measured do not go back as far. " if unseen else "")
        + "The learning rate was not tuned, and few trainings of few arms cannot part reach from "
        "what else differs: it does not say that reach is the cause, nor who would solve the task "
        "in the end."
    )


def subnormals(facet: Facet) -> str:
    """Of what subnormal floats cost."""
    rows = facet.rows
    text = "Numbers at the points: T. Points of the same share stand side by side. "
    stable = rows[rows["status"] != UNSTABLE].sort_values("speedup")
    if len(stable):
        most = stable.iloc[-1]
        ends = (most[f"speedup{end}"] for end in ENDS)
        share = cell_text(most["subnormal_share"], "subnormal_share")
        text += (
            f"The largest ratio is {ranged('speedup', *ends)}, that of the {label(most['arm'])} at "
            f"T = {most['length']}, where {share} of the gradient's entries at the embeddings are "
            "subnormal. "
        )
    if loose := int((rows["status"] == UNSTABLE).sum()):
        text += f"Hollow: {loose} of {len(rows)} are unstable; no claim rests on them. "
    if "verdict" in rows.columns:
        faster = int((rows["verdict"] == "faster").sum())
        text += f"Faster beyond the A/A controls of both settings: {faster} of {len(rows)}. "
    return text + "Nothing follows for another processor, size or batch."


def norms(facet: Facet) -> str:
    """Of the norm over all parameters by step."""
    return (
        "Of more than 400 steps the median of each few; a bar for every clipped step and seed, and "
        "the share over all of them. Norms of different architectures have different scales: "
        "compare a line with itself, not with another arm's."
    )


def group_norms(facet: Facet) -> str:
    """Of the norms of groups of parameters by step."""
    return (
        "Of the longest window, before clipping, the median over seeds. A larger group has a "
        "larger norm for its size alone: it says whose gradient the global norm is, not how much "
        "each weight changes."
    )
