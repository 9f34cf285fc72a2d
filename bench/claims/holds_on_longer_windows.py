"""What is learned holds on windows longer than those trained on.

Only seeds that learned the trained windows count: one that did not has nothing to keep. A task
without a threshold is learned a tenth of the way from the floor, which is what guessing scores, to
a perfect score, or a tenth below a floor where less is better. A score counts from the floor of its
window. A window on which no seed scores, nor on a longer one, is one that the arm cannot read; a
seed that has no score where others do was not measured there, and is left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from bench.claims.rules import lengths, said
from bench.claims.rules.lengths import Decided
from bench.data.metrics import METRICS, Metric
from bench.page import judgement
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.statistics import intervals
from bench.statistics.intervals import Estimate

SENTENCE = "What is learned holds on windows longer than those trained on"
QUANTITY = "share of the score above guessing that is kept on a longer window, seed by seed"
DIRECTION = "all of it"
LOOKS = "once, when all seeds are in; each scope by itself, no correction for their number"
NEEDS = "probe learning with test_lengths above the trained ones, solved there by six seeds"
PLACE = 430
SCOPE = ("comparison", "task", "data", "length", "arm", "device", "dtype")
TABLES = ("out_of_distribution",)
DELTA = 0.1  # of the score above guessing; a loss of less is none
SUPPORTED = "the interval of the share kept lies above 90% at every longer window that is decided"
REFUTED = "the interval of the share kept lies below 90%, or the arm cannot read longer windows"

_LEARNED = 0.1  # of the way from the floor to a perfect score, of a task without a threshold
_COLUMNS = (
    *SCOPE, "seed", "metric", "test_length", "test_metric", "floor", "solved", "record"
)  # fmt: skip


@dataclass(frozen=True)
class _Kept:
    """What seeds keep of their score on one longer window.

    Args:
        shares: of the seeds that were measured.
        records: of the seeds that were, or of all where the window cannot be read.
        read: whether it can be.
    """

    shares: list[float]
    records: list[str]
    read: bool

    @cached_property
    def share(self) -> Estimate:
        return intervals.median(self.shares)

    def decided(self) -> Decided:
        if len(self.records) < EXPLORATORY:
            return Decided(judgement.UNDECIDED, f"{lengths.FEW_SEEDS} that learned")
        if not self.read:
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
    scored = {n for tests in seeds.values() for n, row in tests.items() if _score(row) is not None}
    kept = {n: _kept(learned, trained, n, read=n <= max(scored, default=0)) for n in longer}
    at = {length: each.decided() for length, each in kept.items()}
    found = lengths.together(at) if learned else Decided(judgement.UNDECIDED, "not learned")
    undecided = found.state == judgement.UNDECIDED
    quoted = longer[-1]
    if learned:
        quoted = lengths.quoted(at, found, {n: len(each.records) for n, each in kept.items()})
    return Judgement(
        scope={**scope, "test_lengths": lengths.used(at)},
        state=found.state,
        sentence=(
            f"{said.begins(scope['arm'])} ({said.place(scope, f'trained up to T={trained:,}')})"
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
    """Whether a seed solved its task at the trained length, or came far enough from the floor."""
    gain = None if row is None else _gain(row)
    if row is None or gain is None or gain <= 0:
        return False
    if not pd.isna(row["solved"]):
        return bool(row["solved"])
    way = 1 - row["floor"] if _metric(row).scale == "share" else abs(row["floor"])
    return bool(gain >= _LEARNED * way)


def _metric(row: Mapping[str, Any]) -> Metric:
    return METRICS.get(row["metric"]) or Metric(row["metric"], row["metric"])


def _score(row: Mapping[str, Any]) -> float | None:
    """None where there is none, or one that is not finite."""
    score = row["test_metric"]
    return None if pd.isna(score) or not math.isfinite(score) else float(score)


def _gain(row: Mapping[str, Any]) -> float | None:
    """How much better than the floor of its window."""
    score = _score(row)
    if score is None or pd.isna(row["floor"]):
        return None
    return float(score - row["floor"]) * (1 if _metric(row).higher_is_better else -1)


def _kept(learned: Sequence[Mapping[int, Any]], trained: int, length: int, *, read: bool) -> _Kept:
    tested = [tests for tests in learned if length in tests]
    if not read:
        return _Kept([], [tests[length]["record"] for tests in tested], read)
    shares, records = [], []
    for tests in tested:
        gain, before = _gain(tests[length]), _gain(tests[trained])
        if gain is not None and before:
            shares.append(gain / before)
            records.append(tests[length]["record"])
    return _Kept(shares, records, read)


def _told(kept: _Kept, length: int, learned: int, seeds: int) -> str:
    if not learned:
        return f"solved there by 0 of {_seeds(seeds)}"
    if not kept.read:
        return f"reads no windows of {length:,}"
    if not kept.shares:
        return f"not measured at T={length:,}"
    share = said.ranged(kept.share, lambda number: f"{number:.0%}")
    if kept.share.value <= 0:
        share = "nothing"
    return (
        f"at T={length:,} {share} of the score above guessing is kept by {_seeds(len(kept.shares))}"
    )


def _seeds(count: int) -> str:
    return f"{count} seed{'' if count == 1 else 's'}"
