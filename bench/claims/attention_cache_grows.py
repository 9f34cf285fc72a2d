"""Attention's cache grows with the text that was read, and a recurrence's state does not.

What must be kept in order to read one more token: keys and values of all before it, or one state.
It is known from the architecture, and measured where a model decoded.
"""

from collections.abc import Sequence

from bench.claims.rules import sizes
from bench.claims.rules.growing import FEWER, LEAST_LENGTHS
from bench.claims.rules.said import ends
from bench.claims.rules.sizes import Sizes
from bench.claims.rules.timing import Row, fitting
from bench.page import judgement, words
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.page.numbers import in_units
from bench.statistics.intervals import Estimate

SENTENCE = "Attention's cache grows with the text that was read, a recurrence's state does not"
QUANTITY = "exponent of the length that what a row keeps grows with"
DIRECTION = "above 0 with attention, 0 with a recurrence"
DELTA = 0.1  # a power below is none
LOOKS = "once: bytes are counted"
NEEDS = "probe decode or memory at three lengths, a recurrent arm beside a transformer"
PLACE = 320
SCOPE = ("comparison", "task", "data", "dtype")
TABLES = ("state",)
SUPPORTED = (
    "over three lengths or more attention's interval lies above 0.1, a recurrence's within it"
)
REFUTED = "attention's interval lies within 0.1 of 0, or a recurrence's above it"


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each recurrence and transformer."""
    return [
        _judge(attention, recurrence)
        for attention, recurrence in sizes.pairs(evidence["state"], SCOPE)
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """Of what was measured in decoding, if anything was; else of what is counted."""
    decided = [j for j in judgements if j.state != judgement.UNDECIDED]
    told = max(decided, key=lambda j: (j.state == judgement.SUPPORTED, "measured" in j.sentence))
    supported = sum(j.state == judgement.SUPPORTED for j in decided)
    if len(judgements) == 1:
        return told.sentence
    lost = len(judgements) - len(decided)
    text = f"{told.sentence[:-1]}; so in {supported} of {len(judgements)}"
    undecided = f", {lost} undecided" if lost else ""
    return fitting(f"{text} comparisons{undecided}.", f"{text}{undecided}.", told.sentence)


def _judge(attention: Sequence[Row], recurrence: Sequence[Row]) -> Judgement:
    measured = sizes.common(attention, recurrence, "measured_bytes")
    counted = sizes.common(attention, recurrence, "state_bytes")
    how, (cache, state) = (
        ("measured", measured) if len(measured[0]) >= LEAST_LENGTHS else ("counted", counted)
    )
    found = sizes.exponents(cache, state)
    first, other = attention[0], recurrence[0]
    records = list(dict.fromkeys(row["record"] for row in (*attention, *recurrence)))
    verdict, why = (judgement.UNDECIDED, FEWER) if found is None else _state(*found)
    names = words.an(first["arm"]), words.an(other["arm"])
    return Judgement(
        scope={name: first[name] for name in SCOPE}
        | {"arm": other["arm"], "reference": first["arm"], "lengths": list(cache)},
        state=verdict,
        sentence=_sentence(names, cache, state, f"({_where(first)}, {how})", why),
        records=records,
        figure="state",
        why=why,
        effects=[] if found is None else _effects(names, cache, found, records),
    )


def _state(cache: Estimate, state: Estimate) -> tuple[str, str]:
    if cache.low > DELTA and state.high < DELTA:
        return judgement.SUPPORTED, ""
    if cache.high < DELTA or state.low > DELTA:
        return judgement.REFUTED, ""
    return judgement.UNDECIDED, "no one power describes the bytes"


def _sentence(names: tuple[str, str], cache: Sizes, state: Sizes, place: str, why: str) -> str:
    lengths = list(cache)
    undecided = f": undecided, {why}" if why else ""
    if not lengths:
        return f"What {names[0]} and {names[1]} keep was measured at no common length{undecided}."
    text = (
        f"From T={lengths[0]} to {lengths[-1]} {names[0]} keeps {_bytes(cache)} a row, "
        f"{names[1]} {_bytes(state)}"
    )
    return fitting(f"{text} {place}{undecided}.", f"{text}.")


def _bytes(of: Sizes) -> str:
    """``4.1 kB to 12.3 kB``, or ``312 B at all lengths``."""
    known = list(of.values())
    first, last = (in_units(size, "B") for size in (known[0], known[-1]))
    return f"{first} to {last}" if first != last else f"{first} at every length"


def _where(row: Row) -> str:
    return f"{row['comparison']}, {words.task(row)}"


def _effects(
    names: Sequence[str], cache: Sizes, powers: Sequence[Estimate], records: Sequence[str]
) -> list[Effect]:
    where = {"shortest": min(cache), "longest": max(cache)}
    return [
        Effect(
            "exponent",
            "powers of T",
            power.value,
            *ends(power),
            n=len(cache),
            records=records,
            where=where | {"of": name},
        )
        for name, power in zip(names, powers, strict=True)
    ]
