"""Where a model's layers begin and end, forward and backward, told to whoever times them.

The layers are what an architecture is: a recurrence, or attention with its feed-forward. What lies
around them, tables of words and positions, the norms behind these, the head and its loss, all
architectures have alike. Each stack of layers begins with its first layer's input and ends with its
last layer's output, and their gradients are the same seams on the way back: once that of the
output is there the layers' backward pass begins, and once that of the input is there it is over.

Stacks are found, not named: the outermost ``nn.ModuleList`` of a model, each called in order. What
has its layers in one kernel says itself where it begins and ends, by ``enter`` and ``leave``.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

#: Told whether the work that begins is that of layers, True, or of what lies around them.
Tell = Callable[[bool], None]

_listening: list[Tell] = []


@contextmanager
def told(model: PreTrainedModel, tell: Tell) -> Iterator[None]:
    """Call ``tell`` at each seam of what the model runs inside, forward and backward.

    Never called for a model without stacks, nor for one that is compiled whole: its graph has no
    seams.

    Args:
        model: of any architecture; nothing else should run inside.
        tell: called on the host, which on an accelerator is ahead of the device; of the same work
            again where layers return several tensors.
    """
    if model._compiled_call_impl is not None:
        yield
        return
    with ExitStack() as hooks:
        for first, last in ((layers[0], layers[-1]) for layers in stacks(model)):
            handle = first.register_forward_pre_hook(
                lambda _, args, kwargs: _entered(tell, _tensors((*args, *kwargs.values()))[:1]),
                with_kwargs=True,
            )
            hooks.callback(handle.remove)
            handle = last.register_forward_hook(
                lambda _, args, output: _left(tell, _tensors(output))
            )
            hooks.callback(handle.remove)
        _listening.append(tell)
        hooks.callback(_listening.remove, tell)
        yield


def stacks(model: nn.Module) -> list[nn.ModuleList]:
    """The lists of layers that lie in no other, in the model's order."""
    found: dict[str, nn.ModuleList] = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if isinstance(module, nn.ModuleList) and len(module) and not inside:
            found[name] = module
    return list(found.values())


def enter(inputs: Tensor) -> None:
    """Say that layers begin to read these."""
    for tell in _listening:
        _entered(tell, [inputs])


def leave(outputs: Tensor) -> None:
    """Say that layers have ended, with these."""
    for tell in _listening:
        _left(tell, [outputs])


def _entered(tell: Tell, inputs: Iterable[Tensor]) -> None:
    for tensor in inputs:
        if tensor.requires_grad:
            tensor.register_hook(lambda _: tell(False))
    tell(True)


def _left(tell: Tell, outputs: Iterable[Tensor]) -> None:
    tell(False)
    for tensor in outputs:
        if tensor.requires_grad:
            tensor.register_hook(lambda _: tell(True))


def _tensors(found: Any) -> list[Tensor]:
    """Floating-point tensors among what a layer is given or returns."""
    parts = found if isinstance(found, tuple | list) else (found,)
    return [part for part in parts if isinstance(part, Tensor) and part.is_floating_point()]
