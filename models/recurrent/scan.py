"""A whole recurrence as one operator, for the cells and types that PyTorch runs step by step.

On a CPU PyTorch has one fused recurrent kernel, the LSTM's in single precision. Everything else is
a chain of small operations whose backward adds to the weight gradient at every step. Here

- the inputs of all steps meet their weights in one product, before the operator;
- the backward is written by hand: what a step's gates do to the gradient is computed for all
  steps at once, which leaves one product and two or three vector operations a step, and the
  weight gradient is one product at the end;
- weights too large for a core's cache are packed once and used at every step.

The operators are opaque to ``torch.compile``, and their FLOPs are known to
``torch.utils.flop_counter``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

#: Bytes of weights from which oneDNN's packed product is faster than BLAS (measured on AMD EPYC).
_PACKED_FROM = 1 << 22


def scan(
    cell_type: str, inputs: Tensor, weight: Tensor, bias: Tensor | None, state: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Run one layer in one direction.

    Args:
        cell_type: ``rnn``, ``lstm`` or ``gru``.
        inputs: (length, batch, gates * hidden) what the inputs contribute to the gates, biases
            included, except the one that a GRU's reset gate multiplies.
        weight: (gates * hidden, hidden) recurrent weights, gates in PyTorch's order.
        bias: (hidden,) that bias of a GRU; None for the others.
        state: (batch, hidden) h before the first step, and c in an LSTM.

    Returns:
        h after every step, (length, batch, hidden), and c likewise in an LSTM.
    """
    ops = torch.ops.rvt
    if cell_type == "rnn":
        return (ops.elman_scan(inputs, weight, state[0]),)
    if cell_type == "gru":
        return (ops.gru_scan(inputs, weight, bias, state[0])[0],)
    hidden, cell, _ = ops.lstm_scan(inputs, weight, state[0], state[1])
    return hidden, cell


