"""What gradients say in plain words, with intervals: reach, flatness, who learns, what it costs.

Every function takes tables of :mod:`bench.probes.gradient.tables` and returns sentences.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench import registry
from bench.drawing.palette import label
from bench.frames.groups import groups
from bench.outcome import UNSTABLE
from bench.probes.gradient.flow import LEFT
from bench.statistics import intervals as stats

Row = dict[str, Any]
Frames = Mapping[str, pd.DataFrame]

#: What a reach is told of together; within it arms, lengths and stages differ.
_TOGETHER = ["comparison", "task", "data", "device", "dtype", "denormals"]
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
_MANY = 100.0  # tokens from which on none is divided
_START, _END = "init", "100%"


def all_of(frames: Frames) -> list[tuple[str, list[str]]]:
    """The questions, with what these tables say to each."""
    reach, learned = frames["reach"], frames["reach_and_learning"]
    told = usual = _usual(reach)
    if not learned.empty:  # of these tasks the reach is told beside what was learned
        told = usual[~usual["task"].isin(set(learned["task"]))]
    return [
        ("Does the gradient vanish? Over how many tokens it reaches", _reach(told)),
        ("Is it level where it does not vanish?", _level(told)),
        (
            "Does that explain who solves which task?",
            _learning(frames["reach_and_learning"]),
        ),
        ("What do vanishing gradients cost on this CPU?", _cost(frames["subnormals"])),
        ("What lengthens the reach?", _longer(reach, usual)),
        ("How often was the gradient clipped?", _clipped(frames["norms"])),
    ]


def _usual(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows in which nothing is varied: of each task, what most seeds were measured under.

    That is the comparison, the depth and the clipping of most seeds whose initialisation is the
    default, where there are such.
    """
    if frame.empty:
        return frame
    kept: list[pd.DataFrame] = []
    for _, rows in frame.groupby([n for n in _TOGETHER if n != "comparison"], sort=False):
        start = rows[rows["initialization"] == "default"]
        rows = rows if start.empty else start
        for name in ("comparison", "layers", "clip_norm"):
            most = rows.groupby(name, sort=False)["seeds"].sum().idxmax()
            rows = rows[rows[name] == most]
        kept.append(rows)
    usual: pd.DataFrame = pd.concat(kept)
    return usual


def _reach(frame: pd.DataFrame) -> list[str]:
    """How far each arm's gradient reaches, at initialisation and from there to the end of training.

    A sentence for every arm of what was trained; of the rest one for all arms.
    """
    lines = []
    for together in groups(frame, _TOGETHER):
        arms = [[row for row in together if row["arm"] == arm] for arm in _arms(together)]
        if any(row["when"] == _END for row in together):
            lines += [_told(rows) for rows in arms]
        elif starts := [_longest([r for r in rows if r["when"] == _START]) for rows in arms]:
            told = ", ".join(f"{label(row['arm'])} {_tokens(row)}" for row in starts if row)
            lines.append(f"{_where(together[0])}, at initialisation: {told}.")
    if lines:
        lines.insert(
            0,
            f"Reach: the farthest token that gets {LEFT:.0%} of the largest gradient norm that any "
            "token gets, the one where the loss is read left out.",
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
    return f"{label(rows[0]['arm'])} ({_where(rows[0])}): {'; '.join(parts)}."


def _arms(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["arm"] for row in rows))


def _enough(row: Row) -> bool:
    """Whether there are seeds enough for an interval."""
    return bool(row["seeds"] >= stats.LEAST_ROUNDS)


