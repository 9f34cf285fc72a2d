"""A training step takes a recurrent network longer than a transformer of its size.

What a recurrence computes at one token waits for the token before; attention does all at once. But
attention's work grows with the square of the window, so it may turn with the length.

A step updates tables of words that all arms have alike, and in short windows that is most of it. So
the ratio of the body, the layers' own passes, stands beside the step's, which decides.
"""

from collections.abc import Sequence

from bench.claims.rules import timing
from bench.page.evidence import Evidence
from bench.page.judgement import Judgement

SENTENCE = "Recurrent networks are slow to train"
QUANTITY = (
    "time of a recurrent network's training step over a transformer's, timed in the same rounds, "
    "geometric mean"
)
DIRECTION = "above 1"
DELTA = 0.03  # times that differ by less are the same
LOOKS = (
    "after 10, 20, 40 and 80 rounds, at p of .0097, .0105, .0171 and .0255, and when the time is "
    "over; Holm over all cells"
)
NEEDS = "probe speed, phase training, a recurrent arm beside a transformer in 6 rounds"
PLACE = 200
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

_DOES = "A training step takes"


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm and setting, over the lengths measured."""
    return timing.slow(evidence["directions"], SCOPE, {"training": _DOES})


def headline(judgements: Sequence[Judgement]) -> str:
    """From the smallest to the largest ratio."""
    return timing.headline(judgements, _DOES)
