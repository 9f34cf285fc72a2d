"""How the same mathematics is executed, and the gate that refuses a kernel with other numbers.

Attention: ``eager`` writes the scores out and is the reference; ``sdpa`` leaves the choice to
PyTorch's ``scaled_dot_product_attention``; ``flash`` (Dao, 2024), ``efficient`` (Rabe and Staats,
2021, as xFormers has it) and ``math`` allow it that backend only, and fail where the device, the
dtype or a learned bias rules it out; ``compiled`` compiles the whole model around ``sdpa``.
"""

import contextlib
import copy
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AttentionInterface, PreTrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from models import heads
from models.groups import parameter_groups
from models.precision import LOSS_SCALE, PRECISIONS, Precision

if TYPE_CHECKING:
    from models.arms import Arm

_BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}
ATTENTION = ("sdpa", "eager", "compiled", *_BACKENDS)
#: of these, one operator whatever the type, which some types do not have
ONE_OPERATOR = tuple(_BACKENDS)

#: How far a kernel may be from float64, in units of its type's precision (``torch.finfo.eps``):
#: what a sum of a few dozen products loses. Where the reference kernel in the same type is itself
#: farther off, because terms cancel or rounding turns the sign of a ReLU's input, or float64 is
#: when the weights are rounded anew, it may be ``_ROUNDING`` times as far as that, up to ``_MOST``
#: roots of eps, beyond which nothing is proven.
#: (Measured over every head, sizes 8 to 128, float32: either is 1 to 60 eps off, a kernel at most
#: 2.8 times as far as its reference, or 5 times where that is 5 eps off; TF32, which has float16's
#: precision, starts at 2,000.)
TOLERANCE = 32.0
# Of cuDNN's recurrences in float32, which approximate what gates are made of: on an H100 they are
# 40 to 520 eps off, attention and a recurrence written out at most 17.
_CUDNN = 1024.0
_ROUNDING, _MOST = 4.0, 2.0
_ROUNDED_ANEW = 4  # times: one rounding may be lucky, as where a loss is nearly zero
_FLOAT64 = 1e-10  # its own tolerance, as nothing more exact is there to measure a reference by
#: Tokens that a kernel is proven on.
LENGTH = 24
_ROWS = 2
_GRADIENT = "gradient of "
# CLIP's eager softmax is float32 whatever the model's dtype, so its float64 is no better.
_FLOAT32_SOFTMAX = ("clip",)


class KernelError(RuntimeError):
    """A kernel whose numbers are not the reference's."""


class KernelUnavailable(KernelError):
    """A kernel that cannot run here: on this device, in this dtype or for this model."""


def _one_backend(kernel: str) -> str:
    """Have Hugging Face know attention through one of PyTorch's backends, by the returned name."""

    def forward(*args: Any, **kwargs: Any) -> tuple[Tensor, None]:
        bias = kwargs.get("position_bias")
        if kernel == "flash" and bias is not None and bias.requires_grad:
            raise ValueError("the flash backend has no gradient for a learned position bias")
        with sdpa_kernel(_BACKENDS[kernel]):
            outputs: tuple[Tensor, None] = sdpa_attention_forward(*args, **kwargs)
        return outputs

    # Hugging Face checks a model by this name: as for sdpa, and not as for a flash package.
    name = f"sdpa_backend_{_BACKENDS[kernel].value}"
    AttentionInterface.register(name, forward)
    AttentionMaskInterface.register(name, sdpa_mask)
    return name


_IMPLEMENTATIONS = {"compiled": "sdpa"} | {kernel: _one_backend(kernel) for kernel in _BACKENDS}


def use(model: PreTrainedModel, kernel: str) -> PreTrainedModel:
    """Set a transformer's attention kernel, in place.

    Raises:
        ValueError: an unknown kernel, or one that the architecture has not.
    """
    if kernel not in ATTENTION:
        raise ValueError(f"kernel must be one of {', '.join(ATTENTION)}. Got {kernel!r}.")
    implementation = _IMPLEMENTATIONS.get(kernel, kernel)
    parts = [part for part in model.modules() if isinstance(part, PreTrainedModel)]
    # transformers raises what it knows, and only warns of an architecture that cannot be set.
    with contextlib.suppress(ValueError):
        for part in parts:  # older versions do not reach the stacks of an encoder-decoder
            part.set_attn_implementation(implementation)
    if {part.config._attn_implementation for part in parts} != {implementation}:
        raise ValueError(
            f"{type(model).__name__} has no attention kernel {kernel!r}: ask for 'eager'."
        )
    if kernel == "compiled":
        model.compile()
    return model


