"""Sizing an arm to a budget: an integer search on the meta device, which allocates nothing."""

from dataclasses import dataclass, replace

import torch
from transformers import PreTrainedConfig

from models.arms import HEADS, Arm, Shape
from models.cost import Parameters, count_parameters

TOLERANCE = 0.01
_LARGEST = 1 << 20


class MatchError(ValueError):
    """No size of an arm comes close enough to the budget."""


@dataclass(frozen=True)
class Match:
    """An arm sized to a budget.

    Args:
        config: the sized configuration.
        parameters: its exact counts.
        target: the budget, in body parameters.
    """

    config: PreTrainedConfig
    parameters: Parameters
    target: int

    @property
    def error(self) -> float:
        """Signed relative distance of the body from the budget."""
        return self.parameters.body / self.target - 1


def match_parameters(arm: Arm, shape: Shape, reference: Arm, tolerance: float = TOLERANCE) -> Match:
    """Size ``arm`` so that its body holds as many parameters as the reference's canonical body.

    The input embeddings take the reference's width, so that the tables are alike too.

    Raises:
        MatchError: the closest size is more than ``tolerance`` away.
    """
    reference_config = reference.config(shape)
    target = _count(reference_config, shape.head).body
    if arm is reference:
        return Match(reference_config, _count(reference_config, shape.head), target)
    width = getattr(reference_config, "embedding_size", reference_config.hidden_size)
    best = _closest(arm, replace(shape, embedding_size=width), target)
    if abs(best.error) > tolerance:
        raise MatchError(
            f"expected a body within {tolerance:.1%} of {target:,} parameters; the closest has "
            f"{best.parameters.body:,} ({best.error:+.2%}"
            + (
                f" at {arm.free_dimension}={getattr(best.config, arm.free_dimension)}). "
                f"Choose a larger reference or another number of layers."
                if arm.free_dimension
                else "), and a checkpoint cannot be resized. Match the others to it instead."
            )
        )
    return best


def _closest(arm: Arm, shape: Shape, target: int) -> Match:
    """The size whose count is nearest to the target; counts grow with the size."""

    def at(size: int | None) -> Match:
        config = arm.config(shape, size)
        return Match(config, _count(config, shape.head), target)

    if arm.free_dimension is None:
        return at(None)
    low, high = 1, 2
    while at(high).parameters.body < target and high < _LARGEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if at(middle).parameters.body < target:
            low = middle
        else:
            high = middle
    return min(at(low), at(high), key=lambda match: abs(match.error))


def _count(config: PreTrainedConfig, head: str) -> Parameters:
    with torch.device("meta"):
        return count_parameters(HEADS[head].from_config(config))
