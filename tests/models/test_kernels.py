"""Kernels agree with the reference, and the gate finds those that do not."""

from dataclasses import replace

import pytest
import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

import models.arms
from models import kernels
from models.arms import HEADS
from models.kernels import ATTENTION, KernelError, KernelUnavailable, check_kernel
from models.transformer import TransformerArm
from tests.compiler import NEEDS_COMPILER, compiles, quick
from tests.models import registered
from tests.models.registered import ARMS, PAIRS, PRETRAINED, RANDOM, SHAPE

TRANSFORMER = models.arms.load("transformer")
#: what is not long in compiling; of a checkpoint, which is large, one head: its body is the same
QUICK = [
    quick(name, head, kernel)
    for name, head in PAIRS
    for kernel in registered.kernels(name)
    if kernel != "compiled"
    if name not in PRETRAINED
    or (head == SHAPE.head and kernel != models.arms.load(name).reference_kernel)
]


@pytest.mark.parametrize(("name", "head", "kernel"), QUICK)
def test_every_kernel_gives_the_same_numbers(name, head, kernel):
    arm = models.arms.load(name)
    config = arm.config(replace(SHAPE, head=head))
    if config.model_type == "t5" and kernel == "flash":
        with pytest.raises(KernelUnavailable, match=r"t5 on cpu in torch.float32: .*position bias"):
            check_kernel(arm, config, head, kernel)
    else:
        check_kernel(arm, config, head, kernel)


@pytest.mark.parametrize("head", HEADS)
def test_double_precision_agrees_closer(head):
    check_kernel(TRANSFORMER, TRANSFORMER.config(replace(SHAPE, head=head)), head, "sdpa",
                 dtype=torch.float64)  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_a_kernel_reaches_every_part(head):
    config = TRANSFORMER.config(replace(SHAPE, head=head))
    for kernel, expected in (("eager", "eager"), ("sdpa", "sdpa"), ("flash", kernels._FLASH)):
        model = TRANSFORMER.build(config, head, 0, kernel)
        parts = [part.config for part in model.modules() if hasattr(part, "config")]
        assert {part._attn_implementation for part in parts} == {expected}


@compiles
def test_compiled():
    """One layer of one architecture: compiling is slow, and the same for all."""
    check_kernel(TRANSFORMER, TRANSFORMER.config(SHAPE), SHAPE.head, "compiled")


def test_dropout_does_not_disturb_the_check():
    config = TRANSFORMER.config(replace(SHAPE, dropout=0.5))
    check_kernel(TRANSFORMER, config, SHAPE.head, "sdpa")
    assert config.hidden_dropout_prob == 0.5


def test_names_are_those_of_the_registry():
    for name in ARMS:
        if isinstance(models.arms.load(name), TransformerArm):
            assert set(registered.kernels(name)) == set(ATTENTION)
    model = TRANSFORMER.build(TRANSFORMER.config(SHAPE), SHAPE.head, 0, "eager")
    with pytest.raises(ValueError, match=r"one of sdpa, eager, compiled, flash\. Got 'fused'"):
        kernels.use(model, "fused")


def off_by_a_thousandth(module, query, key, value, mask, **kwargs):
    output, weights = sdpa_attention_forward(module, query, key, value, mask, **kwargs)
    return output * 1.001, weights


def not_a_number(module, query, key, value, mask, **kwargs):
    output, weights = sdpa_attention_forward(module, query, key, value, mask, **kwargs)
    return output * torch.tensor(float("nan")), weights


def no_gradient_for_keys(module, query, key, value, mask, **kwargs):
    return sdpa_attention_forward(module, query, key.detach(), value, mask, **kwargs)


def half_the_gradient(module, query, key, value, mask, **kwargs):
    value = value.detach() / 2 + value / 2
    return sdpa_attention_forward(module, query, key, value, mask, **kwargs)


WRONG = {
    "off_by_a_thousandth": "Got .* in the ",
    "not_a_number": "Got nan in the ",
    "no_gradient_for_keys": r"disagree on what there is: gradient of .*key\.bias",
    "half_the_gradient": r"in the gradient of .*value",
}


class WrongArm(TransformerArm):
    """A transformer with attention functions that are wrong in one thing each."""

    def build(self, config, head, seed, kernel):
        if kernel not in WRONG:
            return super().build(config, head, seed, kernel)
        AttentionInterface.register(f"sdpa_{kernel}", globals()[kernel])
        AttentionMaskInterface.register(f"sdpa_{kernel}", sdpa_mask)
        model = super().build(config, head, seed, "sdpa")
        model.set_attn_implementation(f"sdpa_{kernel}")
        return model


