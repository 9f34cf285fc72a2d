"""How the same mathematics is executed, and the gate that refuses a kernel with other numbers.

Attention: ``eager`` writes the scores out and is the reference; ``sdpa`` leaves the choice to
PyTorch's ``scaled_dot_product_attention``; ``flash`` allows it the flash backend only (Dao, 2024)
and fails where the device, the dtype or a learned bias rules that out; ``compiled`` compiles the
whole model around ``sdpa``.
"""

import contextlib
import copy
import math
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

#: Largest difference allowed, relative to the reference tensor: to its largest magnitude, or for a
#: half type, which is compared with float32, to its norm. There rounding leaves a few eps (2^-8 and
#: 2^-11), up to some 10 in deep models. But where it turns the sign of a ReLU's input it switches
#: that unit's gradient; the share of such units grows as eps, the norm of the difference as its
#: root. So 2 sqrt(eps); T5 comes to 1.2 to 1.5, CLIP's contrasted rows to 1.5 in bfloat16.
TOLERANCE = {
    torch.float32: 1e-5,
    torch.float64: 1e-10,
    torch.bfloat16: 2 * 2**-4,
    torch.float16: 2 * 2**-5.5,
}
_HALF = (torch.bfloat16, torch.float16)
_LOSS_SCALE = 1024.0  # keeps small gradients above float16's floor (Micikevicius et al., 2018)
# Small gradients are sums of large terms that cancel, and a key's bias has none but rounding (it
# shifts all scores alike, which softmax does not see). So a gradient is compared on its own largest
# magnitude or on this share of the model's, whichever is larger.
_FLOOR = 0.1
# Where a result is what is left of large terms, as the one number of a regression, the reference is
# no closer to the truth. So a float32 kernel may be this many times as far from float64 as the
# reference kernel in float32 is, up to a limit beyond which nothing is proven.
_ROUNDING, _MOST = 4.0, 1e-3
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


def full_float32() -> None:
    """Make float32 mean float32 on every backend, in this process from here on.

    cuDNN's recurrences round their products to 10 bits (TF32) unless told not to, and PyTorch's
    matrix products do not, so that a recurrence would be compared in another precision.
    """
    backends: Any = torch.backends
    for backend in (backends.cudnn.rnn, backends.cudnn.conv, backends.cuda.matmul):
        backend.fp32_precision = "ieee"


def check_kernel(
    arm: "Arm",
    config: PreTrainedConfig,
    head: str,
    kernel: str,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> None:
    """Prove that a kernel computes what the arm's reference kernel does on the CPU.

    The same weights read the same few short rows without dropout; the outputs, the loss and the
    gradient of every parameter must agree within ``TOLERANCE``; or, in float32, about as closely
    with float64 as the reference kernel in float32 does, see ``_ROUNDING``. The reference is
    computed on the CPU, for a half type in float32, so that a device and a type are checked with
    the kernel. As a half type hides what is small, a kernel that runs in float32 too has to pass in
    float32 first. On other devices ``full_float32`` is called.

    Raises:
        KernelUnavailable: it cannot run here; says why.
        KernelError: it runs, and its numbers are others; names the worst tensor.
        ValueError: a dtype for which no tolerance is set.
    """
    if dtype not in TOLERANCE:
        known = ", ".join(str(known) for known in TOLERANCE)
        raise ValueError(f"dtype must be one of {known}. Got {dtype}.")
    exact = torch.float32 if dtype in _HALF else dtype
    if (kernel, device, dtype) == (arm.reference_kernel, "cpu", exact):
        return
    if device != "cpu":
        full_float32()
    if dtype in _HALF:
        with contextlib.suppress(KernelUnavailable):
            check_kernel(arm, config, head, kernel, device)
    plain = copy.deepcopy(config)
    heads.set_dropout(plain, 0.0)  # draws no random numbers
    expected = _numbers(arm, plain, head, arm.reference_kernel, "cpu", exact)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            got = _numbers(arm, plain, head, kernel, device, dtype)
    except (RuntimeError, ValueError, TypeError) as error:  # TypeError: MPS, of float64
        reasons = [str(error).partition("\n")[0], *(_reason(str(w.message)) for w in told)]
        raise KernelUnavailable(
            f"kernel {kernel!r} cannot run {config.model_type} on {device} in {dtype}: "
            + "; ".join(dict.fromkeys(reason for reason in reasons if reason))
        ) from error
    most = TOLERANCE[dtype]
    if config.model_type in _FLOAT32_REFERENCE:
        most = max(most, TOLERANCE[torch.float32])
    what = f"kernel {kernel!r} on {device} in {dtype}"
    reference = f"{arm.reference_kernel!r} on cpu in {exact}"
    try:
        _compare(expected, got, what, reference, most, dtype in _HALF)
    except KernelError:
        if dtype != torch.float32:
            raise
        true = _numbers(arm, plain, head, arm.reference_kernel, "cpu", torch.float64)
        rounding = _ROUNDING * max(_errors(true, expected, half=False).values())
        if not most < rounding <= _MOST:
            raise
        exactly = f"{arm.reference_kernel!r} on cpu in {torch.float64}"
        _compare(true, got, what, exactly, rounding, half=False)


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
    scale = _LOSS_SCALE if dtype in _HALF else 1.0
    loss.backward(torch.full_like(loss, scale))
    found = {f"output {n}": tensor for n, tensor in enumerate(heads.predictions(outputs))}
    gradients = {
        f"gradient of {name}": weight.grad.double() / scale
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    return {name: t.detach().double().cpu() for name, t in (found | gradients).items()}


def _compare(
    expected: dict[str, Tensor],
    got: dict[str, Tensor],
    what: str,
    reference: str,
    most: float,
    half: bool,
) -> None:
    if expected.keys() != got.keys():
        names = ", ".join(sorted(expected.keys() ^ got.keys()))
        raise KernelError(f"{what} and {reference} disagree on what there is: {names}")
    errors = _errors(expected, got, half)
    # A NaN compares false with everything, so the test is for what is right.
    wrong = {name: error for name, error in errors.items() if not error <= most}
    if wrong:
        worst = max(wrong, key=lambda name: (wrong[name] != wrong[name], wrong[name]))
        raise KernelError(
            f"{what} differs from {reference}: expected at most {most:.2g} of the "
            f"{'norm' if half else 'largest magnitude'}. Got {wrong[worst]:.2g} in the {worst} "
            f"({len(wrong)} of {len(errors)} tensors differ)"
        )


def _errors(expected: dict[str, Tensor], got: dict[str, Tensor], half: bool) -> dict[str, float]:
    """The largest difference in each tensor, relative to what ``TOLERANCE`` is of."""
    order = 2 if half else math.inf
    scales = {name: float(tensor.norm(order)) for name, tensor in expected.items()}
    largest = max((scale for name, scale in scales.items() if "gradient" in name), default=0.0)
    errors = {}
    for name, tensor in expected.items():
        scale = max(scales[name], _FLOOR * largest) if "gradient" in name else scales[name]
        difference = float((got[name] - tensor).norm(order))
        errors[name] = difference / scale if scale else difference
    return errors


def _reason(warning: str) -> str:
    """PyTorch's reason without where in its source it was given; a bare heading is none."""
    reason = warning.partition("(Triggered internally")[0].strip()
    return "" if reason.endswith(":") else reason
