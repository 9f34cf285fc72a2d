"""Subnormal floats slow this processor, so that a vanishing gradient costs time.

A gradient that vanishes passes through numbers too small for float32's full precision. Many x86
processors take many times as long for these; others do not, and there is nothing to win.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bench import phases
from bench.claims.rules import timing
from bench.claims.rules.timing import Row, Said, fitting
from bench.page import judgement, words
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.page.numbers import cell_text

SENTENCE = "Subnormal floats slow this processor"
QUANTITY = (
    "time of the same step with subnormal floats kept over that with them flushed, in the same "
    "rounds, geometric mean"
)
DIRECTION = "above 1"
DELTA = 0.03  # times that differ by less are the same
LOOKS = (
    "after 10, 20, 40 and 80 rounds, at p of .0097, .0105, .0171 and .0255, and when the time is "
    "over; Holm over all cells"
)
NEEDS = "probe speed with denormals keep and flush, in 6 rounds"
PLACE = 500
SCOPE = (
    "comparison", "task", "data", "phase", "arm", "kernel", "device", "dtype", "threads"
)  # fmt: skip
TABLES = ("directions",)
SUPPORTED = (
    "the interval lies above 1, and not within 3% of it, at every length that is decided, while "
    "A/A controls are silent"
)
REFUTED = (
    "the interval lies below 1, or within 3% of it; or arithmetic on subnormal numbers takes this "
    "processor less than 1.2 times as long as on normal ones"
)

FIGURE = "setting"
_EFFECT = 1.2  # times as long, below which a processor has no such effect


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm and phase, and one for each processor without the effect."""
    series = timing.series(_kept_over_flushed(evidence["directions"]), SCOPE)
    return [
        *_processors(evidence),
        *(timing.judge(rows, SCOPE, _said(rows), FIGURE) for rows in series),
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """The processor's own, where it has no such effect; else the largest ratio that is decided."""
    decided = [j for j in judgements if j.state != judgement.UNDECIDED]
    told = max(decided, key=lambda j: ("phase" not in j.scope, max(e.value for e in j.effects)))
    steps = [j.state for j in judgements if "phase" in j.scope]
    if len(steps) < 2:
        return told.sentence
    states = {judgement.DEPENDS: "at some lengths in {}", judgement.UNDECIDED: "{} undecided"}
    more = [how.format(steps.count(state)) for state, how in states.items() if state in steps]
    slower = f"slower in {steps.count(judgement.SUPPORTED)} of {len(steps)} comparisons"
    text = f"{told.sentence[:-1]}; {slower}"
    return fitting(f"{', '.join([text, *more])}.", f"{text}.", told.sentence)


def _kept_over_flushed(frame: pd.DataFrame) -> list[Row]:
    if frame.empty:
        return []
    rows = timing.rows_of(frame[frame["contrast"] == "denormals"])
    return [timing.inverted(row) | {"denormals": "keep"} for row in rows]


def _said(rows: Sequence[Row]) -> Said:
    phase, arm = rows[0]["phase"], words.an(rows[0]["arm"])
    does = phases.taking(phase)
    return Said(f"With subnormal floats kept, {does}", arm, "with them flushed")


def _processors(evidence: Evidence) -> list[Judgement]:
    """Of those that take no longer for subnormal numbers, whatever they compute."""
    places: dict[tuple[str, str], list[Row]] = {}
    for row in timing.rows_of(evidence["directions"]):
        places.setdefault((row["device"], str(row["threads"])), []).append(row)
    ratios = {
        (device, threads): known.get("subnormal_ratios")
        for device, by_threads in evidence.ceilings.items()
        for threads, known in by_threads.items()
    }
    return [
        _without_effect(*place, found, timing.records(places[place]))
        for place, found in ratios.items()
        if place in places and found and max(found.values()) < _EFFECT
    ]


def _without_effect(
    device: str, threads: str, ratios: dict[str, Any], records: Sequence[str]
) -> Judgement:
    """Of what the processor was measured to do before the steps whose records these are."""
    most = cell_text(max(ratios.values()), "ratio")
    times = "as long" if most == "1.00" else f"at most {most} times as long"
    return Judgement(
        scope={"device": device, "threads": threads},
        state=judgement.REFUTED,
        sentence=(
            f"Arithmetic on subnormal numbers takes this processor {times} as on normal ones "
            f"({device}, {threads} thread{'' if threads == '1' else 's'})."
        ),
        records=records,
        figure=FIGURE,
        effects=[
            Effect(
                f"{name} on subnormal over normal numbers", "times", ratio, None, None, 1, records
            )
            for name, ratio in ratios.items()
        ],
    )
