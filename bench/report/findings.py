"""What a report says first: sentences made from the records, RNN wins and losses alike."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import registry
from bench.drawing.palette import label, rank
from bench.frames.groups import groups
from bench.measure.metrics import METRICS, Metric
from bench.outcome import UNSTABLE
from bench.page.numbers import in_units
from bench.probes.gradient import findings as gradient_findings
from bench.probes.learning import published as anchors
from bench.statistics.intervals import Estimate

Row = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One of the suite's questions, and what these records say to it, a sentence a line."""

    question: str
    sentences: list[str]


def all_of(frames: Mapping[str, pd.DataFrame]) -> list[Finding]:
    """The questions that these tables say something about, see ``tables.all_of``."""
    found = [
        Finding("Are known results reproduced?", _published(frames["published"])),
        *(Finding(*told) for told in gradient_findings.all_of(frames)),
        *_slow(frames),
        Finding(
            "How much memory does a step take beyond the weights and the optimizer's state?",
            _memory(frames["memory"], frames["growth"]),
        ),
        Finding("What do a decoder's state and cache take?", _state(frames["state"])),
        Finding("How much of the speed is the setting?", _settings(frames["settings"])),
        Finding("Who learned, in this short a training?", _learning(frames["tasks"])),
        Finding(
            "Does it hold on windows longer than those trained on?",
            _longer(frames["out_of_distribution"]),
        ),
    ]
    return [finding for finding in found if finding.sentences]


def _published(frame: pd.DataFrame) -> list[str]:
    """How many published figures ours agree with, and every one that they do not."""
    if frame.empty:
        return []
    counts = frame["verdict"].value_counts()
    lines = [
        f"Of {len(frame)} published figures, ours agree with {counts.get(anchors.AGREES, 0)} and "
        f"disagree with {counts.get(anchors.DISAGREES, 0)}; of {counts.get(anchors.OPEN, 0)} it "
        "cannot be told."
    ]
    for verdict in (anchors.DISAGREES, anchors.OPEN):
        for row in frame[frame["verdict"] == verdict].to_dict("records"):
            ours = "" if pd.isna(row["ours_median"]) else f", ours {row['ours_median']:.3g}"
            known = f"{row['published']:.3g}"
            if pd.isna(row["published"]):
                known = "solves it" if row["published_solves"] else "does not solve it"
            lines.append(
                f"{row['task']}, {label(str(row['arm']))} ({row['tested']}, {row['metric']}): "
                f"published {known}{ours}. {verdict.capitalize()}: "
                f"{row['because']}."
            )
    return lines


_GROUP = [
    "comparison", "task", "data", "device", "dtype", "denormals", "threads", "batch_size", "seed"
]  # fmt: skip
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
    """Every arm beside its reference, at the shortest and the longest window.

    A sentence for each verdict, and one for all of a group that no verdict can be given on.
    """
    lines = []
    for rows in groups(frame.dropna(subset=["sentence"]), _GROUP):
        for length, here in _ends(rows):
            unstable = [row for row in here if row["verdict"] == UNSTABLE]
            lines += [
                f"{row['sentence']} ({row['comparison']}, batch {row['batch_size']})."
                for row in here
                if row not in unstable
            ]
            if unstable:
                known = ", ".join(
                    f"{_named(row, rows)} {_ratio(row).value:.2f}× {_ratio(row).interval()}"
                    for row in unstable
                )
                lines.append(
                    f"No claim at T={length} ({_where(rows[0])}), too unstable beside "
                    f"{label(rows[0]['reference'])}: {known}."
                )
    return lines


def _ratio(row: Row) -> Estimate:
    return Estimate(row["speed_ratio"], row["speed_ratio_low"], row["speed_ratio_high"])


