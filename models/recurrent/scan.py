"""A whole recurrence as one operator, for what PyTorch runs step by step.

On a CPU PyTorch has one fused recurrent kernel, the LSTM's in single precision. Everything else is
a chain of small operations whose backward adds to the weight gradient at every step. Here the
inputs of all steps meet their weights in one product, before the operator, and the backward is
written by hand. What runs the steps is ``aten`` (PyTorch's operations) or ``native`` (C++).

The operators are opaque to ``torch.compile``, and their FLOPs are known to
``torch.utils.flop_counter``.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

import models.flops  # noqa: F401  # of the libraries' recurrences, beside those below
from models.recurrent import aten, native


def scan(
    cell_type: str,
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    state: Sequence[Tensor],
    steps: Literal["aten", "native"] = "aten",
) -> tuple[Tensor, ...]:
    """Run one layer in one direction.

    Args:
        cell_type: ``rnn``, ``lstm`` or ``gru``.
        inputs: (length, batch, gates * hidden) what the inputs contribute to the gates, biases
            included, except the one that a GRU's reset gate multiplies.
        weight: (gates * hidden, hidden) recurrent weights, gates in PyTorch's order.
        bias: (hidden,) that bias of a GRU; None for the others.
        state: (batch, hidden) h before the first step, and c in an LSTM.
        steps: what runs them.

    Returns:
        h after every step, (length, batch, hidden), and c likewise in an LSTM.

    Raises:
        ValueError, RuntimeError: what ``native.require`` refuses.
    """
    given = (inputs, weight, *(() if bias is None else (bias,)), *state)
    found = _OPERATORS[cell_type, steps](*given)
    return (found,) if isinstance(found, Tensor) else tuple(found[: len(state)])


# What torch.compile and autograd are told of the operators.


def _elman_fake(inputs: Tensor, weight: Tensor, h0: Tensor) -> Tensor:
    return inputs.new_empty(inputs.shape)


def _elman_backward_fake(
    grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor
) -> tuple[Tensor, ...]:
    return torch.empty_like(output), torch.empty_like(weight), torch.empty_like(h0)


def _gru_fake(inputs: Tensor, weight: Tensor, bias: Tensor, h0: Tensor) -> tuple[Tensor, ...]:
    length, batch, size = *inputs.shape[:2], h0.shape[1]
    return (
        inputs.new_empty(length, batch, size),
        inputs.new_empty(length, batch, 3 * size),
        inputs.new_empty(length, batch, size),
    )


def _gru_backward_fake(
    grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor, gates: Tensor, candidates: Tensor
) -> tuple[Tensor, ...]:
    return (
        torch.empty_like(gates),
        torch.empty_like(weight),
        h0.new_empty(h0.shape[1]),
        torch.empty_like(h0),
    )


def _lstm_fake(inputs: Tensor, weight: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, ...]:
    length, batch, size = *inputs.shape[:2], h0.shape[1]
    state = inputs.new_empty(length, batch, size)
    return state, torch.empty_like(state), inputs.new_empty(length, batch, 4 * size)


def _lstm_backward_fake(
    grad: Tensor,
    grad_cells: Tensor | None,
    weight: Tensor,
    h0: Tensor,
    c0: Tensor,
    output: Tensor,
    cells: Tensor,
    gates: Tensor,
) -> tuple[Tensor, ...]:
    return (
        torch.empty_like(gates),
        torch.empty_like(weight),
        torch.empty_like(h0),
        torch.empty_like(c0),
    )


def _elman_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[1:], output)


def _gru_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    _, weight, _, h0 = inputs
    ctx.save_for_backward(weight, h0, *output)


def _lstm_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs[1:], *output)


def _gradient(backward: Callable[..., Any], ctx: Any, grad: Tensor, *unused: Any) -> Any:
    return backward(grad, *ctx.saved_tensors)


def _lstm_gradient(
    backward: Callable[..., Any],
    ctx: Any,
    grad: Tensor | None,
    grad_cells: Tensor | None,
    *unused: Any,
) -> Any:
    saved = ctx.saved_tensors
    grad = torch.zeros_like(saved[3]) if grad is None else grad
    return backward(grad, grad_cells, *saved)


def _second(ctx: Any, *grads: Any) -> None:
    raise NotImplementedError(
        "Expected one backward pass: this kernel has no second derivatives. Got a backward "
        "through its backward; use kernel 'loop'."
    )


def _formula(products: int, state: int) -> Callable[..., int]:
    """FLOPs of so many (length * batch, gates * hidden, hidden) products."""

    def flops(*shapes: Any, **_: Any) -> int:
        length, batch = shapes[0][:2]
        gates_hidden, hidden = shapes[state]
        return int(products * 2 * length * batch * gates_hidden * hidden)

    return flops


@dataclass(frozen=True)
class _Cell:
    """What a cell's operators are, whatever runs the steps.

    Args:
        name: of the functions that run them.
        fake, backward_fake: shapes of what they return.
        context: keeps what the backward needs.
        gradient: calls it.
        weight: its argument that is the weight.
    """

    name: str
    fake: Callable[..., Any]
    backward_fake: Callable[..., Any]
    context: Callable[..., None]
    gradient: Callable[..., Any] = _gradient
    weight: int = 1


def _define(cell: _Cell, name: str, steps: ModuleType) -> Any:
    """Register ``rvt::NAME`` and ``rvt::NAME_backward``."""
    functions = getattr(steps, cell.name), getattr(steps, f"{cell.name}_backward")
    forward = torch.library.custom_op(f"rvt::{name}", functions[0], mutates_args=())
    backward = torch.library.custom_op(f"rvt::{name}_backward", functions[1], mutates_args=())
    forward.register_fake(cell.fake)
    backward.register_fake(cell.backward_fake)
    gradient = functools.partial(cell.gradient, backward)
    forward.register_autograd(gradient, setup_context=cell.context)
    backward.register_autograd(_second)
    register_flop_formula(getattr(torch.ops.rvt, name))(_formula(1, 1))
    # The gradient goes back through the weights, and the weights get theirs.
    of_backward = register_flop_formula(getattr(torch.ops.rvt, f"{name}_backward"))
    of_backward(_formula(2, cell.weight))
    return forward


_CELLS = {
    "rnn": _Cell("elman", _elman_fake, _elman_backward_fake, _elman_context),
    "gru": _Cell("gru", _gru_fake, _gru_backward_fake, _gru_context),
    "lstm": _Cell("lstm", _lstm_fake, _lstm_backward_fake, _lstm_context, _lstm_gradient, 2),
}
_OPERATORS = {
    (cell_type, steps): _define(cell, f"{cell.name}_{suffix}", module)
    for cell_type, cell in _CELLS.items()
    for steps, suffix, module in (("aten", "scan", aten), ("native", "native", native))
}
