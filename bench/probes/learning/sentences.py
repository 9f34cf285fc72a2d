"""What trainings say in sentences: known results, who learned, what is left on longer windows.

What it took, and how far apart arms are, is in :mod:`bench.probes.learning.contrasts`.
"""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from bench import registry
from bench.data.metrics import METRICS, Metric
from bench.drawing.palette import rank
from bench.frames.columns import estimate
from bench.frames.groups import groups
from bench.page import words
from bench.page.captions import EXPLORATORY
from bench.page.numbers import fixed, number, percent
from bench.page.words import Row
from bench.probes.learning import published
from bench.statistics.intervals import Estimate

#: What all arms of one training have in common.
TRAINING = [
    "comparison", "task", "data", "device", "dtype", "denormals", "threads", "length", "shortest",
    "steps", "patience", "warmup_steps", "schedule", "batch_size", "eval_rows", "clip_norm",
]  # fmt: skip
_ONE_ANSWER = "AutoModelForSequenceClassification"


def _exploratory(seeds: "pd.Series[Any]") -> str:
    """What few seeds of ours allow, which agree where one of them does."""
    least, most = seeds.min(), seeds.max()
    if not least < EXPLORATORY:
        return ""
    count = f"{least:.0f}" if least == most else f"{least:.0f} to {most:.0f}"
    return f" Ours have {count} seed{'' if count == '1' else 's'}, so this is exploratory."


def known(frame: pd.DataFrame) -> list[str]:
    """How many published figures ours agree with, and every one that they do not.

    Args:
        frame: the table ``published``.
    """
    if frame.empty:
        return []
    counts = frame["verdict"].value_counts()
    lines = [
        f"Of {len(frame)} published figures, ours agree with {counts.get(published.AGREES, 0)} and "
        f"disagree with {counts.get(published.DISAGREES, 0)}; not comparable: "
        f"{counts.get(published.OPEN, 0)}." + _exploratory(frame["seeds"][frame["seeds"] > 0])
    ]
    for verdict in (published.DISAGREES, published.OPEN):
        for row in frame[frame["verdict"] == verdict].to_dict("records"):
            ours = "" if pd.isna(row["ours_median"]) else f", ours {number(row['ours_median'])}"
            theirs = number(row["published"])
            if pd.isna(row["published"]):
                theirs = "solves it" if row["published_solves"] else "does not solve it"
            lines.append(
                f"{row['task']}, {registry.label(str(row['arm']))} "
                f"({row['comparison']}, {row['tested']}, {row['metric']}): published "
                f"{theirs}{ours}. {verdict.capitalize()}: {row['because']}. Source: "
                f"{str(row['source']).rstrip('.')}."
            )
    return lines


def learned(frame: pd.DataFrame) -> list[str]:
    """The task's metric by arm, every seed's, beside the floor; and who was expected to win.

    Args:
        frame: the table ``tasks``.
    """
    if frame.empty:
        return []
    lines: list[str] = []
    expected: dict[str, str] = {}
    for rows in groups(frame, TRAINING):
        # An arm none of whose seeds ended does not know its metric.
        first = max(rows, key=lambda row: bool(_kept(row)))
        metric, seeds = metric_of(first), max(row["seeds"] for row in rows)
        few = max(map(_kept, rows)) < EXPLORATORY
        how = ", ".join(["median and range"] * (seeds > 1) + ["exploratory"] * few)
        direction = "" if metric.higher_is_better else ", lower is better"
        line = (
            f"{where(first)}, test {metric.name} on {first['eval_rows']} "
            f"rows after {_steps(first)} of batch {first['batch_size']}, "
            f"{seeds} seed{'s' * (seeds > 1)}{f' ({how})' if how else ''}{direction}: "
            + "; ".join(f"{words.named(row, rows)} {_scored(row, metric)}" for row in rows)
        )
        if not math.isnan(first["floor"]):
            line += f". Floor {number(first['floor'])}{_noise(first, metric)}"
        lines.append(f"{line}.")
        if isinstance(first["expected"], str):
            expected[words.task(first)] = first["expected"].rstrip(".")
    return lines + [f"Expected of {task}: {text}." for task, text in expected.items()]


def where(row: Row) -> str:
    """A training: its windows, comparison and task."""
    return f"T={_trained(row)} ({_place(row)})"


def _kept(row: Row) -> int:
    """Seeds that have a score: neither lost nor diverged."""
    return int(row["seeds"] - row["missing"] - row["diverged"])


def _steps(row: Row) -> str:
    """How long a training was."""
    return f"{'at most ' if row['patience'] else ''}{row['steps']} steps"


def _place(row: Row) -> str:
    """The comparison and the task, and what is not usual; on a CPU it needs no word."""
    device = [] if row["device"] == "cpu" else [row["device"]]
    return ", ".join([words.of_task(row), *device, *words.unusual(row, without=["seed"])])


