"""The cells written out, one step at a time: the reference that faster kernels must equal."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]  # (batch, hidden) h, and c in an LSTM

_MOST_GRAPHS = 256
_CHUNK = 16  # steps that are compiled together: fused across, and soon compiled


def input_gates(
    cell_type: str, x: Tensor, weight: Tensor, bias: Tensor, recurrent_bias: Tensor
) -> tuple[Tensor, Tensor | None]:
    """What all inputs contribute to the gates, in one product.

    Args:
        cell_type: ``rnn``, ``lstm`` or ``gru``.
        x: (length, batch, features).
        weight: (gates * hidden, features) input weights, gates in PyTorch's order.
        bias, recurrent_bias: (gates * hidden,) PyTorch's two biases.

    Returns:
        (length, batch, gates * hidden) with the biases added, and the (hidden,) bias of a GRU
        that has to wait for the reset gate.
    """
    if cell_type != "gru":
        return nn.functional.linear(x, weight, bias + recurrent_bias), None
    size = len(bias) // 3
    early = torch.cat([recurrent_bias[: 2 * size], torch.zeros_like(bias[2 * size :])])
    return nn.functional.linear(x, weight, bias + early), recurrent_bias[2 * size :]


def step(
    cell_type: str, gates: Tensor, weight: Tensor, late_bias: Tensor | None, state: State
) -> State:
    """One step.

    - ``rnn``: h = tanh(x + U h)
    - ``lstm``: c = f c + i g, h = o tanh(c); i, f, o are sigmoids and g a tanh of x + U h
    - ``gru``: h = n + z (h - n), n = tanh(x_n + r (U_n h + b_n)); r, z sigmoids of x + U h

    Args:
        cell_type: ``rnn``, ``lstm`` or ``gru``.
        gates: (batch, gates * hidden) the inputs' part, from ``input_gates``.
        weight: (gates * hidden, hidden) recurrent weights.
        late_bias: (hidden,) b_n of a GRU.
        state: before the step.

    Returns:
        The state after it.
    """
    h = state[0]
    recurrent = h @ weight.t()
    if cell_type == "rnn":
        return (torch.tanh(gates + recurrent),)
    if cell_type == "lstm":
        i, f, g, o = (gates + recurrent).chunk(4, dim=-1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
    assert late_bias is not None, "a GRU has one"
    x_r, x_z, x_n = gates.chunk(3, dim=-1)
    h_r, h_z, h_n = recurrent.chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * (h_n + late_bias))
    return (n + z * (h - n),)


def loop(
    cell_type: str,
    gates: Tensor,
    weight: Tensor,
    late_bias: Tensor | None,
    state: State,
    trace: list[State] | None = None,
) -> tuple[Tensor, ...]:
    """All steps, one after the other, differentiated by autograd.

    Args:
        cell_type, weight, late_bias, state: as in ``step``.
        gates: (length, batch, gates * hidden).
        trace: gets the states of every step, the very tensors that the next step and the output
            are made of, so that the gradient at them is the one through the recurrence.

    Returns:
        h after every step, (length, batch, hidden), and c likewise in an LSTM.
    """
    states = []
    for now in gates.unbind():
        state = step(cell_type, now, weight, late_bias, state)
        states.append(state)
    if trace is not None:
        trace.extend(states)
    return tuple(torch.stack(steps) for steps in zip(*states, strict=True))


@functools.cache
def _compiled_loop() -> Callable[..., Any]:
    # A graph for every cell, size and batch that a process meets; PyTorch stops at eight.
    limit = torch._dynamo.config
    limit.recompile_limit = max(limit.recompile_limit, _MOST_GRAPHS)
    return torch.compile(loop, fullgraph=True, dynamic=False)


def compiled(
    cell_type: str, gates: Tensor, weight: Tensor, late_bias: Tensor | None, state: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """``loop`` through ``torch.compile``, sixteen steps at a time.

    A graph of all steps would take minutes to compile. What does not fill a chunk runs in
    ``loop``.
    """
    parts, state = [], tuple(state)
    for chunk in gates.split(_CHUNK):
        run = _compiled_loop() if len(chunk) == _CHUNK else loop
        parts.append(run(cell_type, chunk, weight, late_bias, state))
        state = tuple(states[-1] for states in parts[-1])
    return tuple(torch.cat(states) for states in zip(*parts, strict=True))
