"""Attention's time grows faster with the window than that of a recurrence.

Of each token attention looks at all others, so its work is the square of the window, beside what
is linear in it; a recurrence's is linear. In short windows the linear part is most of both.

Of arms matched by parameters. Those matched by FLOPs or by state are so at each length: in a longer
window they are other models, and what grows is no one model's time.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench import phases
from bench.claims.rules import growing, timing
from bench.claims.rules.growing import LEAST_LENGTHS, Grown
from bench.claims.rules.timing import Row
from bench.frames.columns import estimate
from bench.page import words
from bench.page.evidence import Evidence
from bench.page.judgement import Judgement
from bench.statistics import growth
from bench.statistics.directions import holm
from bench.statistics.growth import Apart, LogRatio, Span
from bench.statistics.intervals import Estimate

SENTENCE = "Attention's time grows faster with the window than that of a recurrence"
QUANTITY = (
    "mean exponent, from the shortest window to the longest, that time grows with, attention's "
    "less a recurrence's"
)
DIRECTION = "above 0"
DELTA = 0.1  # exponents that differ by less are the same
LOOKS = (
    "after 10, 20, 40 and 80 rounds, at p of .0097, .0105, .0171 and .0255, and when the time is "
    "over; Holm over all cells"
)
NEEDS = (
    "probe speed or decode at three lengths, a recurrent arm beside a transformer, matched by "
    "parameters, in 6 rounds"
)
PLACE = 300
SCOPE = (
    "comparison", "task", "data", "phase", "arm", "kernel", "reference", "reference_kernel",
    "device", "dtype", "denormals", "threads",
)  # fmt: skip
TABLES = ("directions",)
SUPPORTED = (
    "the interval of the difference of mean exponents, over three lengths or more, lies above 0, "
    "and not within 0.1 of it; where from one length to the next the difference is below 0 (Holm "
    "over such steps) and not within 0.1 of it, it depends on the length"
)
REFUTED = "the interval of the difference of mean exponents lies below 0, or within 0.1 of it"

_Powers = Mapping[tuple[Any, ...], Estimate]


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each phase, arm and setting, over the lengths measured."""
    frame = evidence["directions"]
    rows = timing.recurrent_over_attention(
        frame, [phase for phase in dict.fromkeys(frame.get("phase", ())) if phase != phases.FIRST]
    )
    rows = [row for row in rows if row.get("match", "params") == "params"]
    together, known = list(timing.series(rows, SCOPE)), timing.kernels(rows)
    powers, body_powers = (_powers(evidence["growth"], of) for of in ("step_s", "body_s"))
    found = [_apart(series) for series in together]
    stands = holm([math.nan if apart is None else apart.whole.p for apart in found])
    return [
        growing.judge(
            _grown(series, known, powers, body_powers),
            apart,
            delta=DELTA,
            stands=stood,
            why=_why(series, apart),
        )
        for series, apart, stood in zip(together, found, stands, strict=True)
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """The clearest of the commonest."""
    return growing.headline(judgements)


def _apart(series: Sequence[Row]) -> Apart | None:
    """Attention's exponent less the recurrence's; None where it cannot be told."""
    known = _known(series)
    if len(known) < LEAST_LENGTHS:
        return None
    return growth.apart(
        {
            int(row["length"]): LogRatio(
                -math.log(row["time_ratio"]), row["log_se"], int(row["freedom"]), row["level"]
            )
            for row in known
        }
    )


def _known(series: Sequence[Row]) -> list[Row]:
    """Those that a power can be told from."""
    return [row for row in series if not math.isnan(row["log_se"])]


def _why(series: Sequence[Row], apart: Apart | None) -> str:
    if len(series) < LEAST_LENGTHS:
        return growing.FEWER
    if apart is None or not all(row["aa_silent"] for row in series):
        return timing.reason([row for row in series if row["why"]])
    return ""


def _body(series: Sequence[Row]) -> Span | None:
    """The same difference of the layers' time alone; None where it is not known.

    Nor is it where the body's own A/A controls differ.
    """
    bodies = [body for row in series if (body := timing.of_body(row)) is not None]
    apart = _apart([body for body in bodies if body["aa_silent"]])
    return None if apart is None else apart.whole


def _powers(table: pd.DataFrame, quantity: str) -> _Powers:
    """The exponent of each arm's own time, where the table has it."""
    rows = [] if table.empty else timing.rows_of(table[table["quantity"] == quantity])
    return {_key(row, "arm", "kernel"): estimate(row, "exponent") for row in rows}


def _key(row: Row, arm: str, kernel: str) -> tuple[Any, ...]:
    return (row[arm], row[kernel], *(row[name] for name in (*words.GROUP, "phase")))


def _grown(
    series: Sequence[Row],
    kernels: Mapping[tuple[Any, ...], set[str]],
    powers: _Powers,
    body_powers: _Powers,
) -> Grown:
    first, known = series[0], _known(series)
    recurrence, attention = timing.called(first, kernels)
    both = [_key(first, arm, kernel) for arm, kernel in reversed(timing.ARMS)]
    return Grown(
        what=f"the time of {phases.one(first['phase'])}",
        arms=(attention, recurrence),
        lengths=[row["length"] for row in (known if len(known) >= LEAST_LENGTHS else series)],
        place=timing.place(first),
        brief=timing.brief(first),
        scope={name: first[name] for name in (*SCOPE, "seed")},
        records=timing.records(series),
        figure="tokens_per_s",
        powers=_pair(powers, both),
        n=sum(int(row["rounds"]) for row in series),
        launches=sum(int(row["launches"]) for row in series),
        body=_body(series),
        body_powers=_pair(body_powers, both),
    )


def _pair(powers: _Powers, both: Sequence[tuple[Any, ...]]) -> tuple[Estimate, Estimate] | None:
    """Attention's and the recurrence's, where both are known."""
    own, other = (powers.get(key) for key in both)
    return None if own is None or other is None else (own, other)
