"""The states of every step and the gradients that reach them, kept for whoever asks.

A kernel that keeps its steps shows them here; nothing is kept where nobody traces.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models.recurrent.cells import State
from models.recurrent.padding import Padding


@dataclass
class Trace:
    """The states of every step that ran, by stack, layer and direction.

    Args:
        states: stack to (layer, reverse) to the states, first step read first; each (batch,
            hidden) h, and c in an LSTM. An encoder-decoder's stacks are ``model.recurrent.layers``
            and ``model.decoder``, of two towers ``model.text_model.layers`` and
            ``model.vision_model.layers``.
        paddings: stack to where its inputs had tokens, which are read first; None where they had
            nothing else.
    """

    states: dict[nn.RNNBase, dict[tuple[int, bool], list[State]]] = field(default_factory=dict)
    paddings: dict[nn.RNNBase, Padding | None] = field(default_factory=dict)

    def gradient(
        self,
        layer: int,
        which: int = 0,
        *,
        reverse: bool = False,
        stack: nn.RNNBase | None = None,
    ) -> Tensor:
        """dL/dh (or dL/dc, ``which=1``) after every step read, (length, batch, hidden).

        It is there once the loss has gone backward. A state that the loss does not depend on has
        the gradient zero.

        Args:
            layer: from the bottom.
            which: of the state's tensors.
            reverse: of the layer's directions.
            stack: whose layer; may be left out where only one stack ran.

        Raises:
            KeyError: no such stack or layer ran under ``trace_states``.
            ValueError: it is not said which of several stacks, or states that have no gradient.
        """
        if stack is None:
            if len(self.states) != 1:
                raise ValueError(
                    "Expected stack= where not exactly one ran, e.g. stack=model.decoder. "
                    f"Got {len(self.states)} stacks."
                )
            (stack,) = self.states
        steps = [step[which] for step in self.states[stack][layer, reverse]]
        if not any(h.requires_grad for h in steps):
            raise ValueError("Expected states of a forward with gradients. Got one without.")
        return torch.stack([torch.zeros_like(h) if h.grad is None else h.grad for h in steps])

    def keep(self, stack: nn.RNNBase, layer: int, reverse: bool, steps: Sequence[State]) -> None:
        """Keep a layer's states, and have autograd keep what reaches them.

        Raises:
            ValueError: the stack ran before.
        """
        layers = self.states.setdefault(stack, {})
        if (layer, reverse) in layers:
            raise ValueError(
                "Expected one forward of a stack under trace_states. Got a second: trace each in "
                "a block of its own."
            )
        layers[layer, reverse] = list(steps)
        for tensor in (part for step in steps for part in step):
            if tensor.requires_grad:
                tensor.retain_grad()


_traces: list[Trace] = []


@contextmanager
def trace_states() -> Iterator[Trace]:
    """Keep the states of every step, and the gradient that reaches them, of what runs inside.

    Without gradients the states alone are kept.

    Raises:
        ValueError: inside, when a model runs with another kernel than ``loop``, or twice.
    """
    trace = Trace()
    _traces.append(trace)
    try:
        yield trace
    finally:
        _traces.remove(trace)


def keep_trace(stack: nn.RNNBase, layer: int, backwards: bool, steps: Sequence[State]) -> None:
    """Show a layer's states to whoever traces."""
    for trace in _traces:
        trace.keep(stack, layer, backwards, steps)


def keep_padding(stack: nn.RNNBase, padding: Padding | None) -> None:
    """Show whoever traces at which positions a stack's tokens stood."""
    for trace in _traces:
        trace.paddings[stack] = padding


def tracing() -> bool:
    """Whether anybody traces."""
    return bool(_traces)
