"""The gradient of one arm in one setting, over its seeds, as claims about its reach compare it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from bench.statistics import intervals
from bench.statistics.intervals import Estimate

START, END = "init", "100%"

#: What the seeds of a flow have in common.
SETTING = (
    "comparison", "task", "data", "length", "arm", "kernel", "device", "dtype", "denormals",
    "threads", "layers", "initialization", "matched_to", "width", "batch_size", "rows",
    "training_steps", "clip_norm", "when",
)  # fmt: skip
_NUMBERS = (
    "fate", "reach_tokens", "whole_window", "farthest", "far_over_near", "norm_at_loss",
    "norm_at_nearest", "record",
)  # fmt: skip
_GONE = ("vanishes", "zero")

Row = dict[str, Any]


@dataclass(frozen=True)
class Flow:
    """What a gradient did in one setting, at one stage of training.

    Args:
        where: the setting, by column of the table ``gradient``.
        seeds: by seed, its numbers, as that table has them.
    """

    where: Row
    seeds: Mapping[int, Row]

    @property
    def length(self) -> int:
        """Tokens of the window."""
        return int(self.where["length"])

    @property
    def farthest(self) -> int:
        """Tokens between the loss and the far end of the window."""
        return int(next(iter(self.seeds.values()))["farthest"])

    @property
    def vanishes(self) -> bool:
        """Whether next to nothing comes to the far end, whatever the seed."""
        return all(row["fate"] in _GONE for row in self.seeds.values())

    @property
    def whole(self) -> bool:
        """Whether the whole window is reached, whatever the seed."""
        return all(row["whole_window"] for row in self.seeds.values())

    @property
    def reaches(self) -> dict[int, float]:
        """Tokens by seed: none where all is zero; a seed that is not finite is left out."""
        found = {
            seed: 0.0 if row["fate"] == "zero" else row["reach_tokens"]
            for seed, row in self.seeds.items()
        }
        return {seed: float(tokens) for seed, tokens in found.items() if not pd.isna(tokens)}

    def at(self, names: Sequence[str]) -> tuple[Any, ...]:
        """Where it stands, in these names."""
        return tuple(self.where[name] for name in names)

    @cached_property
    def reach(self) -> Estimate:
        """The median over seeds, in tokens."""
        return intervals.median(list(self.reaches.values()))

    @property
    def records(self) -> list[str]:
        """Keys, one a seed."""
        return [row["record"] for row in self.seeds.values()]


def flows(frame: pd.DataFrame, when: str, arms: Iterable[str]) -> list[Flow]:
    """What these arms did, at initialisation (``START``) or at the ``END`` of a training.

    Args:
        frame: the table ``gradient``.
        when: the stage.
        arms: by name.
    """
    if frame.empty:
        return []
    rows = frame[(frame["when"] == when) & frame["arm"].isin(list(arms))]
    places = zip(*(rows[name].tolist() for name in SETTING), strict=True)
    numbers = zip(*(rows[name].tolist() for name in _NUMBERS), strict=True)
    found: dict[tuple[Any, ...], dict[int, Row]] = {}
    for place, seed, values in zip(places, rows["seed"].tolist(), numbers, strict=True):
        found.setdefault(place, {})[seed] = dict(zip(_NUMBERS, values, strict=True))
    return [Flow(dict(zip(SETTING, place, strict=True)), seeds) for place, seeds in found.items()]


def most_seeds(found: Iterable[Flow], names: Sequence[str]) -> list[dict[int, Flow]]:
    """The flows of each scope, by growing length.

    Of a length that is there twice, that of most seeds, and the first of those.

    Args:
        found: from ``flows``.
        names: in what those of one scope agree.
    """
    scopes: dict[tuple[Any, ...], dict[int, Flow]] = {}
    for flow in found:
        lengths = scopes.setdefault(flow.at(names), {})
        known = lengths.get(flow.length)
        if known is None or len(flow.seeds) > len(known.seeds):
            lengths[flow.length] = flow
    return [dict(sorted(lengths.items())) for lengths in scopes.values()]
