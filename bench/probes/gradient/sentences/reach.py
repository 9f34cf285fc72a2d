"""Over how many tokens a gradient reaches, what comes to the far end, what lengthens the reach."""

import math
from collections.abc import Sequence

import pandas as pd

from bench.frames.columns import estimate
from bench.frames.groups import groups
from bench.page import words
from bench.page.captions import EXPLORATORY
from bench.page.numbers import cell_text, counted, number, significant
from bench.probes.gradient.flow import LEFT
from bench.probes.gradient.sentences.groups import TOGETHER, Row, arms, place, seeds, where
from bench.registry import label

#: What is the same where one thing is varied, beside what else may be.
_FIXED = [
    "task", "data", "length", "arm", "kernel", "device", "dtype", "denormals", "threads",
    "matched_to", "width", "when", "steps",
]  # fmt: skip
#: What may lengthen a reach, beside training, and how it is called.
_VARIED = {
    "layers": lambda value: f"with {counted(value, 'layer')}",
    "initialization": lambda value: f"initialisation {value}",
    "clip_norm": words.clipped,
}
#: Ends of a window that differ by less than this factor are alike, as reaches are in the claims.
_ALIKE = 1.25
_THIN = 10.0  # times its neighbour's, from which the loss's own position is worth a sentence
_START, _END = "init", "100%"


def reached(frame: pd.DataFrame) -> list[str]:
    """How far each arm's gradient reaches, at initialisation and from there to the end of training.

    A sentence for every arm of what was trained; of the rest one for all arms.
    """
    lines = []
    for together in groups(frame, TOGETHER):
        each = arms(together)
        if any(row["when"] == _END for row in together):
            lines += [_told(arm, rows) for arm, rows in each.items()]
            continue
        starts = [(arm, _longest(rows, _START)) for arm, rows in each.items()]
        if told := [f"{arm} {_tokens(row)}" for arm, row in starts if row]:
            lines.append(f"{where(together[0])}, at initialisation: {', '.join(told)}.")
    if lines:
        lines.insert(
            0,
            f"Reach: the farthest token that gets {LEFT:.0%} of the largest gradient norm that any "
            "token gets, the one where the loss is read left out.",
        )
    return lines


def level(frame: pd.DataFrame) -> list[str]:
    """Of arms whose whole window is reached from the start: how much comes to its far end."""
    if frame.empty:
        return []
    lines = []
    start = frame[frame["whole_window"] & (frame["when"] == _START)]
    whole = frame[frame["whole_window"] & frame["arm"].isin(set(start["arm"]))]
    for together in groups(whole, TOGETHER):
        for arm, rows in arms(together).items():
            parts = []
            for when, at in ((_START, "at initialisation"), (_END, "after training")):
                row = _longest(rows, when)
                if row is not None and not math.isnan(row["far_over_near"]):
                    parts.append(f"{at}, T={row['length']}, {_ends(row)}{_own(row)}")
            if parts:
                lines.append(f"{arm} ({where(rows[0])}) does not vanish: {'; '.join(parts)}.")
    return lines


def _ends(row: Row) -> str:
    """What the farthest tenth of the window gets of what the nearest gets."""
    found = estimate(row, "far_over_near")
    known = not math.isnan(found.low)
    span = f" [{number(found.low)}, {number(found.high)}]" if known else f" ({_seeds(row)})"
    low, high = (found.low, found.high) if known else (found.value, found.value)
    times = f"{number(found.value)} times{span}"
    if low > 1 / _ALIKE and high < _ALIKE:
        return f"the farthest tenth of the window gets as much as the nearest, {times}"
    return f"the farthest tenth of the window gets {times} the gradient of the nearest"


def _own(row: Row) -> str:
    """How much more the position gets that the loss is read at, where that is far more."""
    share = row["nearest_over_loss"]
    if math.isnan(share) or not 0 < share < 1 / _THIN:
        return ""
    return (
        ", and the position that the loss is read at gets "
        f"{number(float(significant(1 / share, 2)))} times the gradient of its neighbour"
    )


