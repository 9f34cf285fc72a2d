"""How a recurrent stack is executed: which kernel, layer by layer or all at once.

``fused`` is the fastest without a compiler for the cell, its type and its padding: PyTorch's
own kernel (cuDNN, oneDNN) where there is one, else ``models.recurrent.scan``. ``loop`` writes the
cell out, and ``compiled`` sends that through ``torch.compile``. ``native`` runs the steps of every
cell in C++ of our own, on a CPU with a compiler. All compute the same.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.recurrent import cells, native
from models.recurrent.configuration import KERNELS, expect_choice
from models.recurrent.padding import reverse
from models.recurrent.scan import scan
from models.recurrent.trace import keep_trace, tracing

STACKS: dict[str, type[nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass
class Run:
    """What a stack computed.

    Args:
        hidden: (batch, length, directions * hidden), the top layer's outputs.
        state: h, and c in an LSTM, after each row's last token, (layers * directions, batch,
            hidden) each; None where nobody asked for it.
        layers: the outputs of every layer, where asked for.
    """

    hidden: Tensor
    state: tuple[Tensor, ...] | None
    layers: list[Tensor]


def run(
    stack: nn.RNNBase,
    kernel: str,
    inputs: Tensor,
    lengths: Tensor | None = None,
    state: Sequence[Tensor] | None = None,
    *,
    keep_state: bool = False,
    keep_layers: bool = False,
) -> Run:
    """Run a stack over a batch whose tokens stand first in their rows.

    Args:
        stack: ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``, batch first; it holds the weights.
        kernel: ``fused``, ``loop``, ``compiled`` or ``native``.
        inputs: (batch, length, features).
        lengths: (batch,) tokens of each row; None where every row is full.
        state: what to start from, shaped as ``Run.state``; zeros where it is None.
        keep_state, keep_layers: whether to return them.

    Raises:
        ValueError: no such kernel, states are being traced and it is not ``loop``, or a device or
            type that ``native`` does not compute.
        RuntimeError: ``native`` cannot be compiled here.
    """
    expect_choice("kernel", kernel, KERNELS)
    if tracing() and kernel != "loop":
        raise ValueError(f"trace_states needs kernel 'loop'. Got {kernel!r}.")
    if kernel == "native":
        native.require(inputs)
    if not keep_layers and _library(stack, kernel, inputs, lengths, keep_state):
        return _whole(stack, inputs, lengths, state, keep_state)
    return _by_layer(stack, kernel, inputs, lengths, state, keep_state, keep_layers)


def _library(
    stack: nn.RNNBase, kernel: str, inputs: Tensor, lengths: Tensor | None, keep_state: bool
) -> bool:
    """Whether PyTorch's own kernel runs the whole stack fastest, where that is what is asked."""
    if kernel not in ("fused", "native"):
        return False
    if inputs.device.type == "cuda":
        return True  # cuDNN takes packed sequences as they are
    if lengths is not None and (stack.bidirectional or keep_state):
        return False
    if inputs.device.type != "cpu":
        return True
    if inputs.shape[1] == 1 and not torch.is_grad_enabled():
        return True  # a step of decoding has nothing to fuse over
    return kernel == "fused" and _onednn(stack, inputs)


def _onednn(stack: nn.RNNBase, x: Tensor) -> bool:
    """Whether PyTorch has a fused CPU kernel for this cell and the type it is computed in."""
    mkldnn = torch.backends.mkldnn
    fits = stack.mode == "LSTM" and x.device.type == "cpu"
    return bool(fits and mkldnn.is_available() and mkldnn.enabled and _has_type(_computed(x)))


def _computed(x: Tensor) -> torch.dtype:
    """What products with a tensor are computed in, under autocast or without."""
    mixed = torch.is_autocast_enabled(x.device.type) and x.dtype != torch.float64
    return torch.get_autocast_dtype(x.device.type) if mixed else x.dtype


@functools.cache
def _has_type(dtype: torch.dtype) -> bool:
    """Whether oneDNN trains an LSTM of this type on this processor; float16 on none."""
    bfloat16 = dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return dtype == torch.float32 or bool(bfloat16)


def _whole(
    stack: nn.RNNBase,
    inputs: Tensor,
    lengths: Tensor | None,
    state: Sequence[Tensor] | None,
    keep_state: bool,
) -> Run:
    """Through the module's own forward.

    Sequences are packed only where the end of each row matters, to the state at the end or to the
    reverse direction: without, padding on the right reaches nothing.
    """
    start = state if state is None or stack.mode == "LSTM" else state[0]
    if lengths is None or not (stack.bidirectional or keep_state):
        hidden, end = stack(inputs, start)
    else:
        packed = pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
        output, end = stack(packed, start)
        hidden, _ = pad_packed_sequence(output, batch_first=True, total_length=inputs.shape[1])
    return Run(hidden, end if stack.mode == "LSTM" else (end,), [])


