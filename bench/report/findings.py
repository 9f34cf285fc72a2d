"""What a report says first: sentences made from the records, RNN wins and losses alike."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import pandas as pd

from bench import registry
from bench.outcome import UNSTABLE
from bench.report.style import in_units, label, rank
from bench.stats import Estimate

_FLAT = 100  # a norm that stays within this factor from the second token on is called level


@dataclass(frozen=True)
class Finding:
    """One of the suite's questions, and what these records say to it, a sentence a line."""

    question: str
    sentences: list[str]


def all_of(frames: Mapping[str, pd.DataFrame]) -> list[Finding]:
    """The questions that these tables say something about, see ``tables.all_of``."""
    found = [
        Finding(
            "Does the gradient vanish? Its norm along the window, at initialisation",
            _gradient(frames["gradient"]),
        ),
        *_slow(frames),
        Finding(
            "How much memory does a step take beyond the weights and the optimizer's state?",
            _memory(frames["memory"], frames["growth"]),
        ),
        Finding("What do a decoder's state and cache take?", _state(frames["state"])),
        Finding("How much of the speed is the setting?", _settings(frames["settings"])),
        Finding("Who learned, in this short a training?", _learning(frames["learning"])),
    ]
    return [finding for finding in found if finding.sentences]


def _gradient(frame: pd.DataFrame) -> list[str]:
    """For every comparison, its two longest windows, the longest first."""
    if frame.empty:
        return []
    lines = []
    start = frame[(frame["when"] == "init") & (frame["denormals"] == "keep")]
    keys = ["comparison", "device", "dtype"]
    for (comparison, device, dtype), group in start.groupby(keys, sort=False):
        for length in sorted(group["length"].unique(), reverse=True)[:2]:
            rows = group[group["length"] == length].to_dict("records")
            rows.sort(key=lambda row: rank(row["arm"]))
            fates = "; ".join(f"{label(row['arm'])} {_fate(row)}" for row in rows)
            lines.append(f"T={length} ({comparison}, {device}, {dtype}): {fates}.")
    return lines


def _fate(row: dict[str, Any]) -> str:
    """What becomes of an arm's gradient along the window."""
    half, zero_from = row["norm_at_half"], row["zero_from_distance"]
    if pd.notna(zero_from):
        if half == 0:
            return f"is exactly 0.0 half a window back, every entry of it from {zero_from:.0f} on"
        naive = row["float32_norm_zero_from_distance"]
        caveat = ""
        if pd.notna(naive) and naive <= row["length"] // 2:
            caveat = f" (where a norm taken in float32 already reads 0.0, from {naive:.0f} on)"
        return (
            f"is {half:.0e} half a window back{caveat}, "
            f"every entry exactly 0.0 from {zero_from:.0f} on"
        )
    least, most = row["norm_least_beyond_0"], row["norm_most_beyond_0"]
    if not least:
        return f"is {half:.0e} half a window back, with zeros in between"
    if most / least < _FLAT:
        return (
            f"is level: {row['norm_at_loss']:.0e} at the loss, "
            f"between {least:.0e} and {most:.0e} everywhere else"
        )
    return (
        f"falls from {row['norm_at_loss']:.0e} to {half:.0e} half a window back "
        f"and {row['norm_at_end']:.0e} at its end"
    )


_GROUP = ["comparison", "task", "device", "dtype", "denormals", "threads", "batch_size", "seed"]
_PHASES = {
    "training": "Is recurrence slow? Training",
    "forward": "Is recurrence slow? Forward pass",
    "prefill": "Is recurrence slow? Prefill",
    "decode": "Is recurrence slow? Decoding",
}


def _slow(frames: Mapping[str, pd.DataFrame]) -> list[Finding]:
    """For each phase: verdicts, where two arms are level, and how time grows."""
    found = []
    for phase, question in _PHASES.items():
        lines = []
        for name, write in (
            ("speed", _verdicts), ("decode", _verdicts), ("decode", _first_token),
            ("crossover", _crossover), ("growth", _growth),
        ):  # fmt: skip
            frame = frames[name]
            if not frame.empty:
                lines += write(frame[frame["phase"] == phase])
        found.append(Finding(question, lines))
    return found