def check_kernel(
    arm: "Arm",
    config: PreTrainedConfig,
    head: str,
    kernel: str,
    device: str = "cpu",
    dtype: str = "float32",
) -> None:
    """Prove that a kernel computes what the arm's reference kernel does on the CPU in float64.

    The same weights read the same few short rows without dropout; the outputs, the loss and the
    gradient of every parameter may be off by what ``TOLERANCE`` says: about what the reference
    kernel, computed on the CPU in the same type, is off. An output is measured on its own largest
    magnitude, a gradient on the largest in its layer's part (``models.groups``), as one that is
    zero in theory has nothing but rounding; in types coarser than float32 on norms, as single
    numbers jump. As these hide what is small, a kernel that runs in float32 too has to pass in
    float32 first. What float32 means is set for the process (``Precision.set_products``).

    Args:
        arm, config, head: whose model it is.
        kernel: to be proven.
        device: it runs on.
        dtype: a key of ``models.precision.PRECISIONS``.

    Raises:
        KernelUnavailable: it cannot run here; says why.
        KernelError: it runs, and its numbers are others; names the worst tensor.
        ValueError: an unknown dtype.
    """
    if dtype not in PRECISIONS:
        raise ValueError(f"dtype must be one of {', '.join(PRECISIONS)}. Got {dtype!r}.")
    precision = PRECISIONS[dtype]
    if (kernel, device) == (arm.reference_kernel, "cpu") and not precision.rounded:
        return
    if precision.rounded:
        with contextlib.suppress(KernelUnavailable):
            check_kernel(arm, config, head, kernel, device)
    precision.set_products()
    plain = copy.deepcopy(config)
    heads.set_dropout(plain, 0.0)  # draws no random numbers
    measure = _measure(arm, plain, head, precision)
    reference = _numbers(arm, plain, head, arm.reference_kernel, "cpu", precision)
    cudnn = device == "cuda" and kernel == "fused"
    own = max(measure.errors(reference).values())
    if not precision.rounded:
        own = max(own, _sensitivity(arm, plain, head, measure))
    allowed = _allowed(own, config.model_type, precision, cudnn)
    what = f"{config.model_type} on {device} in {dtype}"
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            got = _numbers(arm, plain, head, kernel, device, precision)
    except (RuntimeError, ValueError, TypeError) as error:  # TypeError: MPS, of float64
        reasons = [str(error).partition("\n")[0], *(_reason(str(w.message)) for w in told)]
        raise KernelUnavailable(
            f"kernel {kernel!r} cannot run {what}: "
            + "; ".join(dict.fromkeys(reason for reason in reasons if reason))
        ) from error
    measure.compare(got, allowed, f"kernel {kernel!r} of {what}")