def _by_layer(
    stack: nn.RNNBase,
    kernel: str,
    inputs: Tensor,
    lengths: Tensor | None,
    state: Sequence[Tensor] | None,
    keep_state: bool,
    keep_layers: bool,
) -> Run:
    x = inputs.transpose(0, 1)
    layers: list[Tensor] = []
    ends: list[cells.State] = []
    directions = (False, True) if stack.bidirectional else (False,)
    for layer in range(stack.num_layers):
        if layer:
            x = nn.functional.dropout(x, stack.dropout, stack.training)
        outputs = []
        for backwards in directions:
            start = None if state is None else tuple(part[len(ends)] for part in state)
            hidden, end = _direction(stack, kernel, layer, backwards, x, lengths, start, keep_state)
            outputs.append(hidden)
            ends.append(end)
        x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
        if keep_layers:
            layers.append(x.transpose(0, 1))
    final = tuple(torch.stack(part) for part in zip(*ends, strict=True)) if keep_state else None
    return Run(x.transpose(0, 1), final, layers)


def _direction(
    stack: nn.RNNBase,
    kernel: str,
    layer: int,
    backwards: bool,
    x: Tensor,
    lengths: Tensor | None,
    start: cells.State | None,
    keep_state: bool,
) -> tuple[Tensor, cells.State]:
    """One layer in one direction: (length, batch, hidden), and the state after the last token."""
    if backwards:
        x = reverse(x, lengths)
    if start is None:
        zeros = x.new_zeros(x.shape[1], stack.hidden_size)
        start = (zeros, zeros) if stack.mode == "LSTM" else (zeros,)
    weights = layer_weights(stack, layer, backwards)
    if kernel == "fused" and _onednn(stack, x) and not (keep_state and lengths is not None):
        hidden, h, c = torch.lstm(
            x, [part.unsqueeze(0) for part in start], weights, True, 1, 0.0, stack.training,
            False, False,
        )  # fmt: skip
        end: cells.State = (h[0], c[0])
    else:
        states = _recurrence(stack, kernel, layer, backwards, x, weights, start)
        hidden = states[0]
        end = tuple(
            _last(part, lengths, before) for part, before in zip(states, start, strict=True)
        )
    return reverse(hidden, lengths) if backwards else hidden, end


def _recurrence(
    stack: nn.RNNBase,
    kernel: str,
    layer: int,
    backwards: bool,
    x: Tensor,
    weights: Sequence[Tensor],
    start: cells.State,
) -> tuple[Tensor, ...]:
    """All states of one layer in one direction, by one of our own kernels."""
    cell_type = cell_of(stack)
    input_weight, weight, *biases = weights
    gates, late_bias = cells.input_gates(cell_type, x, input_weight, *biases)
    # Under autocast the products are in a shorter type than the weights and the state.
    weight, start = weight.to(gates.dtype), tuple(part.to(gates.dtype) for part in start)
    late_bias = None if late_bias is None else late_bias.to(gates.dtype)
    if kernel in ("fused", "native"):
        steps: Literal["aten", "native"] = "native" if kernel == "native" else "aten"
        return scan(cell_type, gates, weight, late_bias, start, steps)
    if kernel == "compiled":
        return cells.compiled(cell_type, gates, weight, late_bias, start)
    kept: list[cells.State] = []
    states = cells.loop(cell_type, gates, weight, late_bias, start, kept)
    keep_trace(stack, layer, backwards, kept)
    return states


def _last(states: Tensor, lengths: Tensor | None, before: Tensor) -> Tensor:
    """(length, batch, hidden) at each row's last token, or before the first where it has none."""
    if lengths is None:
        return states[-1]
    rows = torch.arange(states.shape[1], device=states.device)
    return torch.where((lengths > 0).unsqueeze(1), states[(lengths - 1).clamp(min=0), rows], before)


def cell_of(stack: nn.RNNBase) -> str:
    """``rnn``, ``lstm`` or ``gru``."""
    return next(name for name, kind in STACKS.items() if isinstance(stack, kind))


def layer_weights(stack: nn.RNNBase, layer: int, backwards: bool = False) -> list[Tensor]:
    """Input and recurrent weights, then their biases, of one layer in one direction."""
    suffix = f"_l{layer}" + ("_reverse" if backwards else "")
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [getattr(stack, name + suffix) for name in names]
