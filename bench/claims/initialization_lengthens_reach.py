"""An initialisation made for it lengthens the reach of a recurrent network's gradient.

Orthogonal recurrent weights (Saxe et al., 2014), a forget gate that begins open (Gers et al.,
2000), gates made for memories of a length (chrono; Tallec and Ollivier, 2018): each beside the
default.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bench import registry
from bench.claims.rules import farther
from bench.claims.rules.flows import START, flows
from bench.page.evidence import Evidence
from bench.page.judgement import Judgement

SENTENCE = "Initialisation lengthens the reach of a recurrent network's gradient"
QUANTITY = "reach over that of the default initialisation, of one seed, before training"
DIRECTION = "above 1"
NEEDS = "probe gradient with the default initialisation and another, with six seeds"
PLACE = 510
SCOPE = ("task", "data", "arm", "device", "dtype", "layers", "initialization")
LOOKS = "once, when all seeds are in; each scope by itself, no correction for their number"
TABLES = ("gradient",)
DELTA = 0.25  # a reach that differs by less is the same
SUPPORTED = "the interval of the ratio lies above 1.25 at every length that is decided"
REFUTED = "the interval of the ratio lies below 1.25"

_DEFAULT = "default"
#: What does not matter before the first step, and the comparison, which names the initialisation.
_MAY_DIFFER = ("comparison", "initialization", "batch_size", "training_steps", "clip_norm")


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm, task and initialisation, over the lengths measured."""
    start = flows(evidence["gradient"], START, registry.of_family("recurrent"))
    near = [flow for flow in start if flow.where["initialization"] == _DEFAULT]
    far = [flow for flow in start if flow.where["initialization"] != _DEFAULT]
    return [
        farther.judge(
            beside,
            SCOPE,
            DELTA,
            more=lambda pair: _called(pair.far.where),
            than=lambda pair: "with the default",
            figure="reach_by_setting",
        )
        for beside in farther.pairs(far, near, _MAY_DIFFER, SCOPE)
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """How much farther in one scope, in how many, and where not."""
    return farther.headline(
        judgements, lambda judged: f"with {_called(judged.scope)} as with the default"
    )


def _called(setting: Mapping[str, Any]) -> str:
    name, _, more = str(setting["initialization"]).removeprefix(f"{_DEFAULT}, ").partition(",")
    return name + more if name.startswith("forget") else f"{name} initialisation{more}"
