"""How the same mathematics is executed, and the gate that refuses a kernel with other numbers.

Attention: ``eager`` writes the scores out and is the reference; ``sdpa`` leaves the choice to
PyTorch's ``scaled_dot_product_attention``; ``flash`` allows it the flash backend only (Dao, 2024)
and fails where the device, the dtype or a learned bias rules that out; ``compiled`` compiles the
whole model around ``sdpa``.
"""

import copy
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AttentionInterface, PreTrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from models import heads

if TYPE_CHECKING:
    from models.arms import Arm

ATTENTION = ("sdpa", "eager", "compiled", "flash")

#: Largest difference allowed, relative to the largest magnitude of the reference tensor.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
# Small gradients are sums of large terms that cancel, and a key's bias has none but rounding (it
# shifts all scores alike, which softmax does not see). So a gradient is compared on its own largest
# magnitude or on this share of the model's, whichever is larger.
_FLOOR = 0.1
_ROWS, _LENGTH = 2, 24
# CLIP's eager softmax is float32 whatever the model's dtype, so its reference is no better.
_FLOAT32_REFERENCE = ("clip",)

# The name says sdpa, so that Hugging Face checks a model as it does for sdpa.
_FLASH = "sdpa_one_backend"


class KernelError(RuntimeError):
    """A kernel whose numbers are not the reference's."""


class KernelUnavailable(KernelError):
    """A kernel that cannot run here: on this device, in this dtype or for this model."""


def _flash_attention_forward(*args: Any, **kwargs: Any) -> tuple[Tensor, None]:
    bias = kwargs.get("position_bias")
    if bias is not None and bias.requires_grad:
        raise ValueError("the flash backend has no gradient for a learned position bias")
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        outputs: tuple[Tensor, None] = sdpa_attention_forward(*args, **kwargs)
    return outputs


AttentionInterface.register(_FLASH, _flash_attention_forward)
AttentionMaskInterface.register(_FLASH, sdpa_mask)


def use(model: PreTrainedModel, kernel: str) -> PreTrainedModel:
    """Set a transformer's attention kernel, in place.

    Raises:
        ValueError: an unknown kernel, or one that the architecture has not.
    """
    if kernel not in ATTENTION:
        raise ValueError(f"kernel must be one of {', '.join(ATTENTION)}. Got {kernel!r}.")
    implementation = {"compiled": "sdpa", "flash": _FLASH}.get(kernel, kernel)
    parts = [part for part in model.modules() if isinstance(part, PreTrainedModel)]
    for part in parts:  # older versions do not reach the stacks of an encoder-decoder by themselves
        part.set_attn_implementation(implementation)
    if {part.config._attn_implementation for part in parts} != {implementation}:
        raise ValueError(f"{type(model).__name__} has no attention kernel {kernel!r}.")
    if kernel == "compiled":
        model.compile()
    return model


def check_kernel(
    arm: "Arm",
    config: PreTrainedConfig,
    head: str,
    kernel: str,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> None:
    """Prove that a kernel computes what the arm's reference kernel does.

    The same weights read the same few short rows without dropout; the outputs, the loss and the
    gradient of every parameter must agree within ``TOLERANCE``.

    Raises:
        KernelUnavailable: it cannot run here; says why.
        KernelError: it runs, and its numbers are others; names the worst tensor.
        ValueError: a dtype for which no tolerance is set.
    """
    if dtype not in TOLERANCE:
        known = ", ".join(str(known) for known in TOLERANCE)
        raise ValueError(f"dtype must be one of {known}. Got {dtype}.")
    if kernel == arm.reference_kernel:
        return
    plain = copy.deepcopy(config)
    heads.set_dropout(plain, 0.0)  # draws no random numbers
    expected = _numbers(arm, plain, head, arm.reference_kernel, device, dtype)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            got = _numbers(arm, plain, head, kernel, device, dtype)
    except (RuntimeError, ValueError, NotImplementedError) as error:
        reasons = [str(error).partition("\n")[0], *(_reason(str(w.message)) for w in told)]
        raise KernelUnavailable(
            f"kernel {kernel!r} cannot run {config.model_type} on {device} in {dtype}: "
            + "; ".join(dict.fromkeys(reason for reason in reasons if reason))
        ) from error
    exact = torch.float32 if config.model_type in _FLOAT32_REFERENCE else dtype
    _compare(expected, got, kernel, arm.reference_kernel, TOLERANCE[exact])


def _numbers(
    arm: "Arm",
    config: PreTrainedConfig,
    head: str,
    kernel: str,
    device: str,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Outputs, loss and gradients by name; in training mode, as cuDNN's recurrence demands."""
    model = arm.build(config, head, seed=0, kernel=kernel)
    model = torch.nn.Module.to(model, device=device, dtype=dtype).train()
    length = min(_LENGTH, arm.max_length(config) or _LENGTH)
    inputs = {
        name: value.to(device, dtype if value.is_floating_point() else None)
        if isinstance(value, Tensor)
        else value
        for name, value in heads.example(config, head, rows=_ROWS, length=length).items()
    }
    outputs = model(**inputs)
    loss = heads.scalar(outputs)
    loss.backward()
    found = {f"output {n}": tensor for n, tensor in enumerate(heads.predictions(outputs))}
    gradients = {
        f"gradient of {name}": weight.grad
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    return {name: t.detach().double().cpu() for name, t in (found | gradients).items()}


def _compare(
    expected: dict[str, Tensor], got: dict[str, Tensor], kernel: str, reference: str, most: float
) -> None:
    if expected.keys() != got.keys():
        names = ", ".join(sorted(expected.keys() ^ got.keys()))
        raise KernelError(f"kernel {kernel!r} and {reference!r} disagree on what there is: {names}")
    largest = max(
        (float(tensor.abs().max()) for name, tensor in expected.items() if "gradient" in name),
        default=0.0,
    )
    errors = {}
    for name, tensor in expected.items():
        scale = float(tensor.abs().max())
        if "gradient" in name:
            scale = max(scale, _FLOOR * largest)
        difference = float((got[name] - tensor).abs().max())
        errors[name] = difference / scale if scale else difference
    # A NaN compares false with everything, so the test is for what is right.
    wrong = {name: error for name, error in errors.items() if not error <= most}
    if wrong:
        worst = max(wrong, key=lambda name: (wrong[name] != wrong[name], wrong[name]))
        raise KernelError(
            f"kernel {kernel!r} differs from {reference!r}: expected at most {most:g} of the "
            f"largest magnitude. Got {wrong[worst]:.2g} in the {worst} ({len(wrong)} of "
            f"{len(errors)} tensors differ)"
        )


def _reason(warning: str) -> str:
    """PyTorch's reason without where in its source it was given; a bare heading is none."""
    reason = warning.partition("(Triggered internally")[0].strip()
    return "" if reason.endswith(":") else reason
