"""What the pictures of gradients show and what they do not, beyond what every caption says."""

from bench.outcome import UNDECIDED
from bench.page.captions import EXPLORATORY
from bench.page.contract import Facet
from bench.page.numbers import cell_text
from bench.probes.gradient.flow import LEFT

_BARS = f"Bars: 95% intervals, ranges of fewer than {EXPLORATORY} seeds."


def flow(facet: Facet) -> str:
    """Of the gradient by distance from the loss, at one stage or at several."""
    return (
        "Lines: medians; bands: all seeds, or the rows of one. Below 1e-38 nothing is drawn. "
        "Compare slopes, not heights; not shown: whether the task needs a token."
    )


def heatmap(facet: Facet) -> str:
    """Of the map of distance by training step."""
    return (
        "Medians over seeds; each measurement fills the steps nearest to it. Compare how colours "
        "change upwards, not between arms; what happens between measurements is not shown."
    )


def states(facet: Facet) -> str:
    """Of the gradient at the states in between."""
    return (
        "Medians over seeds, run step by step. A state without a path to the loss has exactly 0. "
        "Norms of different states are not compared."
    )


def reach_by_length(facet: Facet) -> str:
    """Of the reach by length."""
    rows = facet.rows
    joined = "Solid: equal trainings. " if (rows["training_steps"] > 0).any() else ""
    return (
        f"Reach: farthest token with {LEFT:.0%} of the largest gradient. {_BARS} {joined}"
        "Not shown: what is learned."
    )


def reach_by_setting(facet: Facet) -> str:
    """Of what lengthens a reach."""
    return (
        f"{_BARS} Numbers of parameters are matched anew for each setting. It does not say that "
        "more is learned there."
    )


def against_window(facet: Facet) -> str:
    """Of the reach by length, as half of a picture, in twenty words."""
    seeds = " to ".join(dict.fromkeys(str(end) for end in facet.rows["seeds"].agg(["min", "max"])))
    return (
        f"Reach: farthest token with {LEFT:.0%} of the largest gradient; medians of {seeds} seeds. "
        "Not shown: what is learned."
    )


def reach_and_learning(facet: Facet) -> str:
    """Of what a reach is worth."""
    rows = facet.rows
    unseen = int(rows["inside_init"].isna().sum())
    short = f"Of {unseen} the needed distance was not measured. " if unseen else ""
    return (
        f"A marker a training; right of 1 the reach holds the needed distance. {short}"
        "Learning rates were not tuned; that reach is the cause is not shown."
    )


def subnormals(facet: Facet) -> str:
    """Of what subnormal floats cost."""
    rows = facet.rows
    text = "Numbers: T. Points of one share stand side by side. "
    if "verdict" in rows.columns:
        faster = int((rows["verdict"] == "faster").sum())
        text += f"Faster beyond noise: {faster} of {len(rows)}. "
    if loose := int((rows["status"] == UNDECIDED).sum()):
        text += f"Hollow: {loose} undecided. "
    return text + "Nothing follows for another processor, size or batch."


def norms(facet: Facet) -> str:
    """Of the norm over all parameters by step."""
    return (
        "Thin: seeds, thick: median; below, clipped steps, a row a seed. Norms of different arms "
        "have different scales: compare a line with itself, not with another's."
    )


def group_norms(facet: Facet) -> str:
    """Of the norms of groups of parameters by step."""
    steps = cell_text(max(r["cell"]["protocol"]["steps"] for r in facet.records), "steps")
    return (
        f"Medians over seeds, {steps} steps, before clipping. A larger group has a larger norm for "
        "its size alone: how much each weight changes is not shown."
    )
