"""Attention's memory grows faster with the window than that of a recurrence.

Where the scores of all tokens for all others are kept, memory is the square of the window; a kernel
that keeps them no longer than it needs (flash and its like) leaves both linear. So it depends on
the kernel, and each is a judgement of its own.
"""

from collections.abc import Mapping, Sequence

from bench.claims.rules import growing, sizes, timing
from bench.claims.rules.growing import Grown
from bench.claims.rules.timing import Row
from bench.page import words
from bench.page.evidence import Evidence
from bench.page.judgement import Judgement

SENTENCE = "Attention's memory grows faster with the window than that of a recurrence"
QUANTITY = (
    "mean exponent, from the shortest window to the longest, that a step's peak grows with, "
    "attention's less a recurrence's"
)
DIRECTION = "above 0"
DELTA = 0.1  # exponents that differ by less are the same
LOOKS = "once: sizes are counted, not sampled, so exponents have no interval"
NEEDS = "probe memory at three lengths, a recurrent arm beside a transformer"
PLACE = 310
SCOPE = (
    "comparison", "task", "data", "phase", "device", "dtype", "denormals", "threads"
)  # fmt: skip
TABLES = ("memory",)
SUPPORTED = (
    "over three lengths or more attention's mean exponent is the larger by 0.1 or more; where it "
    "is the smaller by as much from one length to the next, it depends on the length"
)
REFUTED = "the mean exponents differ by less than 0.1, or attention's is the smaller"

#: What is allocated on a device, else tensors as they are counted, else what the system gave.
_COLUMNS = ("allocated_rise_bytes", "tensor_rise_bytes", "rss_rise_bytes")
_PHASES = {"training": "a training step", "forward": "a forward pass", "prefill": "a prefill"}


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each phase, recurrence, transformer and setting."""
    frame = evidence["memory"]
    found = {} if frame.empty else frame.groupby("arm")["kernel"].nunique().to_dict()
    kernels = {str(arm): int(count) for arm, count in found.items()}
    return [
        _judge(attention, recurrence, kernels)
        for attention, recurrence in sizes.pairs(frame, SCOPE)
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """The clearest of the commonest."""
    return growing.headline(judgements)


def _called(row: Row, kernels: Mapping[str, int]) -> str:
    """A recurrence, with its kernel where there are several of it; attention's is always said."""
    return words.an(row["arm"]) + (f" ({row['kernel']})" if kernels[row["arm"]] > 1 else "")


def _judge(
    attention: Sequence[Row], recurrence: Sequence[Row], kernels: Mapping[str, int]
) -> Judgement:
    first, other = attention[0], recurrence[0]
    taken = [
        (of, by)
        for column in _COLUMNS
        if column in first
        for of, by in [sizes.common(attention, recurrence, column)]
    ]
    of, by = max(taken, key=lambda both: len(both[0]))
    rows = [*attention, *recurrence]
    grown = Grown(
        what=f"the memory of {_PHASES.get(first['phase'], first['phase'])}",
        arms=(f"{words.an(first['arm'])} ({first['kernel']})", _called(other, kernels)),
        lengths=sorted(of) or sorted({row["length"] for row in rows}),
        place=timing.place(first),
        brief=timing.brief(first),
        scope={name: first[name] for name in (*SCOPE, "seed")}
        | {"arm": other["arm"], "kernel": other["kernel"]}
        | {"reference": first["arm"], "reference_kernel": first["kernel"]},
        records=[row["record"] for row in rows],
        figure="memory",
        powers=sizes.exponents(of, by),
        n=len(of),
    )
    return growing.judge(grown, sizes.exponents_apart(of, by), delta=DELTA, stands=True)
