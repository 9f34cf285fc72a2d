"""Whether a reach that holds the needed distance says who solves a task."""

import pandas as pd

from bench.frames.groups import groups
from bench.page.numbers import cell_text, percent
from bench.probes.gradient.sentences.groups import TOGETHER, arms, where
from bench.statistics import intervals


def solved(frame: pd.DataFrame) -> list[str]:
    """Who solved what, beside the reach; and whether reach was needed, or enough."""
    if frame.empty:
        return []
    lines = []
    keys = [*TOGETHER, "clip_norm", "length", "training_steps", "needed_distance"]
    for rows in groups(frame, keys):
        told = []
        for arm, found in arms(rows).items():
            own = pd.DataFrame(found)
            told.append(
                f"{arm} by {int(own['solved'].sum())} of {len(own)} seeds (reach "
                f"{_middle(own, 'reach_init')} at initialisation, {_middle(own, 'reach_end')} at "
                "the end)"
            )
        first = rows[0]
        lines.append(
            f"{where(first, without=('seed',))}, T={first['length']}, needs "
            f"{first['needed_distance']} tokens; solved after {first['training_steps']} steps: "
            f"{', '.join(told)}."
        )
    verdicts = [text for when in ("init", "end") if (text := _association(frame, when))]
    verdicts.append(
        "Tasks, lengths and starts are taken together there. Seeds of one arm and task are not "
        "independent trials, so the intervals are too narrow; and arms differ in more than their "
        "reach, so none of this says that reach is the cause."
    )
    return verdicts + lines


def _middle(frame: pd.DataFrame, column: str) -> str:
    if column not in frame.columns or frame[column].isna().all():
        return "unknown"
    return cell_text(float(frame[column].median()), column)


def _association(frame: pd.DataFrame, when: str) -> str:
    """How many trainings solved their task with the needed distance inside the reach, or not."""
    if f"inside_{when}" not in frame.columns:
        return ""
    known = frame.dropna(subset=[f"inside_{when}"])
    inside = known[known[f"inside_{when}"].astype(bool)]["solved"]
    outside = known[~known[f"inside_{when}"].astype(bool)]["solved"]
    counts = []
    for solved in (inside, outside):
        count, total = int(solved.sum()), len(solved)
        ends = intervals.share(count, total)
        span = f"{percent(ends.low)} to {percent(ends.high)}"
        counts.append(f"{count} of {total} (95% interval {span})")
    time = "At initialisation" if when == "init" else "At the end of training"
    told = (
        f"{time}: of trainings in which 1% reached the needed distance {counts[0]} solved the "
        f"task, of those in which it did not {counts[1]}."
    )
    unseen = len(frame) - len(known)
    return told + (f" Of {unseen} it was not measured." if unseen else "")