def _verdicts(frame: pd.DataFrame) -> list[str]:
    """Every arm beside its reference, at the shortest and the longest window."""
    lines = []
    for key, group in frame.dropna(subset=["sentence"]).groupby(_GROUP, sort=False):
        where = dict(zip(_GROUP, key, strict=True))
        for length in _ends(group):
            lines += [
                f"{row['sentence']} ({where['comparison']}, batch {where['batch_size']})."
                for row in _ranked(group[group["length"] == length])
            ]
    return lines


def _first_token(frame: pd.DataFrame) -> list[str]:
    """Time to the first token at the longest window."""
    if "first_token_s" not in frame.columns:
        return []
    lines = []
    for key, group in frame.groupby(_GROUP, sort=False):
        length = group["length"].max()
        times = ", ".join(
            f"{_named(row, group)} {1e3 * row['first_token_s']:.1f} ms"
            for row in _ranked(group[group["length"] == length])
        )
        lines.append(f"Time to the first token after T={length} ({_where(key)}): {times}.")
    return lines


def _crossover(frame: pd.DataFrame) -> list[str]:
    """Where two arms are equally fast, a sentence for every group."""
    lines = []
    for key, group in frame.groupby(_GROUP, sort=False):
        parts = []
        for row in _ranked(group):
            text = str(row["outcome"])
            if pd.notna(row["at_length"]):
                span = f"[{row['at_length_low']:.0f}, {row['at_length_high']:.0f}]"
                text = text.replace(";", f" {span};", 1)
            parts.append(f"{_named(row, group)} and {row['reference']} {text}")
        lines.append(f"Equally fast ({_where(key)}): {'; '.join(parts)}.")
    return lines


def _growth(frame: pd.DataFrame) -> list[str]:
    """The power of the length that time grows with, a sentence for every group."""
    lines = []
    for quantity, rows in frame.groupby("quantity", sort=False):
        what = {"step_s": "a step", "first_token_s": "the first token"}.get(str(quantity))
        if what is None:
            continue
        for key, group in rows.groupby(_GROUP, sort=False):
            powers = ", ".join(f"{_named(row, group)} {_power(row)}" for row in _ranked(group))
            first = group.iloc[0]
            lines.append(
                f"From T={first['shortest']} to {first['longest']} the time of {what} grows "
                f"({_where(key)}): {powers}."
            )
    return lines


def _power(row: Mapping[str, Any]) -> str:
    estimate = Estimate(row["exponent"], row["exponent_low"], row["exponent_high"])
    return f"as T^{estimate.value:.2f} {estimate.interval()}"


def _memory(frame: pd.DataFrame, growth: pd.DataFrame) -> list[str]:
    """Counted tensors and the resident peak at the longest window, beside the arm matched to."""
    if frame.empty:
        return []
    lines = []
    for key, group in frame.groupby([*_GROUP, "phase"], sort=False):
        length, powers = group["length"].max(), {}
        if not growth.empty:
            known = growth[growth["quantity"] == "tensor_growth_bytes"]
            same = (known[[*_GROUP, "phase"]] == list(key)).all(axis=1)
            powers = {(row["arm"], row["kernel"]): row for row in _ranked(known[same])}
        parts = []
        for row in _ranked(group[group["length"] == length]):
            text = f"{_named(row, group)} {_size(row['tensor_growth_bytes'])}"
            if pd.notna(row["rss_growth_bytes"]):
                text += f" (resident {_size(row['rss_growth_bytes'])})"
            if pd.notna(row["allocated_growth_bytes"]):
                text += f" (allocated {_size(row['allocated_growth_bytes'])})"
            if (power := powers.get((row["arm"], row["kernel"]))) is not None:
                text += f", growing as T^{power['exponent']:.2f}"
            parts.append(text)
        lines.append(
            f"T={length}, {_PHASE_WORDS.get(str(key[-1]), key[-1])} ({_where(key[:-1])}), tensors: "
            f"{'; '.join(parts)}."
        )
    return lines


_PHASE_WORDS = {"training": "training step", "forward": "forward pass"}


