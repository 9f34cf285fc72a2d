"""The figures of what a model learns: its curves, floors and thresholds drawn.

Every function takes records of one facet and returns a figure, or None where there is nothing to
draw.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench import registry
from bench.data.metrics import Metric
from bench.drawing.axes import amount_axis, length_axis
from bench.drawing.colours import INK, REGION, RULE, SOLVED
from bench.drawing.lines import MOST_PANELS, by_step, seeds_and_median, spread
from bench.drawing.palette import colour, label, labels
from bench.drawing.style import SMALL, STYLE, grid, handles, legend, title, titled
from bench.frames import scores
from bench.frames.groups import arms, by_arm
from bench.outcome import CEILING
from bench.page.numbers import compact, in_units, number
from bench.page.words import an
from bench.probes.learning import costs
from bench.store.records import Record, coordinate

#: What a training is said to have cost, to how it is computed, called and written.
_COSTS: dict[str, tuple[Callable[..., Any], str, Callable[[float], str]]] = {
    "tokens": (costs.tokens, "tokens seen", compact),
    "seconds": (costs.seconds, "seconds of training steps on this machine", number),
}
_LOW_SHARE = 0.4  # a figure of shares below it is drawn larger


@mpl.rc_context(STYLE)
def learning_curves(records: Sequence[Record]) -> Figure | None:
    """The task's metric and the training loss by step, of the shortest and the longest window.

    A thin line a seed, a thick one the median. The floor and the threshold from which the task
    counts as solved are drawn with their values.
    """
    lengths = spread(sorted({r["cell"]["length"] for r in records}), MOST_PANELS // 2)
    if not lengths:
        return None
    records = [r for r in records if r["cell"]["length"] in lengths]
    drawn = scores.of(records)
    metric = drawn[0].metric
    figure, panels = grid(2 * len(lengths))
    above, below = panels[::2], panels[1::2]
    for upper, lower, length in zip(above, below, lengths, strict=True):
        here = [s for s in drawn if s.cell["length"] == length]
        _curves(upper, lower, here)
        if metric.scale == "log":
            losses = [_smooth(s.record["samples"]["loss"]) for s in here]
            amount_axis(lower, np.concatenate(losses), lambda value: f"{value:g}")
        upper.set_title(_trained_on(here))
        lower.set_title(_trained_on(here))
        upper.set_ylabel(f"validation {_name(metric)}")
        lower.set_ylabel("training loss (mean of 5 steps)")
    for panel in panels[-2:]:
        panel.set_xlabel("step")
    _score_axis(above, drawn, [point[2] for s in drawn for point in s.curve])
    title(figure, _who(drawn))
    legend(figure, handles(arms(records)))
    return figure


def _curves(above: Axes, below: Axes, drawn: Sequence[scores.Scores]) -> None:
    """The trainings of one length: scores, and losses."""
    for series in by_arm([s.record for s in drawn]):
        arm = series[0]["cell"]["arm"]
        curves = [np.asarray(s.curve, dtype=float) for s in scores.of(series)]
        losses = [by_step(_smooth(r["samples"]["loss"])) for r in series]
        ended = [r["metrics"].get("ended") is not None for r in series]
        seeds_and_median(above, arm, [(curve[:, 0], curve[:, 2]) for curve in curves], ended)
        seeds_and_median(below, arm, losses, ended)
    _limits(above, drawn)
    if (guess := _guess(drawn[0])) is not None:
        below.axhline(guess, color=INK, linestyle="--", linewidth=0.9)
        _beside(below, guess, f"guessing\n{guess:.2f}", "center")


@mpl.rc_context(STYLE)
def learning_costs(records: Sequence[Record]) -> Figure | None:
    """The task's metric by tokens seen and by seconds, of the shortest and the longest window.

    A thin line a seed, a thick one the median over seeds of both the score and what it took.
    """
    lengths = spread(sorted({r["cell"]["length"] for r in records}), MOST_PANELS // 2)
    if not lengths:
        return None
    drawn = [s for s in scores.of(records) if s.cell["length"] in lengths]
    figure, panels = grid(2 * len(lengths))
    for here, (length, cost) in zip(panels, itertools.product(lengths, _COSTS), strict=True):
        spent, name, text = _COSTS[cost]
        shown = [s for s in drawn if s.cell["length"] == length]
        for series in by_arm([s.record for s in shown]):
            _by_cost(here, scores.of(series), spent)
        _limits(here, shown)
        here.set_title(_trained_on(shown))
        here.set_xlabel(name)
        here.set_xlim(left=0)
        here.xaxis.set_major_locator(MaxNLocator(6))
        here.xaxis.set_major_formatter(FuncFormatter(partial(_tick, text)))
    _score_axis(panels, drawn, [point[2] for s in drawn for point in s.curve])
    for here in panels[::2]:
        here.set_ylabel(f"validation {_name(drawn[0].metric)}")
    title(figure, _cheapest(drawn))
    legend(figure, handles([s.cell["arm"] for s in drawn]))
    return figure


def _tick(text: Callable[[float], str], value: float, _: object) -> str:
    return text(value)


def _by_cost(here: Axes, series: Sequence[scores.Scores], spent: Callable[..., Any]) -> None:
    """One arm; of seeds that ended the median goes on, at what each of their steps took."""
    curves = [np.asarray(s.curve, dtype=float) for s in series]
    longest = max(curves, key=len)[:, 0]
    seeds_and_median(
        here,
        series[0].cell["arm"],
        [(spent(s, c[:, 0]), c[:, 2]) for s, c in zip(series, curves, strict=True)],
        [s.record["metrics"].get("ended") is not None for s in series],
        np.median([spent(s, longest) for s in series], axis=0),
    )


def _cheapest(drawn: Sequence[scores.Scores]) -> str:
    """Who reaches the threshold on the longest windows with fewest tokens, and in how long."""
    longest = max(s.cell["length"] for s in drawn)
    drawn = [s for s in drawn if s.cell["length"] == longest]
    of = (coordinate(drawn[0].cell, name) for name in ("task", "data"))
    task = f"{registry.named(*of)} (T = {longest})"
    targets: dict[str, list[costs.Target]] = {}
    for s in drawn:
        if (target := costs.to_target(s)) is not None:
            targets.setdefault(s.cell["arm"], []).append(target)
    if not targets:
        return f"Who learns {task} from the fewest tokens, and who soonest?"
    median = {
        arm: [float(np.median(each)) for each in zip(*map(astuple, found), strict=True)]
        for arm, found in targets.items()
    }
    reaching = {arm: spent for arm, spent in median.items() if math.isfinite(spent[0])}
    if not reaching:
        some = any(math.isfinite(target.steps) for found in targets.values() for target in found)
        return f"None of these learns {task}{' in most seeds' if some else ''}{_within(drawn)}"
    fewest, soonest = (min(reaching, key=lambda arm: reaching[arm][by]) for by in (1, 2))
    tokens, seconds = compact(reaching[fewest][1]), in_units(reaching[soonest][2], "s")
    if fewest != soonest:
        return (
            f"{label(fewest)} learns {task} from the fewest tokens, {tokens}; {label(soonest)} in "
            f"the shortest time, {seconds}"
        )
    if len(reaching) == 1:
        others = [s for s in drawn if s.cell["arm"] != fewest]
        return f"Only {label(fewest)} learns {task}{_within(others)}: {tokens} tokens, {seconds}"
    return f"{label(fewest)} learns {task} soonest: {tokens} tokens, {seconds}"


def _within(drawn: Sequence[scores.Scores]) -> str:
    """The steps that trainings had, where some used them up: still learning, they might have."""
    cut = [
        s.cell["protocol"]["steps"] for s in drawn if s.record["metrics"].get("ended") == CEILING
    ]
    return f" in {max(cut):,} steps" if cut else ""


def _who(drawn: Sequence[scores.Scores]) -> str:
    """Who solved the longest windows, or what is asked where nobody can."""
    longest = max(s.cell["length"] for s in drawn)
    drawn = [s for s in drawn if s.cell["length"] == longest]
    task = registry.named(*(coordinate(drawn[0].cell, name) for name in ("task", "data")))
    outcomes: dict[str, list[bool]] = {}
    for s in drawn:
        outcomes.setdefault(s.cell["arm"], []).append(bool(s.solves(s.test)))
    if drawn[0].solved_at is None:
        return f"Who learns {task} (T = {longest})?"
    always = [arm for arm, solved in outcomes.items() if all(solved)]
    never = [arm for arm, solved in outcomes.items() if not any(solved)]
    if len(never) == len(outcomes):
        return f"None of these trainings solves {task} (T = {longest}){_within(drawn)}"
    if len(always) == len(outcomes):
        return f"Every training solves {task} (T = {longest})"
    if len(always) + len(never) < len(outcomes):
        told = "; ".join(
            f"{label(arm)} in {sum(solved)} of {len(solved)}" for arm, solved in outcomes.items()
        )
        return f"Who solves {task} (T = {longest})? {told}"
    within = _within([s for s in drawn if s.cell["arm"] in never])
    solvers = labels(always, an)
    return (
        f"{solvers[0].upper()}{solvers[1:]} solved {task} (T = {longest}) each time, "
        f"{labels(never, an)} never{within}"
    )


@mpl.rc_context(STYLE)
def out_of_distribution(records: Sequence[Record]) -> Figure | None:
    """The task's metric by the length of the window tested, a panel for each length trained on.

    A thin line a seed, a thick one the median; the lengths trained on are shaded. A line that ends
    early is of an arm that reads no longer windows.
    """
    drawn = [s for s in scores.of(records) if s.by_length]
    if not drawn:
        return None
    trained = spread(sorted({s.cell["length"] for s in drawn}))
    figure, panels = grid(len(trained))
    for panel, length in zip(panels, trained, strict=True):
        here = [s for s in drawn if s.cell["length"] == length]
        for series in by_arm([s.record for s in here]):
            _by_test_length(panel, scores.of(series))
        lengths = sorted({n for s in here for n, *_ in s.by_length})
        # Of the lengths trained on as much is shown as tells where they end.
        shortest = max(min(s.shortest for s in here), min(lengths) // 2)
        length_axis(panel, [*lengths, shortest])
        panel.set_xlabel("window tested (tokens)")
        _shade(panel, here)
        _limits(panel, here, lengths)
        panel.set_title(_trained_on(here))
    reached = [score for s in drawn for _, score, _ in s.by_length]
    _score_axis(panels, drawn, reached)
    for panel in panels[::2]:
        panel.set_ylabel(f"test {_name(drawn[0].metric)}")
    task = registry.named(*(coordinate(drawn[0].cell, name) for name in ("task", "data")))
    title(figure, f"Does what was learned of {task} hold on longer windows?")
    legend(figure, handles([s.cell["arm"] for s in drawn]))
    return figure


def _by_test_length(here: Axes, series: Sequence[scores.Scores]) -> None:
    """One arm: every seed thin, and the median where all seeds have a score."""
    shade = colour(series[0].cell["arm"])
    lines = [
        {length: score for length, score, _ in s.by_length if score is not None} for s in series
    ]
    for line in lines:
        style: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.5} if len(lines) > 1 else {}
        if style:
            here.plot(list(line), list(line.values()), color=shade, **style)
    common = sorted(set.intersection(*(set(line) for line in lines)))
    middle = [np.median([line[length] for line in lines]) for length in common]
    (thick,) = here.plot(common, middle, color=shade, linewidth=1.8, marker="o", markersize=3.5)
    titled(thick, f"{label(series[0].cell['arm'])}, median of {len(lines)}")


def _shade(here: Axes, drawn: Sequence[scores.Scores]) -> None:
    """The lengths trained on, to the left of the longest of them."""
    shortest, longest = min(s.shortest for s in drawn), drawn[0].cell["length"]
    if shortest < longest:
        here.axvspan(shortest, longest, color=REGION, zorder=0)
    here.axvline(longest, color=RULE, linewidth=0.9, linestyle=":")
    style: dict[str, Any] = {"fontsize": SMALL, "color": INK, "va": "bottom", "ha": "left"}
    text = f" trained to {longest}"
    here.text(longest, 0.02, text, transform=here.get_xaxis_transform(), **style)


def _limits(here: Axes, drawn: Sequence[scores.Scores], lengths: Sequence[int] = ()) -> None:
    """The floor, at every length where it depends on that, and the threshold, with their values."""
    first = next((s for s in drawn if s.floor is not None), drawn[0])
    # Each name on its own side of the two levels, so that near ones can be read.
    below, above = ("top", "bottom") if first.metric.higher_is_better else ("bottom", "top")
    floors = [first.floor_at(length) for length in lengths]
    known = [floor for floor in floors if floor is not None]
    if len(set(known)) > 1 and len(known) == len(lengths):
        here.plot(lengths, known, color=INK, linestyle="--", linewidth=0.9)
        # At its start, as at its end the threshold may be near.
        here.annotate(
            "floor ", (lengths[0], known[0]), fontsize=SMALL, color=INK, va="center", ha="right"
        )
    elif first.floor is not None:
        here.axhline(first.floor, color=INK, linestyle="--", linewidth=0.9)
        _beside(here, first.floor, f"floor\n{first.floor:.3g}", below)
    if first.solved_at is not None:
        here.axhline(first.solved_at, color=SOLVED, linestyle="-.", linewidth=0.9)
        _beside(here, first.solved_at, f"solved\n{first.solved_at:.3g}", above, SOLVED)


def _beside(here: Axes, height: float, text: str, side: str, shade: str = INK) -> None:
    """A level's name, to the right of the panel, where no line crosses it."""
    place = here.get_yaxis_transform()
    style: dict[str, Any] = {"fontsize": SMALL, "va": side, "ha": "left", "color": shade}
    here.text(1.01, height, text, transform=place, **style)


