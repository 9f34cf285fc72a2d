"""The gradient by distance from the loss, before and after training."""

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from bench.drawing.style import STYLE, handles, legend
from bench.frames.groups import arms
from bench.probes.gradient.figures.axis import Axis
from bench.probes.gradient.figures.curves import in_order, stage_in_words, trained
from bench.probes.gradient.figures.panels import (
    COLUMNS,
    DISTANCE,
    NORM,
    chunked,
    flow_panel,
    kinds,
    say_nothing,
)
from bench.probes.gradient.records import of_flow
from bench.store.records import Record


def gradient_flow(records: Sequence[Record]) -> Figure | None:
    """Gradient norm at the input embeddings by distance from the loss.

    A column for each length, a row for before and for after training, a line for each arm: the
    median over seeds bold and each seed thin, or one seed with its quartiles over rows.
    """
    records = in_order(of_flow(records))
    if not records:
        return None
    stages = ["init", "end"] if any(trained(r) for r in records) else ["init"]
    lengths = sorted({r["cell"]["length"] for r in records})
    columns = min(len(lengths), COLUMNS)
    lines = [(chunk, when) for chunk in chunked(lengths, columns) for when in stages]
    axis = Axis.of(records, [0, -1] if len(stages) > 1 else [0])
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(lines), columns, sharey=True, squeeze=False,
            figsize=(max(5.6, 3.6 * columns), 3.2 * len(lines) + 0.6),
        )  # fmt: skip
        for row, (chunk, when) in zip(axes, lines, strict=True):
            for spare in row[len(chunk) :]:
                spare.set_axis_off()
            for here, length in zip(row, chunk, strict=False):
                drawn = [r for r in records if r["cell"]["length"] == length]
                if when == "end" and not any(trained(r) for r in drawn):
                    say_nothing(here, f"T = {length}: measured at\ninitialisation only")
                    continue
                flow_panel(here, axis, drawn, when, named=here is row[0])
                here.set_title(f"T = {length}, {stage_in_words(when, drawn)}")
                here.set_xlabel(DISTANCE)
            row[0].set_ylabel(NORM)
        legend(figure, handles(arms(records)) + kinds(figure, records))
    return figure