def lengthened(frame: pd.DataFrame, usual: pd.DataFrame) -> list[str]:
    """Depth, initialisation and clipping, each beside the usual with all else the same."""
    if frame.empty:
        return []
    lines = []
    known = set(usual["record"])
    ends = frame[frame["when"].isin([_START, _END])]
    for name, called in _VARIED.items():
        others = [other for other in _VARIED if other != name]
        for rows in groups(ends, _FIXED):
            bases = [row for row in rows if row["record"] in known]
            base = max(bases, key=lambda row: row["seeds"], default=None)
            if base is None or (name == "clip_norm" and base["when"] == _START):
                continue
            varied = {base[name]: base}
            for row in rows:
                if all(row[other] == base[other] for other in others):
                    varied.setdefault(row[name], row)
            if len(varied) == 1:
                continue
            told = "; ".join(f"{called(key)}: {_tokens(row)}" for key, row in varied.items())
            lines.append(f"{_arm(base, ends)} ({_under(base, name)}): {told}.")
    return lines


def _arm(row: Row, frame: pd.DataFrame) -> str:
    """An arm, with its kernel where others have another."""
    several = frame[frame["arm"] == row["arm"]]["kernel"].nunique() > 1
    return label(row["arm"]) + (f"/{row['kernel']}" if several else "")


def _under(row: Row, name: str) -> str:
    """What is the same of everything varied."""
    when = "at initialisation" if row["when"] == _START else f"after {row['steps']} steps"
    parts = [f"task {words.task(row)}", f"T={row['length']}", when]
    return ", ".join([*parts, *place(row, without=[name])])


def _told(arm: str, rows: Sequence[Row]) -> str:
    """One arm: its longest window at initialisation, and its longest training."""
    start, end = _longest(rows, _START), _longest(rows, _END)
    parts = []
    if start:
        parts.append(f"at initialisation {_tokens(start)}{_halves(start)}")
    if end:
        starts = [row for row in rows if row["when"] == _START]
        before = next((row for row in starts if _same_training(row, end)), None)
        if before is not None and before is not start:
            parts.append(f"at T={end['length']} {_tokens(before)} at initialisation")
        parts.append(f"{_tokens(end)} after {end['steps']} training steps")
    return f"{arm} ({where(rows[0])}) reaches {'; '.join(parts)}."


def _tokens(row: Row) -> str:
    """``14 [12, 17] of 4,095 tokens (6 seeds)``, or that the whole window is reached."""
    if math.isnan(row["reach_tokens"]):
        return f"no token ({row['fate']})"
    if row["whole_window"]:
        fate = f", {row['fate']}" if row["fate"] != "lasts" else ""
        of = counted(row["farthest"], "token")
        return f"the whole window of {of} ({_seeds(row)}{fate})"
    text = _number(row, "reach_tokens")
    ends = [_number(row, f"reach_tokens{end}") for end in ("_low", "_high")]
    if not math.isnan(row["reach_tokens_low"]):
        text += f" [{', '.join(ends)}]" if set(ends) != {text} else ""
    elif row["seeds"] > 1:
        text += f" (from {_number(row, 'reach_least')} to {_number(row, 'reach_most')})"
    return f"{text} of {counted(row['farthest'], 'token')} ({_seeds(row)})"


def _seeds(row: Row) -> str:
    """How many seeds there are, and of how many; too few for an interval is said."""
    text, lost = seeds(row["seeds"]), row.get("lost_seeds", 0)
    fates = ["diverged"] * (row["begun_seeds"] > row["seeds"]) + ["were lost"] * bool(lost)
    if fates:
        planned = seeds(row["begun_seeds"] + lost)
        text = f"{row['seeds']} of {planned}, as the others {' or '.join(fates)}"
    return text + (", exploratory" if row["seeds"] < EXPLORATORY else "")


def _number(row: Row, column: str) -> str:
    return cell_text(row[column], column)


def _halves(row: Row) -> str:
    half = row["half_life_tokens"]
    if half is None or math.isnan(half) or row["whole_window"]:
        return ""
    if math.isinf(half):
        return ", and does not decay measurably within the window"
    return f", halving every {counted(half, 'token')}"


def _longest(rows: Sequence[Row], when: str) -> Row | None:
    """Of those with seeds enough for an interval the longest window, else of all."""
    rows = [row for row in rows if row["when"] == when]
    enough = [row for row in rows if row["seeds"] >= EXPLORATORY]
    return max(enough or rows, key=lambda row: (row["length"], row["seeds"]), default=None)


def _same_training(row: Row, other: Row) -> bool:
    names = ("length", "training_steps", "clip_norm", "layers", "initialization", "batch_size")
    return all(row[name] == other[name] for name in names)
