"""The steps of a recurrence by PyTorch's operations, and its gradient by hand.

The backward computes what a step's gates do to the gradient for all steps at once, which leaves one
product and two or three vector operations a step, and the weight gradient is one product at the
end. Weights too large for a core's cache are packed once and used at every step.
"""

from collections.abc import Callable

import torch
from torch import Tensor

#: Bytes of weights from which oneDNN's packed product is faster than BLAS (measured on AMD EPYC).
_PACKED_FROM = 1 << 22


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


def elman(inputs: Tensor, weight: Tensor, h0: Tensor) -> Tensor:
    """Elman's states, (length, batch, hidden)."""
    product = _product(weight)
    output, before = inputs.clone(memory_format=torch.contiguous_format), h0
    for h in output.unbind():
        before = product(before, h).tanh_()
    return output


def elman_backward(
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


def gru(inputs: Tensor, weight: Tensor, bias: Tensor, h0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
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


def gru_backward(
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


def lstm(inputs: Tensor, weight: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
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


def lstm_backward(
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