def _tokens(row: Row) -> str:
    """``14 tokens [12, 17] of 4095 (6 seeds)``, or that the whole window is reached."""
    if math.isnan(row["reach_tokens"]):
        return f"no token ({row['fate']})"
    seeds = f"{row['seeds']} seed{'s' if row['seeds'] > 1 else ''}"
    if row["begun_seeds"] > row["seeds"]:
        seeds = f"{row['seeds']} of {row['begun_seeds']} seeds, as the others diverged"
    if row["seeds"] < stats.LEAST_ROUNDS:
        seeds += ", exploratory"
    if row["whole_window"]:
        text = f"all {row['farthest']} tokens of the window ({seeds}"
        return text + (f", {row['fate']})" if row["fate"] != "lasts" else ")")
    text = f"{row['reach_tokens']:.0f} tokens"
    if not math.isnan(row["reach_tokens_low"]):
        text += f" [{row['reach_tokens_low']:.0f}, {row['reach_tokens_high']:.0f}]"
    elif row["seeds"] > 1:
        text += f" (from {row['reach_least']:.0f} to {row['reach_most']:.0f})"
    return f"{text} of {row['farthest']} ({seeds})"


def _halves(row: Row) -> str:
    half = row["half_life_tokens"]
    if half is None or not math.isfinite(half) or row["whole_window"]:
        return ""
    number = f"{half:,.0f}" if half >= _MANY else f"{half:.2g}"
    return f", halving every {number} tokens"


def _level(frame: pd.DataFrame) -> list[str]:
    """Of arms whose whole window is reached from the start: how level, and how thin."""
    if frame.empty:
        return []
    lines = []
    start = frame[frame["whole_window"] & (frame["when"] == _START)]
    whole = frame[frame["whole_window"] & frame["arm"].isin(set(start["arm"]))]
    for rows in groups(whole, [*_TOGETHER, "arm"]):
        parts = []
        for when, words in ((_START, "at initialisation"), (_END, "after training")):
            row = _longest([row for row in rows if row["when"] == when])
            if row is None or math.isnan(row["growth"]):
                continue
            level = 1 / _LEVEL <= row["growth"] <= _LEVEL
            text = (
                f"{words}, T={row['length']}, {'level' if level else 'not level'}: the farthest "
                "tenth of the window gets "
                f"{row['growth']:.3g} times the norm of the nearest"
            )
            if not math.isnan(row["decay_per_token_low"]):
                total = [
                    row[f"decay_per_token{end}"] ** row["farthest"] for end in ("_low", "_high")
                ]
                text += f" (by the fitted slope {total[0]:.3g} to {total[1]:.3g})"
            if not math.isnan(row["nearest_over_loss"]):
                text += (
                    f", and a token gets {row['nearest_over_loss']:.2g} times what the loss's own "
                    "position gets"
                )
            parts.append(text)
        if parts:
            lines.append(f"{label(rows[0]['arm'])} ({_where(rows[0])}): {'; '.join(parts)}.")
    return lines


