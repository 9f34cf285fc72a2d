"""What one arm made of a task: its trainings over seeds, from the table ``learning``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench import registry
from bench.outcome import STOPPED
from bench.statistics import intervals
from bench.statistics.intervals import Estimate

Row = dict[str, Any]

#: What makes two trainings of one length the same, beside the coordinates.
_TRAINING = ("shortest", "steps", "patience", "warmup_steps", "schedule", "batch_size")
_COLUMNS = (
    "comparison", "task", "data", "length", "arm", "device", "dtype", *_TRAINING, "seed", "metric",
    "higher_is_better", "test_metric", "floor", "solved", "ended", "missing", "record",
    "pretraining", "body_parameters",
)  # fmt: skip

#: Where weights come from: drawn, a checkpoint's, or pretrained here on the task's own text.
WEIGHTS = RANDOM, PRETRAINED, HERE = ("random", "pretrained", "pretrained here")


class _Who(NamedTuple):
    arm: str
    weights: str
    body: int | None


@dataclass(frozen=True)
class Trained:
    """One arm's trainings of one task.

    Args:
        arm: whose.
        seeds: by seed, a row of the table each, those that were trained, diverged or not.
        missing: further seeds that were to be, and were lost.
        weights: one of ``WEIGHTS``, of which it started.
        body: parameters of its body; None where the table does not say.
    """

    arm: str
    seeds: dict[int, Row]
    missing: int = 0
    weights: str = RANDOM
    body: int | None = None

    @property
    def solved(self) -> int:
        """Seeds that solved the task; one that diverged has not."""
        return sum(bool(row["solved"]) for row in self.seeds.values())

    @cached_property
    def rate(self) -> Estimate:
        """The share that did."""
        return intervals.share(self.solved, len(self.seeds))

    @cached_property
    def cut_off(self) -> int:
        """Seeds that stopped while still learning, and might yet have."""
        return sum(row["ended"] in STOPPED and not row["solved"] for row in self.seeds.values())

    @property
    def solves(self) -> bool | None:
        """Whether most seeds do, where the interval of their share says so.

        Each is said only where it would hold whatever had become of those that were cut off, and
        of those that are missing.
        """
        total, open_ = len(self.seeds) + self.missing, self.cut_off + self.missing
        if intervals.share(self.solved, total).low > 0.5:
            return True
        return False if intervals.share(self.solved + open_, total).high < 0.5 else None

    @cached_property
    def scores(self) -> dict[int, float]:
        """By seed, more being better; a training that diverged scores what guessing does."""
        found: dict[int, float] = {}
        for seed, row in self.seeds.items():
            score: Any = row["floor"] if pd.isna(row["test_metric"]) else row["test_metric"]
            if not pd.isna(score):
                found[seed] = float(score) if row["higher_is_better"] else -float(score)
        return found

    @property
    def median(self) -> float:
        """Of the scores, more being better."""
        return float(np.median(list(self.scores.values()))) if self.scores else float("-inf")

    @property
    def records(self) -> list[str]:
        """Keys, one a seed."""
        return [row["record"] for row in self.seeds.values()]


def trainings(
    frame: pd.DataFrame, names: Sequence[str], counts: Callable[[str, str], bool]
) -> list[tuple[Row, list[Trained]]]:
    """The scopes with the arms that were trained in each; of several trainings the longest.

    An arm none of whose seeds was is among them, with all of them missing.

    Args:
        frame: the table ``learning``.
        names: in what the trainings of one scope agree.
        counts: whether an arm does, started from weights of a kind.
    """
    if frame.empty:
        return []
    scopes: dict[tuple[Any, ...], dict[tuple[Any, ...], dict[_Who, dict[int, Row]]]] = {}
    for given in frame.reindex(columns=list(_COLUMNS)).to_dict("records"):
        row: Row = {str(name): value for name, value in given.items()}
        body: int | None = None if pd.isna(row["body_parameters"]) else int(row["body_parameters"])
        who = _Who(row["arm"], weights(row["arm"], row["pretraining"]), body)
        if not counts(who.arm, who.weights):
            continue
        found = scopes.setdefault(tuple(row[name] for name in names), {})
        training = found.setdefault(tuple(row[name] for name in _TRAINING), {})
        training.setdefault(who, {}).setdefault(row["seed"], row)
    told = []
    for place, found in scopes.items():
        longest = max(found, key=lambda training: (len(found[training]), training[1]))
        each = [_trained(who, seeds) for who, seeds in found[longest].items()]
        told.append((dict(zip(names, place, strict=True)), each))
    return told


def _trained(who: _Who, rows: dict[int, Row]) -> Trained:
    kept = {seed: row for seed, row in rows.items() if pd.isna(row["missing"])}
    return Trained(who.arm, kept, len(rows) - len(kept), who.weights, who.body)


def weights(arm: str, pretraining: Any) -> str:
    """Which of ``WEIGHTS`` an arm starts from; empty of one that is not registered here.

    Args:
        arm: its name.
        pretraining: what its row says of it, missing where nothing was asked for.
    """
    entry = registry.arms().get(arm)
    if entry is None:
        return ""
    return str(entry.literals["WEIGHTS"]) if pd.isna(pretraining) else HERE


def from_scratch(arm: str, kind: str) -> bool:
    """Whether an arm of a family that claims are about starts from random weights."""
    return bool(registry.family(arm)) and kind == RANDOM