def _trained(row: Row) -> str:
    """The lengths that a training had."""
    shortest, length = row["shortest"], row["length"]
    return str(length) if shortest == length else f"{shortest}–{length}"


def metric_of(row: Row) -> Metric:
    """The task's, also where it is not registered here."""
    known = METRICS.get(row["metric"])
    return known or Metric(row["metric"], row["metric"], row["higher_is_better"], scale="linear")


def _scored(row: Row, metric: Metric) -> str:
    """What an arm scores: the median and the range of its seeds, and how many solved it."""
    parts = []
    kept, ended = _kept(row), row["seeds"] - row["missing"]
    if kept:
        text = metric.text(row["median"])
        if kept > 1:
            text += f" ({metric.text(row['least'])}–{metric.text(row['most'])})"
        parts.append(text)
    if kept >= EXPLORATORY:
        mean = said(estimate(row, "iqm"), metric.text)
        parts.append(f"interquartile mean {mean}")
    if row["diverged"]:
        text = f"{row['diverged']} of {row['seeds']} seeds diverged"
        parts.append(text + (" and are not in the median" if kept else ""))
    if not math.isnan(row["solve_rate"]):
        text = f"solved by {row['solved']:.0f} of {ended}"
        if ended >= EXPLORATORY:
            text += f" [{percent(row['solve_rate_low'])}, {percent(row['solve_rate_high'])}]"
        parts.append(text)
    if row["cut_off"]:
        parts.append(f"{row['cut_off']} of {ended} stopped while still learning")
    return ", ".join([*parts, *lost(row)])


def lost(row: Row) -> list[str]:
    """``1 of 2 seeds is missing: killed``: those that were to be trained, and that have no end."""
    count, seeds = row["missing"], row["seeds"]
    if not count:
        return []
    what = f"{count} of {seeds} seeds" if count < seeds or seeds > 1 else "its seed"
    return [f"{what} {'is' if count == 1 else 'are'} missing: {row['missing_why']}"]


def said(number: Estimate, text: Callable[[float], str]) -> str:
    """A number with its interval, where there is one."""
    if math.isnan(number.low):
        return text(number.value)
    return f"{text(number.value)} [{text(number.low)}, {text(number.high)}]"


def _noise(row: Row, metric: Metric) -> str:
    """How far chance alone takes a guess from the floor, where every row is one answer."""
    floor = row["floor"]
    if metric.name != "accuracy" or row["head"] != _ONE_ANSWER or not 0 < floor < 1:
        return ""
    spread = 2 * math.sqrt(floor * (1 - floor) / row["eval_rows"])
    return f"; on so many rows, guessing itself scores within ±{fixed(spread, 2)} of it"


def longer(frame: pd.DataFrame) -> list[str]:
    """What is left of a score on the longest windows tested, medians over seeds.

    Args:
        frame: the table ``out_of_distribution``.
    """
    if frame.empty:
        return []
    lines = []
    for key, group in frame.groupby([*TRAINING, "metric"], sort=False):
        row: Row = {str(name): value for name, value in group.iloc[0].items()}
        metric = METRICS.get(str(key[-1])) or Metric(str(key[-1]), str(key[-1]))
        length, longest = row["length"], int(group["test_length"].max())
        if longest <= length:
            continue
        floors = group[group["test_length"] == longest]["floor"].dropna()
        floor = f". Floor there {number(floors.iloc[0])}" if len(floors) else ""
        seeds = group["seed"].nunique()
        lines.append(
            f"Trained at T={_trained(row)} for {_steps(row)} of batch "
            f"{row['batch_size']}, tested to T={longest} on {row['eval_rows']} rows "
            f"({_place(row)}, {metric.name}, {seeds} seed{'s' if seeds > 1 else ''}): "
            + ", ".join(_left(group, metric, length, longest))
            + f"{floor}."
        )
    return lines


def _left(group: pd.DataFrame, metric: Metric, length: int, longest: int) -> list[str]:
    """What each arm scores at the length trained on, and at the longest that it reads."""
    parts: list[tuple[Any, str]] = []
    for (arm, kernel), rows in group.groupby(["arm", "kernel"], sort=False):
        middle = rows.groupby("test_length")["test_metric"].median().dropna()
        several = group[group["arm"] == arm]["kernel"].nunique() > 1
        text = registry.label(str(arm)) + (f"/{kernel}" if several else "")
        if length in middle.index:
            text += f" {metric.text(middle[length])} →"
        if (reach := int(middle.index.max() if len(middle) else 0)) > length:
            text += f" {metric.text(middle[reach])}"
            text += "" if reach == longest else f" at T={reach}, and reads none longer"
        else:
            text += " reads no longer windows"
        parts.append((rank(str(arm)), text))
    return [text for _, text in sorted(parts)]
