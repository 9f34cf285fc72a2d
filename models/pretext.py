"""What a body is pretrained on: its usual objective over plain text.

| body | objective | head |
| --- | --- | --- |
| reads one way | next token (Radford et al., 2019) | ``AutoModelForCausalLM`` |
| reads both ways | masked token (Devlin et al., 2019) | ``AutoModelForMaskedLM`` |
| encoder and decoder | continuation | ``AutoModelForSeq2SeqLM`` |

Continuation is prefix language modelling (Raffel et al., 2020): the encoder reads the first half of
a window, the decoder writes the second.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedConfig,
    PreTrainedModel,
)

NEXT, MASKED, CONTINUATION = "next token", "masked token", "continuation"

#: Objective -> the AutoClass with the head that it needs.
AUTOCLASSES: Mapping[str, Any] = {
    NEXT: AutoModelForCausalLM,
    MASKED: AutoModelForMaskedLM,
    CONTINUATION: AutoModelForSeq2SeqLM,
}

_SHARE = 0.15  # of a window's tokens that are to be found again, as BERT's
_HIDDEN, _REPLACED = 0.8, 0.9  # of these: masked up to here, another token up to here, else kept
_IGNORED = -100

_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pretext:
    """A body with its objective.

    Args:
        objective: a key of ``AUTOCLASSES``.
        config: of the model that is pretrained, without what is a task's own.
    """

    objective: str
    config: PreTrainedConfig

    def build(self, seed: int) -> PreTrainedModel:
        """The model with random weights drawn from ``seed``, on the CPU in float32."""
        torch.manual_seed(seed)
        own = copy.deepcopy(self.config)  # which a model may write to
        model: PreTrainedModel = AUTOCLASSES[self.objective].from_config(own)
        return model

    def rows(
        self, ids: _Ids, mask: int, marks: tuple[int, ...], generator: np.random.Generator
    ) -> dict[str, _Ids]:
        """What the model reads of windows of text, and its labels.

        Args:
            ids: (rows, length) tokens.
            mask: the token that hides another.
            marks: tokens that are no text, and never hidden.
            generator: of what is hidden, the same whatever the model.
        """
        if self.objective == NEXT:
            return {"input_ids": ids, "labels": ids}
        if self.objective == CONTINUATION:
            half = ids.shape[1] // 2
            return {"input_ids": ids[:, :half], "labels": ids[:, half:]}
        order, kind = generator.random(ids.shape), generator.random(ids.shape)
        other = generator.integers(self.config.vocab_size, size=ids.shape)
        order[np.isin(ids, marks)] = 1.0
        place = order.argsort(axis=1).argsort(axis=1)
        asked = (place < max(1, round(_SHARE * ids.shape[1]))) & (order < 1.0)
        read = np.where(kind < _HIDDEN, mask, np.where(kind < _REPLACED, other, ids))
        return {
            "input_ids": np.where(asked, read, ids),
            "labels": np.where(asked, ids, _IGNORED),
        }


def bare(config: PreTrainedConfig) -> Any:
    """A copy of a configuration without its task: bodies that are alike have equal ones."""
    own: Any = copy.deepcopy(config)
    own.num_labels = 2  # as of a configuration that says nothing
    return own


def fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> set[str]:
    """Give a model all tensors of a pretrained one that it has too; names of those it got.

    A bare body calls its own what stands behind a prefix in a model with a head.
    """
    prefix, filled = f"{getattr(model, 'base_model_prefix', '')}.", set()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            given = tensors.get(name, tensors.get(prefix + name))
            if given is not None and given.shape == tensor.shape:
                tensor.copy_(given)
                filled.add(name)
    return filled
