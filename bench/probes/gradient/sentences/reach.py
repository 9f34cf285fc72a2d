"""Over how many tokens a gradient reaches, how level it is, and what lengthens the reach."""

import math
from collections.abc import Sequence

import pandas as pd

from bench.frames.groups import groups
from bench.page import words
from bench.page.captions import EXPLORATORY
from bench.page.numbers import cell_text, number
from bench.probes.gradient.flow import LEFT
from bench.probes.gradient.sentences.groups import TOGETHER, Row, where
from bench.registry import label

#: What is the same where one thing is varied, beside what else may be.
_FIXED = [
    "task", "data", "length", "arm", "kernel", "device", "dtype", "denormals", "matched_to",
    "width", "when", "steps",
]  # fmt: skip
#: What may lengthen a reach, beside training, and how it is called.
_VARIED = {
    "layers": "number of layers {}",
    "initialization": "initialisation {}",
    "clip_norm": "clipped above {:,.10g}",
}
_LEVEL = 2.0  # a norm that changes by less than this factor along the window is called level
_START, _END = "init", "100%"


def reached(frame: pd.DataFrame) -> list[str]:
    """How far each arm's gradient reaches, at initialisation and from there to the end of training.

    A sentence for every arm of what was trained; of the rest one for all arms.
    """
    lines = []
    for together in groups(frame, TOGETHER):
        arms = [[row for row in together if row["arm"] == arm] for arm in _arms(together)]
        if any(row["when"] == _END for row in together):
            lines += [_told(rows) for rows in arms]
        elif starts := [_longest([r for r in rows if r["when"] == _START]) for rows in arms]:
            told = ", ".join(f"{label(row['arm'])} {_tokens(row)}" for row in starts if row)
            lines.append(f"{where(together[0])}, at initialisation: {told}.")
    if lines:
        lines.insert(
            0,
            f"Reach: the farthest token that gets {LEFT:.0%} of the largest gradient norm that any "
            "token gets, the one where the loss is read left out.",
        )
    return lines


def level(frame: pd.DataFrame) -> list[str]:
    """Of arms whose whole window is reached from the start: how level, and how thin."""
    if frame.empty:
        return []
    lines = []
    start = frame[frame["whole_window"] & (frame["when"] == _START)]
    whole = frame[frame["whole_window"] & frame["arm"].isin(set(start["arm"]))]
    for rows in groups(whole, [*TOGETHER, "arm"]):
        parts = []
        for when, at in ((_START, "at initialisation"), (_END, "after training")):
            row = _longest([row for row in rows if row["when"] == when])
            if row is None or math.isnan(row["far_over_near"]):
                continue
            flat = 1 / _LEVEL <= row["far_over_near"] <= _LEVEL
            text = (
                f"{at}, T={row['length']}, {'level' if flat else 'not level'}: the farthest "
                "tenth of the window gets "
                f"{number(row['far_over_near'])} times the norm of the nearest"
            )
            if not math.isnan(row["decay_per_token_low"]):
                total = [
                    row[f"decay_per_token{end}"] ** row["farthest"] for end in ("_low", "_high")
                ]
                text += f" (by the fitted slope {number(total[0])} to {number(total[1])})"
            if not math.isnan(row["nearest_over_loss"]):
                text += (
                    f", and a token gets {number(row['nearest_over_loss'], 2)} times what the "
                    "loss's own position gets"
                )
            parts.append(text)
        if parts:
            lines.append(f"{label(rows[0]['arm'])} ({where(rows[0])}): {'; '.join(parts)}.")
    return lines


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
            told = "; ".join(f"{called.format(key)}: {_tokens(row)}" for key, row in varied.items())
            when = "at initialisation" if base["when"] == _START else f"after {base['steps']} steps"
            lines.append(
                f"{label(base['arm'])} ({words.task(base)}, T={base['length']}, {when}): {told}."
            )
    return lines


def _told(rows: Sequence[Row]) -> str:
    """One arm: its longest window at initialisation, and its longest training."""
    starts = [row for row in rows if row["when"] == _START]
    start, end = _longest(starts), _longest([row for row in rows if row["when"] == _END])
    parts = []
    if start:
        parts.append(f"at initialisation {_tokens(start)}{_halves(start)}")
    if end:
        before = next((row for row in starts if _same_training(row, end)), None)
        if before is not None and before is not start:
            parts.append(f"at T={end['length']} {_tokens(before)} at initialisation")
        parts.append(f"{_tokens(end)} after {end['steps']} training steps")
    return f"{label(rows[0]['arm'])} ({where(rows[0])}): {'; '.join(parts)}."


def _tokens(row: Row) -> str:
    """``14 tokens [12, 17] of 4,095 (6 seeds)``, or that the whole window is reached."""
    if math.isnan(row["reach_tokens"]):
        return f"no token ({row['fate']})"
    seeds = f"{row['seeds']} seed{'s' if row['seeds'] > 1 else ''}"
    if row["begun_seeds"] > row["seeds"]:
        seeds = f"{row['seeds']} of {row['begun_seeds']} seeds, as the others diverged"
    if row["seeds"] < EXPLORATORY:
        seeds += ", exploratory"
    if row["whole_window"]:
        text = f"all {_number(row, 'farthest')} tokens of the window ({seeds}"
        return text + (f", {row['fate']})" if row["fate"] != "lasts" else ")")
    text = f"{_number(row, 'reach_tokens')} tokens"
    if not math.isnan(row["reach_tokens_low"]):
        text += f" [{_number(row, 'reach_tokens_low')}, {_number(row, 'reach_tokens_high')}]"
    elif row["seeds"] > 1:
        text += f" (from {_number(row, 'reach_least')} to {_number(row, 'reach_most')})"
    return f"{text} of {_number(row, 'farthest')} ({seeds})"


def _number(row: Row, column: str) -> str:
    return cell_text(row[column], column)


def _halves(row: Row) -> str:
    half = row["half_life_tokens"]
    if half is None or not math.isfinite(half) or row["whole_window"]:
        return ""
    return f", halving every {_number(row, 'half_life_tokens')} tokens"


def _arms(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["arm"] for row in rows))


def _enough(row: Row) -> bool:
    """Whether there are seeds enough for an interval."""
    return bool(row["seeds"] >= EXPLORATORY)


def _longest(rows: Sequence[Row]) -> Row | None:
    """Of those with seeds enough for an interval the longest window, else of all."""
    enough = [row for row in rows if _enough(row)]
    return max(enough or rows, key=lambda row: (row["length"], row["seeds"]), default=None)


def _same_training(row: Row, other: Row) -> bool:
    names = ("length", "training_steps", "clip_norm", "layers", "initialization", "batch_size")
    return all(row[name] == other[name] for name in names)