def _learning(frame: pd.DataFrame) -> list[str]:
    """Who solved what, beside the reach; and whether reach was needed, or enough."""
    if frame.empty:
        return []
    lines = []
    for rows in groups(frame, [*_TOGETHER, "length", "training_steps", "needed_distance"]):
        arms = []
        for arm in dict.fromkeys(row["arm"] for row in rows):
            own = pd.DataFrame([row for row in rows if row["arm"] == arm])
            arms.append(
                f"{label(arm)} by {int(own['solved'].sum())} of {len(own)} seeds (reach "
                f"{_middle(own, 'reach_init')} at initialisation, {_middle(own, 'reach_end')} at "
                "the end)"
            )
        first = rows[0]
        lines.append(
            f"{_where(first)}, T={first['length']}, needs {first['needed_distance']} tokens; "
            f"solved after {first['training_steps']} steps: {', '.join(arms)}."
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
    return f"{frame[column].median():.0f}"


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
        ends = stats.share(count, total)
        counts.append(f"{count} of {total} (95% interval {ends.low:.0%} to {ends.high:.0%})")
    time = "At initialisation" if when == "init" else "At the end of training"
    told = (
        f"{time}: of trainings in which 1% reached the needed distance {counts[0]} solved the "
        f"task, of those in which it did not {counts[1]}."
    )
    unseen = len(frame) - len(known)
    return told + (f" Of {unseen} it was not measured." if unseen else "")


def _cost(frame: pd.DataFrame) -> list[str]:
    """The rate with subnormal floats flushed over that with them kept, beside their share."""
    if frame.empty:
        return []
    lines = []
    here = frame[frame["device"] == "cpu"]
    for rows in groups(here, [*_TOGETHER[:-1], "threads", "batch_size"]):
        for arm in dict.fromkeys(row["arm"] for row in rows):
            parts = []
            for row in sorted((r for r in rows if r["arm"] == arm), key=lambda r: r["length"]):
                speed = stats.Estimate(row["speedup"], row["speedup_low"], row["speedup_high"])
                text = (
                    f"T={row['length']} {speed.value:.2f}× {speed.interval()} with "
                    f"{_share(row['subnormal_share'])} of the entries at the embeddings subnormal"
                )
                verdict = row["verdict"]
                if row["status"] == UNSTABLE:
                    text += " (unstable, so no claim)"
                elif isinstance(verdict, str) and verdict:
                    text += f" ({verdict})"
                parts.append(text)
            lines.append(
                f"{label(arm)} trains with them flushed, beside kept ({_where(rows[0])}, batch "
                f"{rows[0]['batch_size']}): {'; '.join(parts)}."
            )
        if not math.isnan(rows[0]["product_ratio"]):
            first = rows[0]
            lines.append(
                f"This processor itself takes {first['product_ratio']:,.2f} times as long for a "
                "matrix product of subnormal numbers as for one of normal ones, "
                f"{first['elementwise_ratio']:,.2f} times for an elementwise product, "
                f"{first['sigmoid_ratio']:,.2f} times for a sigmoid: where these are near 1, there "
                "is nothing for flushing to win."
            )
    return lines


def _share(value: float) -> str:
    if math.isnan(value):
        return "an unknown share"
    return "none" if value == 0 else f"{value:.1%}"


def _longer(frame: pd.DataFrame, usual: pd.DataFrame) -> list[str]:
    """Depth, initialisation and clipping, each beside the usual with all else the same."""
    if frame.empty:
        return []
    lines = []
    known = set(usual["record"])
    ends = frame[frame["when"].isin([_START, _END])]
    for name, words in _VARIED.items():
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
            told = "; ".join(f"{words.format(key)}: {_tokens(row)}" for key, row in varied.items())
            when = "at initialisation" if base["when"] == _START else f"after {base['steps']} steps"
            lines.append(
                f"{label(base['arm'])} ({registry.named(base['task'], base['data'])}, "
                f"T={base['length']}, {when}): {told}."
            )
    return lines


def _clipped(frame: pd.DataFrame) -> list[str]:
    """The share of steps that were scaled down, of each task's longest training."""
    if frame.empty:
        return []
    lines = []
    for rows in groups(frame[frame["group"] == "all"], [*_TOGETHER, "clip_norm"]):
        longest = max((row["training_steps"], row["length"]) for row in rows)
        rows = [row for row in rows if (row["training_steps"], row["length"]) == longest]
        shares: dict[str, list[float]] = {}
        for row in rows:
            shares.setdefault(row["arm"], []).append(row["clipped_share"])
        told = ", ".join(
            f"{label(arm)} {sum(found) / len(found):.0%}" for arm, found in shares.items()
        )
        lines.append(
            f"{_where(rows[0])}, T={rows[0]['length']}, {rows[0]['training_steps']} steps, clipped "
            f"above {rows[0]['clip_norm']:,.10g}: {told} of the steps."
        )
    return lines


def _longest(rows: Sequence[Row]) -> Row | None:
    """Of those with seeds enough for an interval the longest window, else of all."""
    enough = [row for row in rows if _enough(row)]
    return max(enough or rows, key=lambda row: (row["length"], row["seeds"]), default=None)


def _same_training(row: Row, other: Row) -> bool:
    names = ("length", "training_steps", "clip_norm", "layers", "initialization", "batch_size")
    return all(row[name] == other[name] for name in names)


def _where(row: Row) -> str:
    """The comparison and the task, and what is not usual."""
    parts = [str(row["comparison"]), f"task {registry.named(row['task'], row['data'])}"]
    parts += [row["device"]] if row["device"] != "cpu" else []
    parts += [row["dtype"]] if row["dtype"] != "float32" else []
    return ", ".join(parts)