def _score_axis(
    axes: Sequence[Axes], drawn: Sequence[scores.Scores], reached: Sequence[float | None]
) -> None:
    """One axis for all panels: shares from 0, to 1 unless nothing comes near; others as they grow.

    Args:
        axes: the panels; drawn: what they show; reached: every score in them.
    """
    levels = [s.floor for s in drawn] + [s.solved_at for s in drawn]
    values = [v for v in (*reached, *levels) if v is not None and math.isfinite(v)]
    if not values:
        return
    scale = drawn[0].metric.scale
    low, high = min(values), max(values)
    for here in axes:
        if scale == "share":
            top = 1.0 if high > _LOW_SHARE else max(1.3 * high, 0.02)
            here.set_ylim(-0.02 * top, 1.02 * top)
        elif scale == "log" and low > 0:
            amount_axis(here, values, lambda value: f"{value:g}")
        else:
            room = 0.06 * (high - low or abs(high) or 1.0)
            here.set_ylim(low - room, high + room)


def _trained_on(drawn: Sequence[scores.Scores]) -> str:
    """``T = 40``, or the lengths of its training windows."""
    shortest, longest = min(s.shortest for s in drawn), drawn[0].cell["length"]
    return f"T = {longest}" if shortest == longest else f"trained on T = {shortest} to {longest}"


def _name(metric: Metric) -> str:
    return metric.name if metric.higher_is_better else f"{metric.name}\n(lower is better)"


def _guess(trained: scores.Scores) -> float | None:
    """The loss of guessing among classes that are equally likely; None where they are not."""
    classes, floor = len(trained.literals.get("LABELS", ())), trained.floor
    if classes < 2 or floor is None or trained.metric.name != "accuracy":
        return None
    return math.log(classes) if math.isclose(floor * classes, 1) else None


def _smooth(values: Sequence[float], width: int = 5) -> Any:
    """Trailing mean over up to ``width`` steps."""
    _, numbers = by_step(values)
    sums = np.cumsum(np.insert(numbers, 0, 0.0))
    ends = np.arange(1, len(numbers) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)