@pytest.mark.parametrize("kernel", WRONG)
@pytest.mark.parametrize("head", ["AutoModelForSequenceClassification", "AutoModel"])
def test_a_wrong_kernel_is_refused(kernel, head):
    arm = WrongArm()
    config = arm.config(replace(SHAPE, head=head))
    with pytest.raises(KernelError, match=WRONG[kernel]) as refused:
        check_kernel(arm, config, head, kernel)
    assert not isinstance(refused.value, KernelUnavailable)


@pytest.mark.parametrize(
    ("reference", "kernel", "fine"),
    [
        (4e-6, -9e-6, True),  # twice as far from the truth as the reference
        (4e-6, -3e-5, False),  # seven times
        (1e-7, 2e-5, False),  # the reference is right, so the kernel is not
        (1e-2, -1e-2, False),  # nothing is proven by numbers like these
    ],
)
def test_a_kernel_may_round_about_as_much_as_the_reference(monkeypatch, reference, kernel, fine):
    """Where the numbers are what is left of large terms, no float32 kernel has them exactly."""
    errors = {("eager", torch.float32): reference, ("sdpa", torch.float32): kernel}

    def numbers(arm, config, head, name, device, dtype):
        error = errors.get((name, dtype), 0.0)
        return {"output 0": torch.tensor([1.0 + error], dtype=torch.float64)}

    monkeypatch.setattr(kernels, "_numbers", numbers)
    head = SHAPE.head
    args = TRANSFORMER, TRANSFORMER.config(SHAPE), head, "sdpa"
    if fine:
        check_kernel(*args)
    else:
        with pytest.raises(KernelError, match="of the largest magnitude"):
            check_kernel(*args)


def test_a_dtype_without_a_tolerance_is_an_error():
    with pytest.raises(ValueError, match=r"one of torch.float32, .*\. Got torch.complex64"):
        check_kernel(TRANSFORMER, TRANSFORMER.config(SHAPE), SHAPE.head, "sdpa",
                     dtype=torch.complex64)  # fmt: skip


HALF = (torch.bfloat16, torch.float16)


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize(
    ("name", "head", "kernel"),
    [
        (name, SHAPE.head, kernel)
        for name in RANDOM
        for kernel in registered.kernels(name)
        if kernel not in ("compiled", "native")
    ]
    + [("transformer", head, "sdpa") for head in HEADS if head != SHAPE.head]
    + [("lstm", head, "fused") for head in HEADS if head != SHAPE.head]
    + [(name, SHAPE.head, registered.kernels(name)[0]) for name in PRETRAINED],
)
def test_half_precision_stays_near_float32(name, head, kernel, dtype):
    arm = models.arms.load(name)
    check_kernel(arm, arm.config(replace(SHAPE, head=head)), head, kernel, dtype=dtype)


@NEEDS_COMPILER
@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", registered.RECURRENT)
def test_native_steps_have_no_half_precision(name, dtype):
    arm = models.arms.load(name)
    with pytest.raises(
        KernelUnavailable, match=rf"in torch.float32 or torch.float64\. Got {dtype}"
    ):
        check_kernel(arm, arm.config(SHAPE), SHAPE.head, "native", dtype=dtype)


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("kernel", ["not_a_number", "no_gradient_for_keys", "half_the_gradient"])
def test_a_wrong_kernel_is_refused_in_half_precision(kernel, dtype):
    arm = WrongArm()
    with pytest.raises(KernelError, match=WRONG[kernel]) as refused:
        check_kernel(arm, arm.config(SHAPE), SHAPE.head, kernel, dtype=dtype)
    assert not isinstance(refused.value, KernelUnavailable)


@pytest.mark.parametrize("name", RANDOM)
def test_on_another_device_the_reference_kernel_is_checked_too(name):
    """The meta device computes nothing, which the gate must come to notice."""
    arm = models.arms.load(name)
    with pytest.raises(KernelUnavailable, match=r"on meta in torch\.float32"):
        check_kernel(arm, arm.config(SHAPE), SHAPE.head, arm.reference_kernel, device="meta")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator on this machine")
@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
@pytest.mark.parametrize(("name", "head", "kernel"), QUICK)
def test_the_accelerator_agrees_with_the_cpu(name, head, kernel, dtype):
    """What it cannot run it says; what it runs has the CPU's numbers."""
    arm = models.arms.load(name)
    device = torch.accelerator.current_accelerator().type
    config = arm.config(replace(SHAPE, head=head))
    try:
        check_kernel(arm, config, head, kernel, device, dtype)
    except KernelUnavailable as reason:
        assert kernel in ("flash", "native"), reason
