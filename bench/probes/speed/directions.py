"""Which of two arms is faster, by the rules of a claim, as a data frame."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import registry
from bench.frames.columns import interval, where
from bench.page.evidence import Evidence
from bench.probes.speed import turns
from bench.statistics import verdicts
from bench.statistics.directions import Direction, directions, holm
from bench.statistics.intervals import Estimate
from bench.statistics.verdicts import Verdict
from bench.store.records import Record, kernel

#: What is claimed together: a forward pass and a prefill both read.
_TOGETHER = {"forward": "reading", "prefill": "reading"}
ARMS, SUBNORMALS = "arms", "denormals"  # what two times differ by


@dataclass(frozen=True)
class _Quantity:
    """What is compared: a sample of two a round, and what its columns begin with."""

    sample: str
    prefix: str = ""

    def of(self, record: Record) -> Any:
        return record["samples"].get(self.sample)

    def again(self, record: Record) -> Any:
        """Of the A/A control."""
        return record["samples"].get(f"canary_{self.sample}")


_STEP, _BODY = _Quantity("seconds"), _Quantity("body_seconds", "body_")
_NOTHING = {"direction": "", "why": "", "beyond": False, "aa_silent": False}


def table(evidence: Evidence) -> pd.DataFrame:
    """The time of each arm over that of its reference, or with subnormals flushed over kept.

    ``direction`` is longer, shorter, same (within 3%) or undecided, and ``why`` says why it is;
    ``beyond`` whether by more than 3%. Holm's correction is over the rows of one ``family``.
    ``aa_silent``: whether A/A controls differ no more often than by chance; where they do, nothing
    is decided. Where a record is undecided its interval is wide, and that is all.

    What begins with ``body_`` is the same of the layers alone, see ``bench.measure.parts``, by its
    own rounds, A/A controls and correction. It is empty where they were not timed.
    """
    settings = verdicts.of_settings(turns.measured(evidence))
    compared = [(ARMS, v) for v in evidence.verdicts] + [(SUBNORMALS, v) for v in settings]
    rows = [(_place(contrast, verdict), verdict) for contrast, verdict in compared]
    for quantity in (_STEP, _BODY):
        timed = [(row, v) for row, v in rows if quantity.of(v.record) and quantity.of(v.reference)]
        if timed:
            _compare(timed, quantity)
            for row, _ in rows:
                for name, nothing in _NOTHING.items():
                    row.setdefault(quantity.prefix + name, nothing)
    return pd.DataFrame(row for row, _ in rows)


def _place(contrast: str, verdict: Verdict) -> dict[str, Any]:
    base, place = verdict.reference["cell"], where(verdict.record)
    family = "subnormals" if contrast == SUBNORMALS else _family(place, base["arm"])
    return place | {
        "contrast": contrast,
        "family": family,
        "reference": base["arm"],
        "reference_kernel": kernel(verdict.reference),
        "reference_record": verdict.reference["key"],
    }


def _compare(compared: Sequence[tuple[dict[str, Any], Verdict]], quantity: _Quantity) -> None:
    """Put into rows what is known and decided of one quantity."""
    bases = {v.reference["key"]: v.reference for _, v in compared}
    controls = [r for r in bases.values() if quantity.again(r) is not None]
    found = directions(
        [
            verdicts.pair(v.reference, v.record, quantity.of(v.record), quantity.of(v.reference))
            for _, v in compared
        ]
        + [verdicts.pair(r, r, quantity.again(r), quantity.of(r)) for r in controls]
    )
    pairs, again = found[: len(compared)], found[len(compared) :]
    noise = {r["key"]: direction.ratio for r, direction in zip(controls, again, strict=True)}
    veto = verdicts.vetoed(again)
    decided = _decided([row["family"] for row, _ in compared], pairs, veto)
    for (row, verdict), pair, said in zip(compared, pairs, decided, strict=True):
        values = _numbers(pair, _noise(verdict, noise)) | said
        row |= {quantity.prefix + name: value for name, value in values.items()}


def _numbers(direction: Direction, noise: Estimate) -> dict[str, Any]:
    return {
        "rounds": direction.rounds,
        "launches": direction.launches,
        **interval("time_ratio", direction.ratio),
        **interval("aa_ratio", noise),
        "level": direction.level,
        "log_se": direction.log_se,
        "freedom": direction.freedom,
        "p": direction.p,
    }


def _noise(verdict: Verdict, known: Mapping[str, Estimate]) -> Estimate:
    """Of the A/A controls of these rounds the widest."""
    found = [known[r["key"]] for r in verdict.controls if r["key"] in known]
    nothing = Estimate(math.nan, math.nan, math.nan)
    return max(found, key=lambda e: (math.isfinite(e.low), e.high / e.low), default=nothing)


def _family(place: dict[str, Any], reference: str) -> str:
    """Rows that answer one question: of the same phase, and between the same kinds of arms."""
    kinds = sorted({registry.family(arm) or arm for arm in (place["arm"], reference)})
    return f"{_TOGETHER.get(place['phase'], place['phase'])}: {', '.join(kinds)}"


def _decided(names: Sequence[str], pairs: Sequence[Direction], veto: str) -> list[dict[str, Any]]:
    """What may be said of each pair, corrected over those of the same family."""
    families: dict[str, list[int]] = {}
    for index, family in enumerate(names):
        families.setdefault(family, []).append(index)
    found: dict[int, dict[str, Any]] = {}
    for at in families.values():
        for index, stands in zip(at, holm([pairs[i].p for i in at]), strict=True):
            said, why = _said(pairs[index], stands, veto, len(at))
            found[index] = {
                "direction": said,
                "beyond": said in ("longer", "shorter") and pairs[index].beyond(),
                "why": why,
                "aa_silent": not veto,
            }
    return [found[index] for index in range(len(pairs))]


def _said(pair: Direction, stands: bool, veto: str, comparisons: int) -> tuple[str, str]:
    if pair.why or veto:
        return "undecided", pair.why or veto
    if pair.same():
        return "same", ""
    if pair.excludes_one and stands:
        return ("longer" if pair.ratio.low > 1 else "shorter"), ""
    if pair.excludes_one:
        return "undecided", f"not certain among {comparisons} comparisons"
    return "undecided", "no difference beyond noise"