def _first_token(frame: pd.DataFrame) -> list[str]:
    """Time to the first token at the longest window."""
    lines = []
    for rows in groups(frame, _GROUP):
        length, longest = _ends(rows)[-1]
        times = ", ".join(
            f"{_named(row, rows)} {in_units(row['first_token_s'], 's')}"
            + (" (unstable)" if row["status"] == UNSTABLE else "")
            for row in longest
        )
        lines.append(f"Time to the first token after T={length} ({_where(rows[0])}): {times}.")
    return lines


def _crossover(frame: pd.DataFrame) -> list[str]:
    """Where two arms are equally fast, a sentence for every group."""
    lines = []
    for rows in groups(frame, _GROUP):
        parts = []
        for row in rows:
            text = str(row["outcome"])
            if not math.isnan(row["at_length"]):
                span = f"[{row['at_length_low']:.0f}, {row['at_length_high']:.0f}]"
                text = text.replace(";", f" {span};", 1)
            parts.append(f"{_named(row, rows)} and {label(row['reference'])} {text}")
        lines.append(f"Equally fast ({_where(rows[0])}): {'; '.join(parts)}.")
    return lines


def _growth(frame: pd.DataFrame) -> list[str]:
    """The power of the length that time grows with, a sentence for every group."""
    lines = []
    for rows in groups(frame[frame["quantity"].isin(list(_GROWING))], ["quantity", *_GROUP]):
        first = rows[0]
        powers = ", ".join(f"{_named(row, rows)} {_power(row)}" for row in rows)
        lines.append(
            f"From T={first['shortest']} to {first['longest']} the time of "
            f"{_GROWING[first['quantity']]} grows ({_where(first)}): {powers}."
        )
    return lines


_GROWING = {"step_s": "a step", "first_token_s": "the first token"}


def _power(row: Row) -> str:
    estimate = Estimate(row["exponent"], row["exponent_low"], row["exponent_high"])
    return f"as T^{estimate.value:.2f} {estimate.interval()}"


def _memory(frame: pd.DataFrame, growth: pd.DataFrame) -> list[str]:
    """Counted tensors, and the system's figure, at the longest window."""
    keys = [*_GROUP, "phase"]
    powers: dict[tuple[Any, ...], float] = {}
    if not growth.empty:
        known = growth[growth["quantity"] == "tensor_growth_bytes"]
        names = [*keys, "arm", "kernel"]
        places = known[names].itertuples(index=False, name=None)
        powers = dict(zip(places, known["exponent"], strict=True))
    lines = []
    for rows in groups(frame, keys):
        length, longest = _ends(rows)[-1]
        parts = []
        for row in longest:
            text = f"{_named(row, rows)} {_size(row['tensor_growth_bytes']) or 'not counted'}"
            for name, what in (("rss", "resident"), ("allocated", "allocated")):
                size = _size(row[f"{name}_growth_bytes"])
                text += f" ({what} {size})" if size else ""
            place = tuple(row[name] for name in (*keys, "arm", "kernel"))
            if place in powers:
                text += f", growing as T^{powers[place]:.2f}"
            parts.append(text)
        lines.append(
            f"T={length}, {_phase(rows[0])} ({_where(rows[0])}), tensors: {'; '.join(parts)}."
        )
    return lines


def _state(frame: pd.DataFrame) -> list[str]:
    """What a row keeps after the shortest and the longest window, where decoding was measured."""
    if frame.empty:
        return []
    lines = []
    keys = ["comparison", "task", "data", "dtype"]
    for rows in groups(frame.dropna(subset=["measured_bytes"]), keys):
        where = f"{_of_task(rows[0])}, {rows[0]['dtype']}"
        parts = [
            f"after T={length} "
            + ", ".join(f"{label(row['arm'])} {_size(row['measured_bytes'])}" for row in here)
            for length, here in _ends(rows)
        ]
        lines.append(f"A row keeps ({where}) {'; '.join(parts)}.")
    return lines


