"""Sizing an arm to a budget: solved in closed form, proven on the meta device.

What is matched is a polynomial of the free dimension of degree two at most, because the dimension
is a side of matrices: parameters and FLOPs grow with its square or with it, a state with it. Three
sizes give the polynomial and with it the integers nearest to the budget, and their exact counts are
taken from the models themselves. The one exception is tried beside them: a state exactly as wide as
the embeddings needs no projection to a tied output layer, and so costs less than the polynomial
through wider ones says.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

from transformers import PreTrainedConfig

from models.arms import Arm, Quantity, Shape
from models.cost import Cost, Parameters

TOLERANCE = 0.01
QUANTITIES: tuple[str, ...] = get_args(Quantity)

_LARGEST = 1 << 40  # of any budget; what can be built is far smaller
_MOST_PARAMETERS = 1 << 30  # 4 GiB in float32, and as much again for each of Adam's moments

_WORDS = {
    "params": "body parameters",
    "flops": "forward FLOPs of a row",
    "state": "numbers of state",
}


class MatchError(ValueError):
    """No size of an arm comes close enough to the budget."""


@dataclass(frozen=True)
class Match:
    """An arm sized to a budget.

    Args:
        config: the sized configuration.
        cost: what it costs, its exact parameters included.
        quantity: what is held equal.
        target, got: the budget and what the arm has of it: body parameters, or the forward FLOPs
            or the numbers of state of one row.
        size: of the free dimension, None where nothing was free.
        dimension: which that is, None where nothing was free.
    """

    config: PreTrainedConfig
    cost: Cost
    quantity: Quantity
    target: int
    got: int
    size: int | None = None
    dimension: str | None = None

    @property
    def parameters(self) -> Parameters:
        """The arm's exact counts."""
        return self.cost.parameters

    @property
    def error(self) -> float:
        """Signed relative distance from the budget."""
        return self.got / self.target - 1


def match(
    arm: Arm,
    shape: Shape,
    reference: Arm,
    quantity: Quantity = "params",
    length: int = 512,
    tolerance: float = TOLERANCE,
    multiple_of: int = 1,
) -> Match:
    """Size ``arm`` so that it has as much of a quantity as the reference at its canonical size.

    The input embeddings take the reference's width, so that the tables are alike too.

    Args:
        arm, shape, reference: whom to size, what all share, whose size is the budget.
        quantity: ``params``, ``flops`` or ``state``.
        length: tokens of a row, on which FLOPs and a transformer's state depend.
        tolerance: largest relative error.
        multiple_of: of which the size is one. Tensor cores want 8 (NVIDIA's guides on recurrent
            layers and matrix products).

    Raises:
        MatchError: the closest such size is more than ``tolerance`` away, or too large to be built.
        HeadError: one of the two arms has no such head.
        ValueError: an unknown quantity.
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"match must be one of {', '.join(QUANTITIES)}. Got {quantity!r}.")
    given = reference.config(shape)
    cost = reference.cost(given, shape.head)
    target = _amount(cost, quantity, length, shape)
    if arm is reference:
        return Match(given, cost, quantity, target, target)
    wide = replace(shape, embedding_size=_width(given))
    best = _closest(arm, wide, quantity, length, target, multiple_of)
    if abs(best.error) > tolerance:
        raise MatchError(_too_far(arm, best, tolerance))
    return best


def _amount(cost: Cost, quantity: Quantity, length: int, shape: Shape) -> int:
    if quantity == "params":
        return cost.parameters.body
    if quantity == "flops":
        return cost.forward_flops(length, shape.target_length)
    return cost.state_bytes(length, shape.target_length, itemsize=1)


def _width(config: PreTrainedConfig) -> int:
    text = getattr(config, "text_config", config)
    width: int = getattr(text, "embedding_size", text.hidden_size)
    return width


def _closest(
    arm: Arm, shape: Shape, quantity: Quantity, length: int, target: int, multiple_of: int
) -> Match:
    """The size whose amount is nearest to the target, of the multiples."""
    dimension = arm.free_dimension(quantity)

    def at(size: int | None) -> Match:
        config = arm.config(shape, size)
        cost = arm.cost(config, shape.head)
        got = _amount(cost, quantity, length, shape)
        return Match(config, cost, quantity, target, got, size, dimension)

    if dimension is None:
        return at(None)
    width = shape.embedding_size
    unprojected = at(width)
    wider = [at(width + more) for more in (1, 2, 3)]
    amount = _polynomial(width + 1, *(match.got for match in wider))
    size = _below(amount, target)
    nearest = min((size, size + 1), key=lambda size: abs(amount(size) - target))
    parameters = _polynomial(width + 1, *(match.parameters.total for match in wider))(nearest)
    if parameters > _MOST_PARAMETERS:
        raise MatchError(
            f"expected at most {_MOST_PARAMETERS:,} parameters. Got {parameters:,} at "
            f"{dimension}={nearest}, where the {_WORDS[quantity]} "
            f"would be {amount(nearest):,}. Choose a smaller reference or a shorter length."
        )
    below = size // multiple_of * multiple_of
    around = [
        at(below + more * multiple_of) for more in (-1, 0, 1, 2) if below + more * multiple_of > 0
    ]
    found = [*around, *([] if width % multiple_of else [unprojected])]
    return min(found, key=lambda match: abs(match.error))


def _polynomial(start: int, one: int, two: int, three: int) -> Callable[[int], int]:
    """The polynomial of degree two through its values at three sizes in a row (Newton's form)."""
    first, second = two - one, three - 2 * two + one

    def value(n: int) -> int:
        steps = n - start
        return one + steps * first + steps * (steps - 1) // 2 * second

    return value


def _below(amount: Callable[[int], int], target: int) -> int:
    """The largest size whose amount is below the target, 1 where there is none."""
    low, high = 1, 2
    while amount(high) < target and high < _LARGEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if amount(middle) < target else (low, middle)
    return low


def _too_far(arm: Arm, best: Match, tolerance: float) -> str:
    """The closest achievable, and what to change."""
    words, dimension = _WORDS[best.quantity], arm.free_dimension(best.quantity)
    far = (
        f"expected {words} within {tolerance:.1%} of {best.target:,}; the closest has "
        f"{best.got:,} ({best.error:+.2%}"
    )
    if dimension is not None:
        return (
            f"{far} at {dimension}={best.size}). "
            "Choose a larger reference or another number of layers."
        )
    if arm.free_dimension("params") is None:
        return f"{far}), and a checkpoint cannot be resized. Match the others to it instead."
    return (
        f"{far}), and no free dimension changes it in this arm. Match the others to it instead, "
        "or change hidden_size, num_layers or the length."
    )
