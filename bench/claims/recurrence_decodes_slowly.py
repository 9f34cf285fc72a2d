"""A decoded token takes a recurrent network longer than a transformer with its cache.

Here both go token by token: a recurrence reads its state, of one size, and attention a cache that
grows, so of all phases this is where a recurrence should win. ``generate`` is judged, and the same
passes without it, from a CUDA graph too; the headline is of the first of these that was decided.
"""

from collections.abc import Sequence

from bench import phases
from bench.claims.rules import timing
from bench.page.evidence import Evidence
from bench.page.judgement import UNDECIDED, Judgement

SENTENCE = "Recurrent networks are slow to decode"
QUANTITY = (
    "time of a recurrent network's decoded token over a transformer's, timed in the same rounds, "
    "geometric mean"
)
DIRECTION = "above 1"
DELTA = 0.03  # times that differ by less are the same
LOOKS = (
    "after 10, 20, 40 and 80 rounds, at p of .0097, .0105, .0171 and .0255, and when the time is "
    "over; Holm over all cells"
)
NEEDS = "probe decode, a recurrent arm beside a transformer in 6 rounds"
PLACE = 220
SCOPE = (
    "comparison", "task", "data", "phase", "arm", "kernel", "reference", "reference_kernel",
    "device", "dtype", "denormals", "threads",
)  # fmt: skip
TABLES = ("directions",)
SUPPORTED = (
    "the interval lies above 1, and not within 3% of it, at every length that is decided, while "
    "A/A controls are silent"
)
REFUTED = "the interval lies below 1, or within 3% of it, at every length that is decided"

_PHASES = ("decode", "decode_passes", "decode_graph")


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm and setting, over the lengths measured."""
    return timing.slow(
        evidence["directions"], SCOPE, {phase: phases.begins(phase) for phase in _PHASES}
    )


def headline(judgements: Sequence[Judgement]) -> str:
    """From the smallest to the largest ratio, of the first way of decoding that is decided."""
    for phase in _PHASES:
        of_phase = [j for j in judgements if j.scope["phase"] == phase]
        if any(j.state != UNDECIDED for j in of_phase):
            return timing.headline(of_phase, phases.begins(phase))
    return timing.headline(judgements, phases.begins("decode"))
