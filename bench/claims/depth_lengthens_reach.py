"""Depth lengthens the reach of a recurrent network's gradient.

Layers add paths by which a token's gradient comes back; compared are the most layers with the
fewest, seed by seed, before training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench import registry
from bench.claims.rules import farther
from bench.claims.rules.farther import Pair
from bench.claims.rules.flows import START, Flow, flows
from bench.page.evidence import Evidence
from bench.page.judgement import Judgement

SENTENCE = "Depth lengthens the reach of a recurrent network's gradient"
QUANTITY = "reach with the most layers over that with the fewest, of one seed, before training"
DIRECTION = "above 1"
NEEDS = "probe gradient at two depths, with six seeds"
PLACE = 520
SCOPE = ("task", "data", "arm", "device", "dtype", "initialization")
LOOKS = "once, when all seeds are in; each scope by itself, no correction for their number"
TABLES = ("gradient",)
DELTA = 0.25  # a reach that differs by less is the same
SUPPORTED = "the interval of the ratio lies above 1.25 at every length that is decided"
REFUTED = "the interval of the ratio lies below 1.25"

#: What does not matter before the first step, and the comparison, which names the depth.
_MAY_DIFFER = ("comparison", "layers", "batch_size", "training_steps", "clip_norm")


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm and task, over the lengths measured at several depths."""
    start = flows(evidence["gradient"], START, registry.of_family("recurrent"))
    # Of pairs with equally many seeds the first counts: that of depths widest apart.
    deep, shallow = sorted(start, key=lambda flow: -_depth(flow)), sorted(start, key=_depth)
    return [
        _judge(beside)
        for beside in farther.pairs(
            deep,
            shallow,
            _MAY_DIFFER,
            SCOPE,
            lambda pair: _depth(pair.far) > _depth(pair.near),
        )
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """How much farther in one scope, in how many, and where not."""
    return farther.headline(judgements, _so)


def _judge(beside: Mapping[int, Pair]) -> Judgement:
    """Its scope has the depths too, the fewest layers first."""
    found = farther.judge(
        beside,
        SCOPE,
        DELTA,
        more=lambda pair: _layers(pair.far),
        than=lambda pair: f"with {_layers(pair.near)}",
        figure="reach_by_setting",
    )
    longest = beside[found.scope["lengths"][-1]]
    depths = [_depth(longest.near), _depth(longest.far)]
    return replace(found, scope={**found.scope, "depths": depths})


def _so(judged: Judgement) -> str:
    fewest, most = judged.scope["depths"]
    return f"with {most} layers as with {fewest}"


def _depth(flow: Flow) -> int:
    return int(flow.where["layers"])


def _layers(flow: Flow) -> str:
    count = _depth(flow)
    return f"{count} layer{'s' if count > 1 else ''}"