def _settings(frame: pd.DataFrame) -> list[str]:
    """What flushing subnormals, threads and another dtype do, at both ends of the lengths."""
    lines = []
    for rows in groups(frame, ["coordinate", "setting", "against", *_GROUP, "phase", "paired"]):
        first = rows[0]
        change = _CHANGES[first["coordinate"]].format(**first)
        for length, here in _ends(rows):
            parts = []
            for row in here:
                ratio = Estimate(row["ratio"], row["ratio_low"], row["ratio_high"])
                text = f"{_named(row, rows)} {ratio.value:.2f}× {ratio.interval()}"
                if row["status"] == UNSTABLE:
                    text += " (unstable)"
                elif row["verdict"] == "no difference":
                    text += " (no difference beyond noise)"
                parts.append(text)
            lines.append(
                f"T={length}, {_phase(first)} ({_of_task(first)}, {first['device']}, batch "
                f"{first['batch_size']}), {change}, {_measured(here[0])}: "
                f"{', '.join(parts)} as fast."
            )
    return lines


def _measured(row: Row) -> str:
    """Whether two settings took turns, and what was noise then."""
    if not row["paired"]:
        return "one after the other, so that a drift of the machine is in the ratio"
    if math.isnan(row["aa_ratio"]):
        return "in the same rounds, without an A/A control"
    noise = Estimate(row["aa_ratio"], row["aa_ratio_low"], row["aa_ratio_high"])
    return f"in the same rounds, A/A {noise.interval()}"


_CHANGES = {
    "denormals": "with subnormal floats flushed to zero instead of kept",
    "threads": "on {setting} threads instead of {against}",
    "dtype": "in {setting} instead of {against}",
}


def _ends(rows: Sequence[Row]) -> list[tuple[int, list[Row]]]:
    """The shortest and the longest window, with the rows of each."""
    lengths = [row["length"] for row in rows]
    return [
        (length, [row for row in rows if row["length"] == length])
        for length in sorted({min(lengths), max(lengths)})
    ]


def _named(row: Row, rows: Sequence[Row]) -> str:
    """An arm, with its kernel where the group has several of it."""
    several = len({other["kernel"] for other in rows if other["arm"] == row["arm"]}) > 1
    return f"{label(row['arm'])}/{row['kernel']}" if several else label(row["arm"])


def _phase(row: Row) -> str:
    words = {"training": "training step", "forward": "forward pass", "decode": "decoding"}
    return words.get(row["phase"], str(row["phase"]))


def _where(row: Row) -> str:
    """A group in words, what is not the default included."""
    parts = [_of_task(row), row["device"], row["dtype"], f"batch {row['batch_size']}"]
    if row["denormals"] != "keep":
        parts.append("subnormals flushed")
    if row["threads"] != "all":
        parts.append(f"threads {row['threads']}")
    return ", ".join(parts)


def _size(number: float | None) -> str:
    """Bytes in words, nothing where they are not known."""
    return "" if number is None or math.isnan(number) else in_units(number, "B")


def _learning(frame: pd.DataFrame) -> list[str]:
    """The task's metric by arm, every seed's, beside the floor; and who was expected to win.

    Args:
        frame: the table ``tasks``.
    """
    if frame.empty:
        return []
    lines: list[str] = []
    expected: dict[str, str] = {}
    for rows in groups(frame, [*_TRAINING, "device", "dtype", "eval_rows"]):
        # An arm none of whose seeds ended does not know its metric.
        first = max(rows, key=lambda row: bool(row["seeds"] > row["diverged"]))
        metric, seeds = _metric(first), max(row["seeds"] for row in rows)
        direction = "" if metric.higher_is_better else ", lower is better"
        line = (
            f"T={first['length']} ({_of_task(first)}), test {metric.name} after "
            f"{first['steps']} steps of batch {first['batch_size']}, "
            f"{seeds} seed{'s (median and range)' if seeds > 1 else ''}{direction}: "
            + "; ".join(f"{_named(row, rows)} {_scored(row, metric)}" for row in rows)
        )
        if not math.isnan(first["floor"]):
            line += f". Floor {first['floor']:.3g}{_noise(first, metric)}"
        lines.append(f"{line}.")
        if isinstance(first["expected"], str):
            expected[_task(first)] = first["expected"].rstrip(".")
    return lines + [f"Expected of {task}: {text}." for task, text in expected.items()]


