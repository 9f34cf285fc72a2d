"""The gradient by distance from the loss, before and after training."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.drawing.lines import MOST_PANELS, spread
from bench.drawing.palette import labels
from bench.drawing.style import STYLE, grid, handles, legend, title
from bench.frames.groups import arms
from bench.page.words import an
from bench.probes.gradient import flow
from bench.probes.gradient.figures.axis import Axis
from bench.probes.gradient.figures.curves import in_order, stage_in_words, trained
from bench.probes.gradient.figures.panels import NORM, flow_panel
from bench.probes.gradient.records import of_flow
from bench.store.records import Record


@mpl.rc_context(STYLE)
def gradient_flow(records: Sequence[Record]) -> Figure | None:
    """Gradient norm at the input embeddings by distance from the loss.

    Above the shortest and the longest window at initialisation, below those of the longest
    trainings at their end; without training up to four windows. A line an arm: the
    median over seeds in the band of all, or one seed with its quartiles over rows.
    """
    records = [r for r in in_order(of_flow(records)) if r["samples"]["distance"][-1] > 0]
    if not records:
        return None
    steps = max(r["cell"]["protocol"]["steps"] for r in records)
    begun = [r for r in records if trained(r) and r["cell"]["protocol"]["steps"] == steps]
    most = MOST_PANELS // 2 if begun else MOST_PANELS
    panels = [
        (when, length)
        for when, chosen in (("init", records), ("end", begun))
        for length in spread(_lengths(chosen), most)
    ]
    shown = {length for _, length in panels}
    records = [r for r in records if r["cell"]["length"] in shown]
    axis = Axis.of(records, [0, -1] if begun else [0])
    figure, axes = grid(len(panels), height=2.7, sharey=True)
    for number, (here, (when, length)) in enumerate(zip(axes, panels, strict=True)):
        chosen = begun if when == "end" else records
        drawn = [r for r in chosen if r["cell"]["length"] == length]
        flow_panel(here, axis, drawn, when)
        here.set_title(f"T = {length}, {stage_in_words(when, drawn)}")
        if number % 2 == 0:
            here.set_ylabel(NORM)
    title(figure, _finding(records))
    legend(figure, handles(arms(records)))
    return figure


def _lengths(records: Sequence[Record]) -> list[int]:
    return sorted({r["cell"]["length"] for r in records})


def _finding(records: Sequence[Record]) -> str:
    """Whose gradient gets lost in the longest window before training, and whose does not."""
    longest = max(_lengths(records))
    fates: dict[str, set[str]] = {}
    for record in records:
        if record["cell"]["length"] == longest and record["samples"]["steps"][0] == 0:
            samples = record["samples"]
            found = flow.fate(samples["distance"], samples["norm"][0])
            fates.setdefault(record["cell"]["arm"], set()).add(found)
    gone = [arm for arm, found in fates.items() if found == {"vanishes"}]
    kept = [arm for arm, found in fates.items() if found == {"lasts"}]
    if not gone or len(gone) + len(kept) < len(fates):
        return "How much of the loss's gradient arrives how far back?"
    text = f"At initialisation the gradient vanishes on its way through {labels(gone, an)}"
    return f"{text}, not through {labels(kept, an)}" if kept else text
