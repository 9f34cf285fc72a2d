"""What figures draw and say, and records that are made to say something."""

import copy

import matplotlib.pyplot as plt
import numpy as np

from bench.drawing import palette


def of(records, arm="lstm", length=16):
    return [r for r in records if r["cell"]["arm"] == arm and r["cell"]["length"] == length]


def words(figure):
    """Everything that a figure says."""
    return "\n".join(text.get_text() for text in figure.findobj(plt.Text))


def panel(figure, title):
    return next(here for here in figure.axes if here.get_title() == title)


def lines(here, arm, width=None, dash=None):
    """An arm's lines in a panel."""
    return [
        line
        for line in here.lines
        if line.get_color() == palette.colour(arm)
        and (width is None or line.get_linewidth() == width)
        and (dash is None or line.get_linestyle() == dash)
    ]


def fill(record, curve, stage=None, double=None):
    """Replace a record's curves, of one stage or all, by a function of the distance."""
    samples = record["samples"]
    for number in range(len(samples["steps"])) if stage is None else [stage]:
        norm = [curve(d) for d in samples["distance"]]
        for name in ("norm", "norm_low", "norm_high"):
            samples[name][number] = norm
        if double is not None:
            samples["norm_float64"][number] = [double(d) for d in samples["distance"]]
    return record


def falling(decay):
    """Of a float32: what is below its smallest number is zero."""
    return lambda d: n if (n := decay**d) > 1.4e-45 else 0.0


def drawn(here, arm, axis_floor=0.0):
    """All points of an arm that a panel shows."""
    return [
        (x, y)
        for line in lines(here, arm)
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if np.isfinite(y) and y > axis_floor
    ]


def points(here):
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in here.lines
        if line.get_marker() == "o" and len(line.get_xdata()) == 1
    ]


def diverge(record, stages=3):
    """A training that broke after so many measurements, the last but not the least lost."""
    samples = record["samples"]
    for name in list(samples):
        if name not in ("distance", "states", "loss", "gradient_norm", "group_norms", "seconds"):
            samples[name] = samples[name][:stages]
    samples["gradient_norm"] = [*samples["gradient_norm"][:2], None]
    record["status"], record["metrics"] = "diverged", {"step": 3}
    return record


def untrained(record):
    diverge(record, stages=1)
    record["status"] = "done"
    for name in ("gradient_norm", "group_norms", "loss"):
        del record["samples"][name]
    record["cell"]["protocol"] = record["cell"]["protocol"] | {"steps": 0}
    record["key"] += "-untrained"
    return record


def relabelled(record, length):
    changed = copy.deepcopy(record)
    changed["cell"]["length"] = length
    changed["key"] += f"-{length}"
    return changed
