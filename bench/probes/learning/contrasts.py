"""Sentences of what trainings took, how they ended, and how far apart arms are on shared seeds."""

import math
from collections.abc import Sequence

import pandas as pd

from bench import registry
from bench.frames.columns import estimate
from bench.frames.groups import groups
from bench.page import words
from bench.page.numbers import compact, fixed, in_units, listed, number, percent
from bench.page.words import Row
from bench.probes.learning.sentences import TRAINING, lost, metric_of, said, where

#: How a training ends that may before its steps are over, in words that follow a count.
_ENDINGS = {
    "ended_solved": "stopped once the task was solved",
    "ended_converged": "had converged",
    "ended_ceiling": "used up the {steps:,} steps allowed, still learning",
}


def took(frame: pd.DataFrame) -> list[str]:
    """What each arm took until a validation first reached the threshold, where a task has one.

    Args:
        frame: the table ``tasks``.
    """
    lines: list[str] = []
    for rows in _trainings(frame):
        known = [row for row in rows if row["seeds"] > row["missing"]]
        if not known or math.isnan(known[0]["solve_rate"]):
            continue
        first, metric = known[0], metric_of(known[0])
        parts = [f"{words.named(row, rows)} {_taken(row)}" for row in known if row["reached"]]
        never = [words.named(row, rows) for row in known if not row["reached"]]
        parts += [f"never in {first['steps']:,} steps: {listed(never)}"] * bool(never)
        lines.append(
            f"{_of(first)}, {metric.name} {number(first['solved_at'])} on validation: "
            f"{'; '.join(parts)}."
        )
    return lines


def _taken(row: Row) -> str:
    seeds = row["seeds"] - row["missing"]
    count = f"{row['reached']:.0f} of {seeds} seed{'s' * (seeds > 1)}"
    if math.isinf(row["target_steps"]):
        return f"in {count} only, so that its median is never"
    return (
        f"after {'a median of ' * (seeds > 1)}{fixed(row['target_steps'])} steps, "
        f"{compact(row['target_tokens'])} tokens, {in_units(row['target_s'], 's')} ({count})"
    )


def ended(frame: pd.DataFrame) -> list[str]:
    """How the trainings ended, which seeds are missing, and what was spent on learning rates.

    Args:
        frame: the table ``tasks``.
    """
    lines = []
    for rows in _trainings(frame):
        parts = [_ends(rows)]
        parts += [f"{words.named(row, rows)}: {text}" for row in rows for text in lost(row)]
        lines.append(f"{_of(rows[0])}: {'; '.join(parts)}. {_tuned(rows)}.")
    return lines


def _ends(rows: Sequence[Row]) -> str:
    total = sum(row["seeds"] - row["missing"] for row in rows)
    many = f"{total} training{'s' * (total != 1)}"
    diverged = sum(row["diverged"] for row in rows)
    counts = {name: sum(row[name] for row in rows) for name in _ENDINGS}
    steps = rows[0]["steps"]
    if not sum(counts.values()):
        text = f"{many} of {steps:,} steps, whether or not still learning then"
        return f"{text}; {diverged} of these diverged before" if diverged else text
    told = [
        f"{count} {_ENDINGS[name].format(steps=steps)}" for name, count in counts.items() if count
    ]
    told += [f"{diverged} diverged"] * bool(diverged)
    return f"of {many}, {', '.join(told)}"


def _tuned(rows: Sequence[Row]) -> str:
    """The tuning budget, and who might have asked for more of it."""
    tried = [row for row in rows if row["rates_tried"] > 1]
    if not tried:
        given = listed(dict.fromkeys(row["learning_rates"] for row in rows))
        return f"Every arm had the learning rate {given}, without trials of others"
    least, most = (end(row["rates_tried"] for row in rows) for end in (min, max))
    count = f"{most}" if least == most else f"{least} to {most}"
    widest = max(tried, key=lambda row: row["rates_tried"])["learning_rates"].split(", ")
    text = (
        f"Every arm had {count} learning rates tried, {widest[0]} to {widest[-1]}, for "
        f"{tried[0]['trial_steps']:,.0f} steps each"
    )
    edge = [
        f"{words.named(row, rows)} ({row['at_edge']} of {row['seeds'] - row['missing']} seeds)"
        for row in rows
        if row["at_edge"]
    ]
    if not edge:
        return f"{text}; no best one was the least or the largest"
    return f"{text}; the best was the least or the largest, so that others may be better, for " + (
        listed(edge)
    )


def apart(frame: pd.DataFrame) -> list[str]:
    """How far arms are from their reference on the same seeds; few seeds are counted only.

    Args:
        frame: the table ``learning_differences``.
    """
    if frame.empty:
        return []
    tested = frame[~frame["exploratory"].astype(bool)]
    few = frame[frame["exploratory"].astype(bool)]
    lines = []
    for rows in groups(tested, [*TRAINING, "reference"]):
        first = rows[0]
        each = "; ".join(f"{words.named(row, rows)} {_apart(row)}" for row in rows)
        lines.append(
            f"{_of(first)}, mean {first['metric']} beside the "
            f"{registry.label(first['reference'])}'s on the same seeds: {each}."
        )
    if lines:
        lines.append(
            f"After Holm: for {len(tested)} comparison{'s' * (len(tested) > 1)}, over all tasks "
            "and lengths."
        )
    if len(few):
        places = [_of(rows[0]) for rows in groups(few, TRAINING)]
        lines.append(
            f"Fewer than six seeds, so exploratory and without a test: {'; '.join(places)}."
        )
    return lines


def _of(row: Row) -> str:
    """Which training: its windows, comparison and task, and the rows of a step."""
    return f"{where(row)}, batch {row['batch_size']}"


def _apart(row: Row) -> str:
    found, share = estimate(row, "difference"), estimate(row, "better_share")
    better = found.value >= 0
    text = said(found if better else found.map(lambda value: -value), number)
    return (
        f"{text} {'better' if better else 'worse'} ({row['seeds']} seeds, exact p "
        f"{number(row['p'], 2)}, after Holm {number(row['holm_p'], 2)}), and better in "
        f"{said(share, percent)} of all pairs of seeds"
    )


def _trainings(frame: pd.DataFrame) -> list[list[Row]]:
    return [] if frame.empty else groups(frame, TRAINING)
