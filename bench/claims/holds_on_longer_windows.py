"""What is learned holds on windows longer than those trained on.

Only seeds that learned the trained windows count: one that did not has nothing to keep. A score
counts from the floor of its window, which is what guessing scores there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from bench import registry
from bench.claims.rules import lengths, said
from bench.claims.rules.lengths import Decided
from bench.page import judgement
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.statistics import intervals
from bench.statistics.intervals import Estimate

SENTENCE = "What is learned holds on windows longer than those trained on"
QUANTITY = "share of the score above guessing that is kept on a longer window, seed by seed"
DIRECTION = "all of it"
LOOKS = "once, when all seeds are in"
NEEDS = "probe learning with test_lengths above the trained ones, solved there by six seeds"
PLACE = 430
SCOPE = ("comparison", "task", "data", "length", "arm", "device", "dtype")
TABLES = ("out_of_distribution",)
DELTA = 0.1  # of the score above guessing; a loss of less is none
SUPPORTED = "the interval of the share kept lies above 90% at every longer window that is decided"
REFUTED = "the interval of the share kept lies below 90%, or the arm cannot read longer windows"

_COLUMNS = (*SCOPE, "seed", "test_length", "test_metric", "floor", "solved", "record")


@dataclass(frozen=True)
class _Kept:
    """What seeds keep of their score on one longer window; None where it cannot be read."""

    shares: list[float | None]
    records: list[str]

    @cached_property
    def share(self) -> Estimate:
        found = [share for share in self.shares if share is not None]
        return intervals.median(found) if found else Estimate(math.nan, math.nan, math.nan)

    def decided(self) -> Decided:
        if len(self.shares) < EXPLORATORY:
            return Decided(judgement.UNDECIDED, f"fewer than {EXPLORATORY} seeds that learned")
        if None in self.shares:
            return Decided(judgement.REFUTED)
        if self.share.low > 1 - DELTA:
            return Decided(judgement.SUPPORTED)
        if self.share.high < 1 - DELTA:
            return Decided(judgement.REFUTED)
        return Decided(judgement.UNDECIDED, f"the interval straddles {1 - DELTA:.0%}")


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm and task that was tested on longer windows."""
    frame = evidence["out_of_distribution"]
    if frame.empty:
        return []
    scopes: dict[tuple[Any, ...], dict[int, dict[int, dict[str, Any]]]] = {}
    for values in zip(*(frame[name].tolist() for name in _COLUMNS), strict=True):
        row = dict(zip(_COLUMNS, values, strict=True))
        seeds = scopes.setdefault(values[: len(SCOPE)], {})
        seeds.setdefault(row["seed"], {}).setdefault(row["test_length"], row)
    found = [_judge(dict(zip(SCOPE, place, strict=True)), seeds) for place, seeds in scopes.items()]
    return [each for each in found if each is not None]


def headline(judgements: Sequence[Judgement]) -> str:
    """In how many scopes, and where not."""
    told = said.commonest(judgements).removesuffix(".")
    return said.fitting(told, said.exceptions(judgements))


def _judge(scope: Mapping[str, Any], seeds: Mapping[int, dict[int, Any]]) -> Judgement | None:
    """None where no longer window was tested."""
    trained = scope["length"]
    longer = sorted({length for tests in seeds.values() for length in tests if length > trained})
    if not longer:
        return None
    learned = [tests for tests in seeds.values() if _learned(tests.get(trained))]
    kept = {length: _kept(learned, trained, length) for length in longer}
    at = {length: each.decided() for length, each in kept.items()}
    found = lengths.together(at) if learned else Decided(judgement.UNDECIDED, "not learned")
    undecided = found.state == judgement.UNDECIDED
    quoted = longer[-1]
    if learned:
        quoted = lengths.quoted(at, found, {n: len(each.shares) for n, each in kept.items()})
    return Judgement(
        scope={**scope, "test_lengths": lengths.used(at)},
        state=found.state,
        sentence=(
            f"{registry.label(scope['arm'])} ({said.place(scope, f'trained up to T={trained:,}')})"
            f": {_told(kept[quoted], quoted, len(learned), len(seeds))}; "
            f"{_VERDICT[found.state]}{found.why}."
        ),
        records=[tests[min(tests)]["record"] for tests in seeds.values()],
        figure="out_of_distribution",
        why=found.why if undecided else "",
        effects=[
            Effect(
                "share of the score above guessing that is kept", "share", each.share.value,
                *said.ends(each.share), len(each.shares), each.records, {"test_length": length},
            )
            for length, each in kept.items()
            if not math.isnan(each.share.value)
        ],
    )  # fmt: skip


_VERDICT = {
    judgement.SUPPORTED: "it holds",
    judgement.REFUTED: "it does not hold",
    judgement.DEPENDS: "it holds ",
    judgement.UNDECIDED: "undecided, ",
}


def _learned(row: Mapping[str, Any] | None) -> bool:
    """Whether a seed solved its task at the trained length; of one without a threshold, scored."""
    if row is None or pd.isna(row["test_metric"]) or pd.isna(row["floor"]):
        return False
    return bool(row["test_metric"] != row["floor"] if pd.isna(row["solved"]) else row["solved"])


def _kept(learned: Sequence[Mapping[int, Any]], trained: int, length: int) -> _Kept:
    shares, records = [], []
    for tests in learned:
        if (row := tests.get(length)) is None:
            continue
        before = tests[trained]["test_metric"] - tests[trained]["floor"]
        read = not pd.isna(row["test_metric"]) and not pd.isna(row["floor"])
        shares.append((row["test_metric"] - row["floor"]) / before if read else None)
        records.append(row["record"])
    return _Kept(shares, records)


def _told(kept: _Kept, length: int, learned: int, seeds: int) -> str:
    if not learned:
        return f"solved there by 0 of {_seeds(seeds)}"
    if None in kept.shares:
        return f"reads no windows of {length:,}"
    share = said.ranged(kept.share, lambda number: f"{number:.0%}")
    if kept.share.value <= 0:
        share = "nothing"
    return f"at T={length:,} {share} of the score above guessing is kept by {_seeds(learned)}"


def _seeds(count: int) -> str:
    return f"{count} seed{'' if count == 1 else 's'}"
