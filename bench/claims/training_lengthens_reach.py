"""Training lengthens the reach of a recurrent network's gradient.

Each seed is beside itself: the last measurement of a training, and the one before its first step.
"""

from collections.abc import Sequence

from bench import registry
from bench.claims.rules import farther
from bench.claims.rules.flows import END, START, flows
from bench.page.evidence import Evidence
from bench.page.judgement import Judgement

SENTENCE = "Training lengthens the reach of a recurrent network's gradient"
QUANTITY = "reach after training over that before, of one seed; reaching none counts as one token"
DIRECTION = "above 1"
NEEDS = "probe gradient along a training (steps above 0), with six seeds"
PLACE = 530
SCOPE = ("comparison", "task", "data", "arm", "device", "dtype", "layers", "initialization")
LOOKS = "once, when all seeds are in; each scope by itself, no correction for their number"
TABLES = ("gradient",)
DELTA = 0.25  # a reach that differs by less is the same
SUPPORTED = "the interval of the ratio lies above 1.25 at every length that is decided"
REFUTED = "the interval of the ratio lies below 1.25"


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm, task and setting, over the lengths trained at."""
    gradient, arms = evidence["gradient"], registry.of_family("recurrent")
    start, end = (flows(gradient, when, arms) for when in (START, END))
    return [
        farther.judge(
            beside,
            SCOPE,
            DELTA,
            more=lambda pair: f"{pair.far.where['training_steps']:,} training steps",
            than=lambda pair: "at initialisation",
            figure="flow_strip",
        )
        for beside in farther.pairs(end, start, ("when",), SCOPE)
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """How much farther in one scope, in how many, and where not."""
    return farther.headline(judgements, lambda judged: "after training as at initialisation")
