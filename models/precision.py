"""The types that a model is stored and computed in, by the name that a study gives them.

``bfloat16`` and ``float16`` are what people train in: the weights are float32 (the master weights
of Micikevicius et al., 2018), and ``torch.autocast`` casts them, and what they meet, for every
product. In ``pure_bfloat16`` and ``pure_float16`` the weights themselves are of the half type, and
so are their gradients and what AdamW keeps. So a pass without training is, under autocast, that of
the model being trained, which casts its weights each time; served, a model is cast once: the pure
type. ``tf32`` is float32 whose matrix products an NVIDIA GPU rounds to ten bits of mantissa on
their way in; no other device has it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

#: What a loss is multiplied by before a backward in float16 that no scaler looks after.
LOSS_SCALE = 1024.0


@dataclass(frozen=True)
class Precision:
    """What a model is stored and computed in.

    Args:
        weights: of the parameters, their gradients and the optimizer's state.
        compute: of matrix products, recurrences and attention.
        tf32: whether products of float32 are rounded to TF32.
    """

    weights: torch.dtype
    compute: torch.dtype
    tf32: bool = False

    @property
    def rounding(self) -> torch.dtype:
        """The type whose mantissa products have: TF32's is as long as float16's."""
        return torch.float16 if self.tf32 else self.compute

    @property
    def rounded(self) -> bool:
        """Whether products are rounded to less than float32."""
        return self.half or self.tf32

    @property
    def mixed(self) -> bool:
        """Whether autocast computes in another type than that of the weights."""
        return self.weights != self.compute

    @property
    def half(self) -> bool:
        """Whether products are rounded to a half type."""
        return self.compute in (torch.bfloat16, torch.float16)

    @property
    def pure_half(self) -> bool:
        """Whether the weights are of a half type, with no float32 copy to move."""
        return self.half and not self.mixed

    @property
    def scaled(self) -> bool:
        """Whether people scale the loss for the backward: float16 loses gradients below 6e-8."""
        return self.mixed and self.compute == torch.float16

    def set_products(self) -> None:
        """Make float32 mean what this precision says, on every backend, in this process.

        cuDNN's recurrences round their products to TF32 unless told not to, and PyTorch's matrix
        products do not, so that a recurrence would be compared in another precision.
        """
        backends: Any = torch.backends
        for backend in (backends.cudnn.rnn, backends.cudnn.conv, backends.cuda.matmul):
            backend.fp32_precision = "tf32" if self.tf32 else "ieee"

    def autocast(self, device: str) -> AbstractContextManager[None]:
        """Everything inside computed in this precision; nothing changes where it is not mixed."""
        return torch.autocast(device, self.compute, enabled=self.mixed)

    def put(self, model: PreTrainedModel, device: str) -> PreTrainedModel:
        """Move a model to a device and this precision, in place.

        Its forward then runs under autocast wherever it is called from, as Accelerate has it.
        """
        torch.nn.Module.to(model, device=device, dtype=self.weights)
        if self.mixed:
            # An encoder is also called by itself, where text is generated.
            encoder = [model.get_encoder()] if model.config.is_encoder_decoder else []
            for part in (model, *encoder):
                # One for each: a context that is entered within itself forgets what was before it.
                cast: Any = torch.autocast(device, self.compute)
                part.forward = cast(part.forward)
        return model


#: A study's name for a precision -> what it is.
PRECISIONS = {
    "float32": Precision(torch.float32, torch.float32),
    "float64": Precision(torch.float64, torch.float64),
    "tf32": Precision(torch.float32, torch.float32, tf32=True),
    "bfloat16": Precision(torch.float32, torch.bfloat16),
    "float16": Precision(torch.float32, torch.float16),
    "pure_bfloat16": Precision(torch.bfloat16, torch.bfloat16),
    "pure_float16": Precision(torch.float16, torch.float16),
}
