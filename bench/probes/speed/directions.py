"""Which of two arms is faster, by the rules of a claim, as a data frame."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import phases, registry
from bench.frames.columns import interval, where
from bench.page.evidence import Evidence
from bench.statistics import verdicts
from bench.statistics.directions import Direction, directions, holm
from bench.statistics.intervals import Estimate
from bench.statistics.verdicts import Verdict
from bench.store.records import Record, kernel

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
_FIRST_TOKEN = _Quantity("first_token_seconds")
_Compared = tuple[dict[str, Any], Verdict, _Quantity]  # the row to fill, and what of whom
_NOTHING = {"direction": "", "why": "", "beyond": False, "aa_silent": False}


def table(evidence: Evidence) -> pd.DataFrame:
    """The time of each arm over that of its reference, or with subnormals flushed over kept.

    ``direction`` is longer, shorter, same (within 3%) or undecided, and ``why`` says why it is;
    ``beyond`` whether by more than 3%. Holm's correction is over the rows of one ``family``.
    ``aa_silent``: whether A/A controls differ no more often than by chance; where they do, nothing
    is decided. Where a record is undecided its interval is wide, and that is all.

    What begins with ``body_`` is the same of the layers alone, see ``bench.measure.parts``, by its
    own rounds, A/A controls and correction. It is empty where they were not timed.

    A generation has two rows: of the phase ``first_token``, which reads the prompt, and of its own,
    the tokens after it. The former are there where the A/A controls' first tokens are known too.
    """
    compared = [(ARMS, v) for v in evidence.compared]
    compared += [(SUBNORMALS, v) for v in evidence.settings]
    rows = [(_place(contrast, verdict), verdict) for contrast, verdict in compared]
    steps = [(row, verdict, _STEP) for row, verdict in rows]
    first = [
        (_place(row["contrast"], verdict, phases.FIRST), verdict, _FIRST_TOKEN)
        for row, verdict in rows
        if (row["contrast"], row["phase"]) == (ARMS, "decode")
        and _FIRST_TOKEN.again(verdict.reference) is not None
    ]
    bodies = [(row, v, _BODY) for row, v in rows if _BODY.of(v.record) and _BODY.of(v.reference)]
    _compare(steps + first)
    _compare(bodies)
    every = [row for row, *_ in steps + first]
    for row in every if bodies else ():
        for name, nothing in _NOTHING.items():
            row.setdefault(_BODY.prefix + name, nothing)
    return pd.DataFrame(every)


def _place(contrast: str, verdict: Verdict, phase: str | None = None) -> dict[str, Any]:
    base, place = verdict.reference["cell"], where(verdict.record)
    place["phase"] = phase or place["phase"]
    family = "subnormals" if contrast == SUBNORMALS else _family(place, base["arm"])
    return place | {
        "contrast": contrast,
        "match": verdict.record["cell"]["model"].get("match", "params"),
        "family": family,
        "reference": base["arm"],
        "reference_kernel": kernel(verdict.reference),
        "reference_record": verdict.reference["key"],
    }


def _compare(compared: Sequence[_Compared]) -> None:
    """Put into rows what is known and decided, each quantity by its own launches and controls."""
    found: list[tuple[_Compared, Direction, Estimate, str]] = []
    for quantity in dict.fromkeys(quantity for *_, quantity in compared):
        found += _measured([one for one in compared if one[-1] is quantity], quantity)
    decided = _decided(
        [row["family"] for (row, *_), *_ in found],
        [pair for _, pair, *_ in found],
        [veto for *_, veto in found],
    )
    for ((row, _, quantity), pair, noise, _), said in zip(found, decided, strict=True):
        values = _numbers(pair, noise) | said
        row |= {quantity.prefix + name: value for name, value in values.items()}


def _measured(
    compared: Sequence[_Compared], quantity: _Quantity
) -> Iterator[tuple[_Compared, Direction, Estimate, str]]:
    """Of each comparison the ratio, that of its A/A control, and why nothing may be told."""
    bases = {v.reference["key"]: v.reference for _, v, _ in compared}
    controls = [r for r in bases.values() if quantity.again(r) is not None]
    found = directions(
        [
            verdicts.pair(v.reference, v.record, quantity.of(v.record), quantity.of(v.reference))
            for _, v, _ in compared
        ]
        + [verdicts.pair(r, r, quantity.again(r), quantity.of(r)) for r in controls]
    )
    pairs, again = found[: len(compared)], found[len(compared) :]
    noise = {r["key"]: direction.ratio for r, direction in zip(controls, again, strict=True)}
    veto = verdicts.vetoed(again)
    for one, pair in zip(compared, pairs, strict=True):
        yield one, pair, _noise(one[1], noise), veto


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
    return f"{phases.kind(place['phase'])}: {', '.join(kinds)}"


def _decided(
    names: Sequence[str], pairs: Sequence[Direction], vetoes: Sequence[str]
) -> list[dict[str, Any]]:
    """What may be said of each pair, corrected over those of the same family."""
    families: dict[str, list[int]] = {}
    for index, family in enumerate(names):
        families.setdefault(family, []).append(index)
    found: dict[int, dict[str, Any]] = {}
    for at in families.values():
        for index, stands in zip(at, holm([pairs[i].p for i in at]), strict=True):
            said, why = _said(pairs[index], stands, vetoes[index], len(at))
            found[index] = {
                "direction": said,
                "beyond": said in ("longer", "shorter") and pairs[index].beyond(),
                "why": why,
                "aa_silent": not vetoes[index],
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