def _numbers(
    arm: "Arm",
    config: PreTrainedConfig,
    head: str,
    kernel: str,
    device: str,
    precision: Precision,
    change: Callable[[PreTrainedModel], None] | None = None,
) -> dict[str, Tensor]:
    """Outputs and gradients by name; in training mode, as cuDNN's recurrence demands.

    Args:
        arm, config, head, kernel, device, precision: as ``check_kernel`` has them.
        change: of the weights, once they have the precision's type.
    """
    model = _raised(arm.build(config, head, seed=0, kernel=kernel))
    model = precision.put(model, device).train()
    if change is not None:
        with torch.no_grad():
            change(model)
    length = min(LENGTH, arm.max_length(config) or LENGTH)
    inputs = {
        name: value.to(device, precision.weights if value.is_floating_point() else None)
        if isinstance(value, Tensor)
        else value
        for name, value in heads.example(config, head, rows=_ROWS, length=length).items()
    }
    outputs = model(**inputs)
    loss = heads.scalar(outputs)
    scale = LOSS_SCALE if precision.half else 1.0
    loss.backward(torch.full_like(loss, scale))
    found = {f"output {n}": tensor for n, tensor in enumerate(heads.predictions(outputs))}
    gradients = {
        _GRADIENT + name: weight.grad.double() / scale
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    return {name: t.detach().double().cpu() for name, t in (found | gradients).items()}


def _raised(model: PreTrainedModel) -> PreTrainedModel:
    """A model whose matrices pass on all of what they are given, in place.

    BERT starts with scores so near zero that attention is uniform, and a query that is wrong by a
    thousandth changes nothing that float32 can see.
    """
    tables = {id(part.weight) for part in model.modules() if isinstance(part, torch.nn.Embedding)}
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2 and id(weight) not in tables:
                gain = float(
                    weight.norm() / len(weight) ** 0.5
                )  # the root of its mean row's square
                weight.div_(gain if 0 < gain < 1 else 1.0)
    return model


@dataclass(frozen=True)
class _Measure:
    """The true numbers, what differences to them are relative to, and in which norm."""

    true: dict[str, Tensor]
    scales: dict[str, float]
    order: float

    def errors(self, got: dict[str, Tensor]) -> dict[str, float]:
        """Of each tensor; where everything around it is zero, the difference itself."""
        return {
            name: float((got[name] - tensor).norm(self.order)) / (self.scales[name] or 1.0)
            for name, tensor in self.true.items()
        }

    def compare(self, got: dict[str, Tensor], most: float, what: str) -> None:
        """Refuse numbers that are more than ``most`` off.

        Raises:
            KernelError: naming the worst.
        """
        if self.true.keys() != got.keys():
            names = ", ".join(sorted(self.true.keys() ^ got.keys()))
            raise KernelError(f"{what} and its reference disagree on what there is: {names}")
        errors = self.errors(got)
        # A NaN compares false with everything, so the test is for what is right.
        wrong = {name: error for name, error in errors.items() if not error <= most}
        if wrong:
            worst = max(wrong, key=lambda name: (wrong[name] != wrong[name], wrong[name]))
            raise KernelError(
                f"{what} differs from its reference in float64: expected at most {most:.2g} of the "
                f"{'norm' if self.order == 2 else 'largest magnitude'} there. Got "
                f"{wrong[worst]:.2g} in the {worst} ({len(wrong)} of {len(errors)} tensors differ)"
            )


def _measure(arm: "Arm", config: PreTrainedConfig, head: str, precision: Precision) -> _Measure:
    """The reference kernel in float64, gradients measured on the largest of their group."""
    true = _numbers(arm, config, head, arm.reference_kernel, "cpu", PRECISIONS["float64"])
    order = 2 if precision.rounded else math.inf
    scales = {name: float(tensor.norm(order)) for name, tensor in true.items()}
    model = arm.build(config, head, seed=0, kernel=arm.reference_kernel)
    for names in parameter_groups(model).values():
        group = [name for name in (_GRADIENT + own for own in names) if name in scales]
        if group:  # BERT's pooler, say, has no gradient where nothing reads it
            together = torch.tensor([scales[name] for name in group], dtype=torch.float64)
            scales |= dict.fromkeys(group, float(together.norm(order)))
    return _Measure(true, scales, order)


def _sensitivity(arm: "Arm", config: PreTrainedConfig, head: str, measure: _Measure) -> float:
    """How far float64 is off with weights that are rounded to float32 anew, at the worst.

    A kernel that rounds elsewhere than the reference differs by about that: where a prediction is
    close to its number, every gradient of a squared error hangs on the little between them.
    """
    half = torch.finfo(torch.float32).eps / 2
    worst = 0.0
    for seed in range(_ROUNDED_ANEW):
        draws = torch.Generator().manual_seed(seed)

        def moved(model: PreTrainedModel, draws: torch.Generator = draws) -> None:
            for weight in model.parameters():
                noise = torch.randn(weight.shape, generator=draws, dtype=torch.float64)
                weight.mul_(1 + half * noise)

        got = _numbers(arm, config, head, arm.reference_kernel, "cpu", PRECISIONS["float64"], moved)
        worst = max(worst, *measure.errors(got).values())
    return worst


def _allowed(own: float, model_type: str, precision: Precision, cudnn: bool) -> float:
    """How far a kernel may be off.

    Args:
        own: how far the reference kernel is in the same type, or float64 with weights rounded anew.
        model_type, precision: of the model.
        cudnn: whether the kernel is one of cuDNN's recurrences.
    """
    if precision.compute == torch.float64:
        rounded = model_type in _FLOAT32_SOFTMAX
        return TOLERANCE * torch.finfo(torch.float32).eps if rounded else _FLOAT64
    eps = torch.finfo(precision.rounding).eps
    most = _MOST * math.sqrt(eps)
    if precision.tf32:  # the CPU has none, so that its reference does not say what rounding costs
        return most
    least = _CUDNN if cudnn and not precision.half else TOLERANCE
    return min(max(least * eps, _ROUNDING * own), most)


def _reason(warning: str) -> str:
    """PyTorch's reason without where in its source it was given; a bare heading is none."""
    reason = warning.partition("(Triggered internally")[0].strip()
    return "" if reason.endswith(":") else reason
