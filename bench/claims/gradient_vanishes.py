"""The gradient of a recurrent network vanishes with distance, however long the window.

At initialisation, as Bengio et al. (1994) and Pascanu et al. (2013) reason, a factor below one for
every step leaves nothing of the loss far back. "However long" means that more window brings no more
reach: what the gradient reaches is a number of tokens, not a share of the window.
"""

from collections.abc import Sequence

from bench import registry
from bench.claims.rules import lengths, said
from bench.claims.rules.flows import START, Flow, flows, most_seeds
from bench.claims.rules.lengths import Decided
from bench.drawing.palette import rank
from bench.page import judgement, words
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement

SENTENCE = "In a recurrent network the gradient vanishes with distance, however long the window"
QUANTITY = "reach at initialisation: the farthest token that gets 1% of the largest norm, in tokens"
DIRECTION = "the reach stays, as the window grows"
LOOKS = "once, when all seeds are in; each scope by itself, no correction for their number"
NEEDS = "probe gradient at two lengths, one four times the other, with six seeds"
PLACE = 100
SCOPE = ("comparison", "task", "data", "arm", "device", "dtype", "layers", "initialization")
TABLES = ("gradient",)
DELTA = 0.25  # a reach that grows by less, in a window at least four times as long, is the same
SUPPORTED = (
    "at every length with six seeds less than 1% comes to the far end, and the reach does not grow "
    "with T"
)
REFUTED = "the gradient reaches the far end of the longest window, four times the shortest or more"

_LONGER = 4  # times as long, before "however long" can be told


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm, task and setting, over the lengths measured."""
    arms = registry.of_family("recurrent")
    return [
        _judge(list(found.values()))
        for found in most_seeds(flows(evidence["gradient"], START, arms), SCOPE)
    ]


def headline(judgements: Sequence[Judgement]) -> str:
    """How far each arm's gradient reaches in the longest window, and where it is not so."""
    held = [each for each in judgements if each.state == judgement.SUPPORTED]
    if not held:
        return said.commonest(judgements)
    longest = max(map(_window, held))
    arms = {each.scope["arm"]: each for each in reversed(held) if _window(each) == longest}
    reached = [
        f"{said.tokens(said.estimate(arms[arm].effects[-1]))} in {words.an(arm)}"
        for arm in sorted(arms, key=rank)[:3]
    ]
    return said.fitting(
        f"Of {longest:,} tokens the gradient reaches {said.listed(reached)}",
        f"; {said.counted(judgements)}",
        said.exceptions(judgements),
    )


def _window(judged: Judgement) -> int:
    return int(judged.scope["lengths"][-1])


def _judge(measured: Sequence[Flow]) -> Judgement:
    """Over the lengths with seeds enough, where these span what is needed."""
    found = [flow for flow in measured if len(flow.reaches) >= EXPLORATORY]
    decided = _decided(measured, found)
    found = found if _span(found) else list(measured)
    first, last = found[0], found[-1]
    undecided = decided.state == judgement.UNDECIDED
    reached = f"the gradient reaches {said.reach(first)} tokens"
    if last is not first:
        reached += f", {said.reach(last)}"
    windows = [flow.length for flow in found]
    return Judgement(
        scope={name: first.where[name] for name in SCOPE} | {"lengths": windows},
        state=decided.state,
        sentence=(
            f"{registry.label(first.where['arm'])} ({said.place(first.where, said.STAGES[START])}"
            f"): {reached}; {'undecided, ' if undecided else ''}{decided.why}."
        ),
        records=[key for flow in found for key in flow.records],
        figure=said.picture(windows, one="gradient_flow", several="reach_by_length"),
        why=decided.why if undecided else "",
        effects=[
            Effect(
                "reach", "tokens", flow.reach.value, *said.ends(flow.reach), len(flow.reaches),
                flow.records, {"length": flow.length},
            )
            for flow in found
            if flow.reaches
        ],
    )  # fmt: skip


def _span(found: Sequence[Flow]) -> bool:
    """Whether the longest of these windows is so much longer that "however long" can be told."""
    return bool(found) and found[-1].length >= _LONGER * found[0].length


def _decided(measured: Sequence[Flow], found: Sequence[Flow]) -> Decided:
    """The state, and what it rests on in words.

    Args:
        measured: at every length.
        found: those with seeds enough.
    """
    if not _span(measured):
        return Decided(judgement.UNDECIDED, f"no window {_LONGER} times as long")
    if not _span(found):
        return Decided(judgement.UNDECIDED, lengths.FEW_SEEDS)
    first, last = found[0], found[-1]
    if last.whole:
        return Decided(judgement.REFUTED, "it does not vanish")
    vanishing = [flow.vanishes for flow in found]
    if not any(vanishing):
        return Decided(judgement.UNDECIDED, "neither vanishing nor reaching the far end")
    if not all(vanishing):
        where = lengths.where([flow.length for flow in found], vanishing)
        return Decided(judgement.DEPENDS, f"it vanishes {where}")
    grown = last.reach.high / max(first.reach.low, 1.0)  # reaching none counts as one token
    if grown < 1 + DELTA:
        return Decided(judgement.SUPPORTED, "it vanishes, however long the window")
    return Decided(
        judgement.DEPENDS, f"it vanishes, but reaches up to {grown:.1f} times as far in the longest"
    )
