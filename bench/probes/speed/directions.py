"""Which of two arms is faster, by the rules of a claim, as a data frame."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench import registry
from bench.frames.columns import interval, where
from bench.page.evidence import Evidence
from bench.probes.speed import turns
from bench.statistics import verdicts
from bench.statistics.directions import Direction, directions, holm, silent
from bench.statistics.intervals import Estimate
from bench.statistics.verdicts import Verdict

#: What is claimed together: a forward pass and a prefill both read.
_TOGETHER = {"forward": "reading", "prefill": "reading"}
ARMS, SUBNORMALS = "arms", "denormals"  # what two times differ by


def table(evidence: Evidence) -> pd.DataFrame:
    """The time of each arm over that of its reference, or with subnormals flushed over kept.

    ``direction`` is longer, shorter, same (within 3%) or undecided, and ``why`` says why it is;
    ``beyond`` whether by more than 3%. Holm's correction is over the rows of one ``family``.
    ``aa_silent``: whether A/A controls differ no more often than by chance; where they do, nothing
    is decided. Where a record is undecided its interval is wide, and that is all.
    """
    settings = verdicts.of_settings(turns.measured(evidence))
    compared = [(ARMS, v) for v in evidence.verdicts] + [(SUBNORMALS, v) for v in settings]
    bases = {v.reference["key"]: v.reference for _, v in compared}
    controls = [r for r in bases.values() if r["samples"].get("canary_seconds") is not None]
    found = directions(
        [verdicts.pair(v.reference, v.record, v.record["samples"]["seconds"]) for _, v in compared]
        + [verdicts.pair(r, r, r["samples"]["canary_seconds"]) for r in controls]
    )
    pairs, again = found[: len(compared)], found[len(compared) :]
    noise = {r["key"]: direction.ratio for r, direction in zip(controls, again, strict=True)}
    rows = [
        _row(contrast, verdict, direction, _noise(verdict, noise))
        for (contrast, verdict), direction in zip(compared, pairs, strict=True)
    ]
    veto = "" if silent(again) else "its A/A control differs as well" if again else "no A/A control"
    _decide(rows, pairs, veto)
    return pd.DataFrame(rows)


def _row(contrast: str, verdict: Verdict, direction: Direction, noise: Estimate) -> dict[str, Any]:
    base, place = verdict.reference["cell"], where(verdict.record)
    family = "subnormals" if contrast == SUBNORMALS else _family(place, base["arm"])
    return place | {
        "contrast": contrast,
        "family": family,
        "reference": base["arm"],
        "reference_kernel": base["kernel"],
        "reference_record": verdict.reference["key"],
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


def _decide(rows: list[dict[str, Any]], pairs: Sequence[Direction], veto: str) -> None:
    """Put in what may be said of each row."""
    families: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        families.setdefault(row["family"], []).append(index)
    for at in families.values():
        for index, stands in zip(at, holm([pairs[i].p for i in at]), strict=True):
            said, why = _said(pairs[index], stands, veto, len(at))
            rows[index] |= {
                "direction": said,
                "beyond": said in ("longer", "shorter") and pairs[index].beyond(),
                "why": why,
                "aa_silent": not veto,
            }


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
