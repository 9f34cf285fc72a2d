"""FLOPs that PyTorch's counter (``torch.utils.flop_counter``) lacks or counts otherwise.

It finds the libraries' recurrences free, beside others that it counts in full: their formulas are
added to its own, so that whoever counts a model of this suite finds what it takes. Of fused
attention it has formulas, whose backward is five products, as the scores are computed anew; the
suite counts what is needed, four, and says so to its own counters only. A formula gets shapes in
place of tensors.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry, register_flop_formula

Shape = Sequence[int]


def _mkldnn(shape: Shape, weight_ih: Shape, weight_hh: Shape, *_: Any, **__: Any) -> int:
    """One layer in one direction: (length, batch, inputs) times both weights."""
    return 2 * prod(shape[:-1]) * (prod(weight_ih) + prod(weight_hh))


def _cudnn(shape: Shape, weights: Sequence[Shape], *_: Any, **__: Any) -> int:
    """All layers and directions; a bias has one dimension, a matrix two."""
    return 2 * prod(shape[:-1]) * sum(prod(weight) for weight in weights if len(weight) == 2)


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    """(batch, heads, length, width): scores, and the values they weigh."""
    return 2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _twice(formula: Callable[..., int]) -> Callable[..., int]:
    return lambda *args, **kwargs: 2 * formula(*args, **kwargs)


def _attention_backward(grad_out: Shape, *shapes: Any, **_: Any) -> int:
    return 2 * _attention(*shapes[:3])


_aten = torch.ops.aten
_RECURRENT: dict[Any, Callable[..., int]] = {
    _aten.mkldnn_rnn_layer: _mkldnn,
    _aten.mkldnn_rnn_layer_backward: _twice(_mkldnn),
    _aten._cudnn_rnn: _cudnn,
    _aten._cudnn_rnn_backward: _twice(_cudnn),
}
#: For a counter of the suite's own, as its ``custom_mapping``.
ATTENTION: dict[Any, Callable[..., int]] = {
    _aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    _aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    _aten._scaled_dot_product_flash_attention_backward: _attention_backward,
    _aten._scaled_dot_product_efficient_attention_backward: _attention_backward,
    _aten._scaled_dot_product_cudnn_attention_backward: _attention_backward,
}

for _operator, _formula in _RECURRENT.items():
    if _operator not in flop_registry:  # a later PyTorch may have its own
        register_flop_formula(_operator)(_formula)