def _product(weight: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """A function that adds ``x @ weight.T`` to ``out``, in place, for one weight and many x."""
    packable = weight.device.type == "cpu" and weight.dtype == torch.float32
    if (
        packable
        and weight.numel() * weight.element_size() >= _PACKED_FROM
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    ):
        # What torch.compile makes of a linear layer; private, hence the way round it below.
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
        linear = torch.ops.mkldnn._linear_pointwise.binary
        return lambda x, out: out.copy_(linear(x, out, packed, None, "add"))
    transposed = weight.t().contiguous()
    return lambda x, out: out.addmm_(x, transposed)


def _steps(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """The steps of several (length, ...) tensors together."""
    return list(zip(*(tensor.unbind() for tensor in tensors), strict=True))


def _weight_gradient(gates: Tensor, before: Tensor) -> Tensor:
    """The sum over steps and rows of gate gradients times the states before them."""
    return gates.flatten(0, 1).t() @ before.flatten(0, 1)


# Elman: h_t = tanh(a_t), a_t = x_t + U h_{t-1}; da_t = dh_t (1 - h_t^2).


@torch.library.custom_op("rvt::elman_scan", mutates_args=())
def elman_scan(inputs: Tensor, weight: Tensor, h0: Tensor) -> Tensor:
    """Elman's states, (length, batch, hidden)."""
    product = _product(weight)
    output, before = inputs.clone(memory_format=torch.contiguous_format), h0
    for h in output.unbind():
        before = product(before, h).tanh_()
    return output


@torch.library.custom_op("rvt::elman_scan_backward", mutates_args=())
def elman_scan_backward(
    grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients at the inputs, the weight and the first state."""
    product = _product(weight.t())
    before = torch.cat([h0.unsqueeze(0), output[:-1]])
    grad_states = torch.cat([torch.zeros_like(h0).unsqueeze(0), grad])
    slopes = 1 - output * output  # becomes the gradient at a
    for slope, dh, dh_before in reversed(_steps(slopes, grad_states[1:], grad_states[:-1])):
        product(slope.mul_(dh), dh_before)
    return slopes, _weight_gradient(slopes, before), grad_states[0].clone()


# GRU: r, z = sigmoid(.), m = U_n h_{t-1} + b_n, n = tanh(x_n + r m), h_t = n + z (h_{t-1} - n).


@torch.library.custom_op("rvt::gru_scan", mutates_args=())
def gru_scan(
    inputs: Tensor, weight: Tensor, bias: Tensor, h0: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """A GRU's states, (length, batch, hidden); then r, z, m and n of every step."""
    size = h0.shape[1]
    product = _product(weight)
    gates = inputs.clone(memory_format=torch.contiguous_format)  # becomes r, z, m
    candidates = inputs[..., 2 * size :].clone(memory_format=torch.contiguous_format)  # becomes n
    gates[..., 2 * size :] = bias
    output, before = torch.empty_like(candidates), h0
    sigmoids, parts = gates[..., : 2 * size], gates.split(size, dim=-1)
    for gate, sigmoid, r, z, m, n, h in _steps(gates, sigmoids, *parts, candidates, output):
        product(before, gate)
        sigmoid.sigmoid_()
        before = torch.lerp(n.addcmul_(r, m).tanh_(), before, z, out=h)
    return output, gates, candidates


@torch.library.custom_op("rvt::gru_scan_backward", mutates_args=())
def gru_scan_backward(
    grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor, gates: Tensor, candidates: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients at the inputs, the weight, the bias and the first state."""
    size = h0.shape[1]
    product = _product(weight.t())
    r, z, m = gates.split(size, dim=-1)
    before = torch.cat([h0.unsqueeze(0), output[:-1]])
    grad_states = torch.cat([torch.zeros_like(h0).unsqueeze(0), grad])
    # What one unit of dh_t is at r, z and m of its step; becomes their gradient.
    slopes = torch.empty_like(gates)
    slope_n = (1 - candidates * candidates).mul_(1 - z)
    slope_r, slope_z, slope_m = slopes.split(size, dim=-1)
    torch.mul(slope_n, r, out=slope_m)
    torch.mul(slope_m, m, out=slope_r).mul_(1 - r)
    torch.sub(before, candidates, out=slope_z).mul_(z).mul_(1 - z)
    by_gate = slopes.unflatten(-1, (3, size))
    for slope, gate, keep, dh, dh_before in reversed(
        _steps(slopes, by_gate, z, grad_states[1:], grad_states[:-1])
    ):
        gate.mul_(dh.unsqueeze(1))
        product(slope, dh_before.addcmul_(dh, keep))
    grad_weight = _weight_gradient(slopes, before)
    grad_bias = slope_m.sum(dim=(0, 1))
    torch.mul(slope_n, grad_states[1:], out=slope_m)  # n's inputs do not pass the reset gate
    return slopes, grad_weight, grad_bias, grad_states[0].clone()


# LSTM: i, f, g, o; c_t = f c_{t-1} + i g, h_t = o tanh(c_t).


@torch.library.custom_op("rvt::lstm_scan", mutates_args=())
def lstm_scan(
    inputs: Tensor, weight: Tensor, h0: Tensor, c0: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """An LSTM's h and c, (length, batch, hidden); then the gates i, f, g, o of every step."""
    size = h0.shape[1]
    product = _product(weight)
    gates = inputs.clone(memory_format=torch.contiguous_format)
    output = inputs.new_empty(*inputs.shape[:2], size)
    cells = torch.empty_like(output)
    h_before, c_before = h0, c0
    sigmoids, parts = gates[..., : 2 * size], gates.split(size, dim=-1)
    for gate, sigmoid, i, f, g, o, c, h in _steps(gates, sigmoids, *parts, cells, output):
        product(h_before, gate)
        sigmoid.sigmoid_()
        c_before = torch.mul(f, c_before, out=c).addcmul_(i, g.tanh_())
        h_before = torch.tanh(c, out=h).mul_(o.sigmoid_())
    return output, cells, gates


@torch.library.custom_op("rvt::lstm_scan_backward", mutates_args=())
def lstm_scan_backward(
    grad: Tensor,
    grad_cells: Tensor | None,
    weight: Tensor,
    h0: Tensor,
    c0: Tensor,
    output: Tensor,
    cells: Tensor,
    gates: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients at the inputs, the weight, and both first states."""
    size = h0.shape[1]
    product = _product(weight.t())
    i, f, g, o = gates.split(size, dim=-1)
    tanh_c = cells.tanh()
    before = torch.cat([h0.unsqueeze(0), output[:-1]])
    c_before = torch.cat([c0.unsqueeze(0), cells[:-1]])
    grad_states = torch.cat([torch.zeros_like(h0).unsqueeze(0), grad])
    grad_c = torch.zeros_like(grad_states)
    if grad_cells is not None:
        grad_c[1:] = grad_cells
    # What one unit of dc_t is at i, f, g and one of dh_t at o; becomes the gates' gradient.
    slopes = torch.empty_like(gates)
    slope_i, slope_f, slope_g, slope_o = slopes.split(size, dim=-1)
    torch.mul(g, i, out=slope_i).mul_(1 - i)
    torch.mul(f, c_before, out=slope_f).mul_(1 - f)
    torch.mul(g, g, out=slope_g).neg_().add_(1).mul_(i)
    torch.mul(tanh_c, o, out=slope_o).mul_(1 - o)
    to_cell = tanh_c.square_().neg_().add_(1).mul_(o)  # dh_t's share of dc_t
    through_cell = slopes[..., : 3 * size].unflatten(-1, (3, size))
    for slope, by_cell, by_output, share, keep, dh, dh_before, dc, dc_before in reversed(
        _steps(
            slopes,
            through_cell,
            slope_o,
            to_cell,
            f,
            grad_states[1:],
            grad_states[:-1],
            grad_c[1:],
            grad_c[:-1],
        )
    ):
        dc.addcmul_(dh, share)
        by_cell.mul_(dc.unsqueeze(1))
        by_output.mul_(dh)
        dc_before.addcmul_(dc, keep)
        product(slope, dh_before)
    grad_weight = _weight_gradient(slopes, before)
    return slopes, grad_weight, grad_states[0].clone(), grad_c[0].clone()


# What torch.compile and autograd are told of the operators.


@elman_scan.register_fake
def _(inputs: Tensor, weight: Tensor, h0: Tensor) -> Tensor:
    return inputs.new_empty(inputs.shape)


@elman_scan_backward.register_fake
def _(grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor) -> tuple[Tensor, ...]:
    return torch.empty_like(output), torch.empty_like(weight), torch.empty_like(h0)


@gru_scan.register_fake
def _(inputs: Tensor, weight: Tensor, bias: Tensor, h0: Tensor) -> tuple[Tensor, ...]:
    length, batch, size = *inputs.shape[:2], h0.shape[1]
    return (
        inputs.new_empty(length, batch, size),
        inputs.new_empty(length, batch, 3 * size),
        inputs.new_empty(length, batch, size),
    )


@gru_scan_backward.register_fake
def _(
    grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor, gates: Tensor, candidates: Tensor
) -> tuple[Tensor, ...]:
    return (
        torch.empty_like(gates),
        torch.empty_like(weight),
        h0.new_empty(h0.shape[1]),
        torch.empty_like(h0),
    )


@lstm_scan.register_fake
def _(inputs: Tensor, weight: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, ...]:
    length, batch, size = *inputs.shape[:2], h0.shape[1]
    state = inputs.new_empty(length, batch, size)
    return state, torch.empty_like(state), inputs.new_empty(length, batch, 4 * size)


@lstm_scan_backward.register_fake
def _(
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


def _elman_gradient(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
    gradients: tuple[Tensor, ...] = elman_scan_backward(grad, *ctx.saved_tensors)
    return gradients


def _gru_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    _, weight, _, h0 = inputs
    ctx.save_for_backward(weight, h0, *output)


def _gru_gradient(ctx: Any, grad: Tensor, *unused: Any) -> tuple[Tensor, ...]:
    gradients: tuple[Tensor, ...] = gru_scan_backward(grad, *ctx.saved_tensors)
    return gradients


def _lstm_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs[1:], *output)


def _lstm_gradient(
    ctx: Any, grad: Tensor | None, grad_cells: Tensor | None, *unused: Any
) -> tuple[Tensor, ...]:
    saved = ctx.saved_tensors
    grad = torch.zeros_like(saved[3]) if grad is None else grad
    gradients: tuple[Tensor, ...] = lstm_scan_backward(grad, grad_cells, *saved)
    return gradients


elman_scan.register_autograd(_elman_gradient, setup_context=_elman_context)
gru_scan.register_autograd(_gru_gradient, setup_context=_gru_context)
lstm_scan.register_autograd(_lstm_gradient, setup_context=_lstm_context)


def _second(ctx: Any, *grads: Any) -> None:
    raise NotImplementedError(
        "Expected one backward pass: kernel 'fused' has no second derivatives here. Got a backward "
        "through its backward; use kernel 'loop'."
    )


for _backward in (elman_scan_backward, gru_scan_backward, lstm_scan_backward):
    _backward.register_autograd(_second)


def _formula(products: int, state: int) -> Callable[..., int]:
    """FLOPs of so many (length * batch, gates * hidden, hidden) products."""

    def flops(*shapes: Any, **_: Any) -> int:
        length, batch = shapes[0][:2]
        gates_hidden, hidden = shapes[state]
        return int(products * 2 * length * batch * gates_hidden * hidden)

    return flops


for _name, _state in (("elman", 1), ("gru", 1), ("lstm", 2)):
    _forward = getattr(torch.ops.rvt, f"{_name}_scan")
    _backward = getattr(torch.ops.rvt, f"{_name}_scan_backward")
    register_flop_formula(_forward)(_formula(1, 1))
    # The gradient goes back through the weights, and the weights get theirs.
    register_flop_formula(_backward)(_formula(2, _state))