def _state(frame: pd.DataFrame) -> list[str]:
    """What a row keeps after the longest window, where decoding was measured."""
    if frame.empty:
        return []
    lines = []
    measured = frame.dropna(subset=["measured_bytes"])
    for (comparison, task, dtype), group in measured.groupby(
        ["comparison", "task", "dtype"], sort=False
    ):
        ends = {length: _ranked(group[group["length"] == length]) for length in _ends(group)}
        parts = [
            f"after T={length} " + ", ".join(
                f"{label(row['arm'])} {_size(row['measured_bytes'])}" for row in rows
            )
            for length, rows in ends.items()
        ]  # fmt: skip
        lines.append(f"A row keeps ({comparison}, {task}, {dtype}) {'; '.join(parts)}.")
    return lines


def _settings(frame: pd.DataFrame) -> list[str]:
    """What flushing subnormals, threads and another dtype do, at both ends of the lengths."""
    if frame.empty:
        return []
    lines = []
    keys = ["coordinate", "setting", "against", *_GROUP, "phase"]
    for key, group in frame.groupby(keys, sort=False):
        coordinate, setting, against = map(str, key[:3])
        where = dict(zip(keys[3:], key[3:], strict=True))
        for length in _ends(group):
            parts = []
            for row in _ranked(group[group["length"] == length]):
                ratio = Estimate(row["ratio"], row["ratio_low"], row["ratio_high"])
                text = f"{_named(row, group)} {ratio.value:.2f}× {ratio.interval()}"
                parts.append(text + (" (unstable)" if row["status"] == UNSTABLE else ""))
            lines.append(
                f"T={length}, {_PHASE_WORDS.get(str(where['phase']), where['phase'])} "
                f"({where['comparison']}, {where['device']}, batch {where['batch_size']}), "
                f"{_CHANGES[coordinate].format(setting=setting, against=against)}: "
                f"{', '.join(parts)} as fast."
            )
    return lines


_CHANGES = {
    "denormals": "with subnormal floats flushed to zero instead of kept",
    "threads": "on {setting} threads instead of {against}",
    "dtype": "in {setting} instead of {against}",
}


def _ends(frame: pd.DataFrame) -> list[int]:
    """The shortest and the longest window."""
    return sorted({frame["length"].min(), frame["length"].max()})


def _ranked(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    return sorted(rows, key=lambda row: rank(row["arm"]))


def _named(row: Mapping[str, Any], group: pd.DataFrame) -> str:
    """An arm, with its kernel where the group has several of it."""
    several = group.loc[group["arm"] == row["arm"], "kernel"].nunique() > 1
    return f"{label(row['arm'])}/{row['kernel']}" if several else label(row["arm"])


def _where(key: Sequence[Any]) -> str:
    """A group in words, what is not the default included."""
    where = dict(zip(_GROUP, key, strict=True))
    parts = [where["comparison"], where["device"], where["dtype"], f"batch {where['batch_size']}"]
    if where["denormals"] != "keep":
        parts.append("subnormals flushed")
    if where["threads"] != "all":
        parts.append(f"threads {where['threads']}")
    return ", ".join(parts)


def _size(number: float) -> str:
    return "–" if pd.isna(number) else in_units(number, "B")


def _learning(frame: pd.DataFrame) -> list[str]:
    """Test accuracy by arm, every seed's."""
    if frame.empty:
        return []
    lines = []
    keys = ["comparison", "task", "length", "steps", "batch_size", "eval_rows"]
    for key, group in frame.groupby(keys, sort=False):
        comparison, task, length, steps, batch_size, eval_rows = key
        parts = []
        for arm, rows in group.groupby("arm", sort=False):
            scores = rows["test_accuracy"].dropna().tolist()
            diverged = len(rows) - len(scores)
            text = label(str(arm))
            if scores:
                text += f" {median(scores):.2f}"
            if len(scores) > 1:
                text += f" ({min(scores):.2f}–{max(scores):.2f})"
            if diverged:
                text += f" {diverged} of {len(rows)} seeds diverged"
                text += " and are not in the median" if scores else ""
            parts.append(text)
        seeds = group["seed"].nunique()
        floor = registry.tasks()[str(task)].literals["FLOOR"]
        noise = 2 * math.sqrt(floor * (1 - floor) / eval_rows)
        lines.append(
            f"T={length} ({comparison}, task {task}), test accuracy after {steps} steps of batch "
            f"{batch_size}, {seeds} seed{'s (median and range)' if seeds > 1 else ''}: "
            + ", ".join(parts)
            + f". Floor {floor:g}; on {eval_rows} rows, guessing itself scores within "
            f"±{noise:.2f} of it."
        )
    return lines
