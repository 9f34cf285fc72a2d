"""Gates let a gradient reach farther than an Elman network's.

An LSTM's cell state is carried on by a gate near one instead of a matrix product (Hochreiter and
Schmidhuber, 1997), and so is a GRU's. Compared are arms of one comparison, seed by seed.
"""

from collections.abc import Sequence

from bench import registry
from bench.claims.rules import farther, said
from bench.claims.rules.flows import flows
from bench.page import words
from bench.page.evidence import Evidence
from bench.page.judgement import Judgement

SENTENCE = "Gates let a recurrent network's gradient reach farther"
QUANTITY = "reach with gates over that without, of the same seed; reaching none counts as one token"
DIRECTION = "above 1"
LOOKS = "once, when all seeds are in; each scope by itself, no correction for their number"
NEEDS = "probe gradient of an arm with gates and one without, with six seeds"
PLACE = 110
SCOPE = (
    "comparison", "task", "data", "arm", "device", "dtype", "layers", "initialization", "when",
)  # fmt: skip
TABLES = ("gradient",)
DELTA = 0.25  # a reach that differs by less is the same
SUPPORTED = "the interval of the ratio lies above 1.25 at every length that is decided"
REFUTED = "the interval of the ratio lies below 1.25"


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm with gates, setting and stage, beside the one without."""
    gradient, arms = evidence["gradient"], registry.arms()
    gated, plain = (
        [name for name, arm in arms.items() if arm.literals.get("GATED") is wanted]
        for wanted in (True, False)
    )
    return [
        farther.judge(
            beside,
            SCOPE,
            DELTA,
            more=lambda pair: said.STAGES[pair.far.where["when"]],
            than=lambda pair: f"{words.an(pair.near.where['arm'])}'s",
            figure=said.picture(beside, one="gradient_flow", several="reach_by_length"),
        )
        for when in said.STAGES
        for beside in farther.pairs(
            flows(gradient, when, gated), flows(gradient, when, plain), ("arm", "kernel"), SCOPE
        )
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """How much farther in one scope, in how many, and where not."""
    return farther.headline(
        judgements, lambda judged: f"as without gates {said.STAGES[judged.scope['when']]}"
    )