_TRAINING = ["comparison", "task", "data", "length", "shortest", "steps", "batch_size"]


def _metric(row: Row) -> Metric:
    known = METRICS.get(row["metric"])
    return known or Metric(row["metric"], row["metric"], row["higher_is_better"], scale="linear")


def _of_task(row: Row) -> str:
    """The comparison, and what task over what data."""
    return f"{row['comparison']}, task {_task(row)}"


def _task(row: Row) -> str:
    return registry.named(row["task"], row["data"])


def _scored(row: Row, metric: Metric) -> str:
    """What an arm scores: the median and the range of its seeds, and how many solved it."""
    parts = []
    kept = row["seeds"] - row["diverged"]
    if kept:
        text = metric.text(row["median"])
        if kept > 1:
            text += f" ({metric.text(row['least'])}–{metric.text(row['most'])})"
        parts.append(text)
    if row["diverged"]:
        text = f"{row['diverged']} of {row['seeds']} seeds diverged"
        parts.append(text + (" and are not in the median" if kept else ""))
    if not math.isnan(row["solve_rate"]):
        parts.append(f"solved by {round(row['solve_rate'] * row['seeds'])} of {row['seeds']}")
    return ", ".join(parts)


def _noise(row: Row, metric: Metric) -> str:
    """How far chance alone takes a guess from the floor, where every row is one answer."""
    floor = row["floor"]
    if metric.name != "accuracy" or row["head"] != _ONE_ANSWER or not 0 < floor < 1:
        return ""
    spread = 2 * math.sqrt(floor * (1 - floor) / row["eval_rows"])
    return f"; on {row['eval_rows']} rows, guessing itself scores within ±{spread:.2f} of it"


_ONE_ANSWER = "AutoModelForSequenceClassification"


def _longer(frame: pd.DataFrame) -> list[str]:
    """What is left of a score on the longest windows tested, medians over seeds.

    Args:
        frame: the table ``out_of_distribution``.
    """
    if frame.empty:
        return []
    lines = []
    for key, group in frame.groupby([*_TRAINING, "device", "dtype", "metric"], sort=False):
        row = {str(name): value for name, value in group.iloc[0].items()}
        metric = METRICS.get(str(key[-1])) or Metric(str(key[-1]), str(key[-1]))
        length, longest = row["length"], int(group["test_length"].max())
        if longest <= length:
            continue
        parts = []
        for (arm, kernel), rows in group.groupby(["arm", "kernel"], sort=False):
            middle = rows.groupby("test_length")["test_metric"].median().dropna()
            several = group[group["arm"] == arm]["kernel"].nunique() > 1
            text = label(str(arm)) + (f"/{kernel}" if several else "")
            if length in middle.index:
                text += f" {metric.text(middle[length])} →"
            if (reach := int(middle.index.max() if len(middle) else 0)) > length:
                text += f" {metric.text(middle[reach])}"
                text += "" if reach == longest else f" at T={reach}, and reads none longer"
            else:
                text += " reads no longer windows"
            parts.append((rank(str(arm)), text))
        trained = f"T={length}" if row["shortest"] == length else f"T={row['shortest']}–{length}"
        floors = group[group["test_length"] == longest]["floor"].dropna()
        floor = f". Floor there {floors.iloc[0]:.3g}" if len(floors) else ""
        lines.append(
            f"Trained at {trained}, tested to T={longest} ({_of_task(row)}, "
            f"{metric.name}, {group['seed'].nunique()} "
            f"seed{'s' if group['seed'].nunique() > 1 else ''}): "
            + ", ".join(text for _, text in sorted(parts))
            + f"{floor}."
        )
    return lines
