"""Recurrent networks learn tasks that transformers cannot.

Of arms from random weights, sized to one another, and trained alike, on tasks with a threshold.
"""

from collections.abc import Sequence

from bench.claims.rules import contest
from bench.page.evidence import Evidence
from bench.page.judgement import Judgement

SENTENCE = "Recurrent networks learn tasks that transformers cannot"
QUANTITY = "share of seeds that solve the task: best recurrent network beside best transformer"
DIRECTION = "the former solve it, the latter do not"
LOOKS = "once, when all seeds are in; Holm over all tasks"
NEEDS = (
    "probe learning of a transformer and a recurrent network on one task, with six seeds; with "
    "seven for up to three comparisons (tasks times the arms to choose from), eight for up to six"
)
PLACE = 420
SCOPE = ("comparison", "task", "data", "length", "device", "dtype")
TABLES = ("learning",)
DELTA = None
SUPPORTED = (
    "a recurrent network solves the task and no transformer does, each by the 95% interval "
    "of its solve rate and one half, with an exact p below 5% over all tasks"
)
REFUTED = "a transformer solves the task in more than half of the seeds, by its 95% interval"


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each task that both were trained on."""
    return contest.judge(evidence, SCOPE, ours="recurrent", theirs="transformer")


def headline(judgements: Sequence[Judgement]) -> str:
    """A task where it is so, and of how many."""
    return contest.headline(judgements)
