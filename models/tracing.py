"""The gradient at what passes from layer to layer of a transformer, and what every trace answers.

The gradient at an output of a layer is what all later layers make of it: in a pre-norm transformer
that output is the residual stream itself, in a post-norm one (BERT) the stream after its norm.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

#: Once the loss has gone backward: kind of state -> dL/d(state) of every layer, bottom to top, each
#: (rows, length, size) by position of the input. What a kind may be called: ``Arm.trace``.
StateGradients = Callable[[], dict[str, list[Tensor]]]


@contextmanager
def trace_residuals(model: PreTrainedModel) -> Iterator[StateGradients]:
    """Trace the output of every layer of the encoder or body, or of the text tower of two.

    Raises:
        ValueError: no one stack of layers; inside, a second forward.
    """
    body = _body(model)
    outputs: list[Tensor] = []
    shapes: list[torch.Size] = []

    def begin(*_: Any) -> None:
        if outputs:
            raise ValueError(
                "Expected one forward of a model under trace. Got a second: trace each in a block "
                "of its own."
            )

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        state: Tensor = output if isinstance(output, Tensor) else output[0]
        if state.requires_grad:
            state.retain_grad()
        outputs.append(state)

    def end(_module: nn.Module, _inputs: Any, output: Any) -> None:
        shapes.append(output[0].shape[:2])

    with ExitStack() as hooks:
        # Layers that share their weights are one module, called once for each.
        for layer in dict.fromkeys(find_layers(body)):
            hooks.callback(layer.register_forward_hook(keep).remove)
        hooks.callback(body.register_forward_pre_hook(begin).remove)
        hooks.callback(body.register_forward_hook(end).remove)
        yield lambda: _residuals(model, outputs, shapes)


def _residuals(
    model: PreTrainedModel, outputs: Sequence[Tensor], shapes: Sequence[torch.Size]
) -> dict[str, list[Tensor]]:
    name = type(model).__name__
    if not (outputs and shapes):
        raise ValueError(f"Expected one forward of the {name} under trace. Got none.")
    for output in outputs:
        if output.dim() != 3 or output.shape[:2] != shapes[0]:
            raise ValueError(
                f"Expected layers of (rows, length, size)={(*shapes[0], 'size')} in {name}. "
                f"Got {tuple(output.shape)}."
            )
    require_gradients(outputs)
    return {"residual": [torch.zeros_like(o) if o.grad is None else o.grad for o in outputs]}


def require_gradients(states: Sequence[Tensor]) -> None:
    """Refuse states that none of a loss's gradients has reached.

    ``retain_grad`` is filled by ``backward`` and by ``torch.autograd.grad`` alike, where a state
    lies between the loss and what is differentiated by. A second pass over the same graph adds up.

    Raises:
        ValueError: a forward without gradients, or nothing has gone backward.
    """
    if not any(state.requires_grad for state in states):
        raise ValueError("Expected states of a forward with gradients. Got one without.")
    if all(state.grad is None for state in states):
        raise ValueError(
            "Expected a loss that has gone backward through the traced states, e.g. by "
            "torch.autograd.grad(loss, inputs_embeds). Got none."
        )


def _body(model: PreTrainedModel) -> nn.Module:
    """The part that reads the window."""
    tower = getattr(model, "text_model", None)
    if isinstance(tower, nn.Module):
        return tower
    body: nn.Module = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    return body


def find_layers(body: nn.Module) -> nn.ModuleList:
    """The stack of a body: the longest ``nn.ModuleList`` that lies in no other.

    Raises:
        ValueError: there is none, or several are as long, as where a layer's parts are in lists of
            their own and no module's output is a layer's.
    """
    lists: dict[str, nn.ModuleList] = {}
    for name, module in body.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in lists)
        if isinstance(module, nn.ModuleList) and len(module) and not inside:
            lists[name] = module
    most = max(map(len, lists.values()), default=0)
    longest = [found for found in lists.values() if len(found) == most]
    if len(longest) != 1:
        raise ValueError(
            f"Expected one stack of layers, an nn.ModuleList, in {type(body).__name__}. "
            f"Got {len(longest)}{': ' + ', '.join(lists) if lists else ''}."
        )
    return longest[0]
