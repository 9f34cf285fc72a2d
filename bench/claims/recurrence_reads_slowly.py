"""Reading takes a recurrent network longer than a transformer.

Many rows at once in a forward pass or a prefill, or one prompt up to a generation's first token.

Without a backward pass there is less to wait for at each token, so that a kernel's fixed costs
weigh more: on a CPU a fused recurrence may well be faster in short windows.
"""

from collections.abc import Sequence

from bench import phases
from bench.claims.rules import timing
from bench.page.evidence import Evidence
from bench.page.judgement import Judgement

SENTENCE = "Recurrent networks are slow to read"
QUANTITY = (
    "time of a recurrent network's forward pass, prefill or first generated token over a "
    "transformer's, timed in the same rounds, geometric mean"
)
DIRECTION = "above 1"
DELTA = 0.03  # times that differ by less are the same
LOOKS = (
    "after 10, 20, 40 and 80 rounds, at p of .0097, .0105, .0171 and .0255, and when the time is "
    "over; Holm over all cells"
)
NEEDS = (
    "probe speed, phase forward or prefill, or probe decode: a recurrent arm beside a transformer "
    "in 6 rounds"
)
PLACE = 210
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

_DOES = {
    "forward": "A forward pass takes",
    "prefill": "Reading a prompt takes",
    phases.FIRST: "A prompt's first token takes",
}


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each phase, arm and setting, over the lengths measured."""
    return timing.slow(evidence["directions"], SCOPE, _DOES)


def headline(judgements: Sequence[Judgement]) -> str:
    """From the smallest to the largest ratio."""
    return timing.headline(judgements, "Reading takes")
