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
from models.precision import PRECISIONS
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
    if kernel == "efficient":
        with pytest.raises(KernelUnavailable, match=r"on cpu in float32: No (viable|available)"):
            check_kernel(arm, config, head, kernel)
    elif config.model_type == "t5" and kernel == "flash":
        with pytest.raises(KernelUnavailable, match=r"t5 on cpu in float32: .*position bias"):
            check_kernel(arm, config, head, kernel)
    else:
        check_kernel(arm, config, head, kernel)


@pytest.mark.parametrize(("width", "layers"), [(16, 2), (64, 2)])
@pytest.mark.parametrize(("name", "head"), [pair for pair in PAIRS if pair[0] in RANDOM])
def test_no_size_of_any_arm_is_refused_for_rounding(name, head, width, layers):
    """A question's answer has a bias whose gradient is zero in theory: all of it is rounding."""
    arm = models.arms.load(name)
    config = arm.config(replace(SHAPE, head=head, embedding_size=width, num_layers=layers))
    check_kernel(arm, config, head, registered.kernels(name)[0])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_loss_that_is_nearly_zero_is_no_wrong_kernel(threads):
    """Of a number that the model all but has, what is left is rounding, and every gradient is."""
    arm = models.arms.load("rnn")
    shape = replace(
        SHAPE, head="AutoModelForSequenceClassification", num_labels=1, vocab_size=1,
        embedding_size=64, num_layers=1, recurrent={"initialization": "orthogonal"},
    )  # fmt: skip
    config = arm.config(shape)
    config.hidden_size = 202
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        check_kernel(arm, config, shape.head, "fused")
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("head", HEADS)
def test_double_precision_agrees_closer(head):
    check_kernel(TRANSFORMER, TRANSFORMER.config(replace(SHAPE, head=head)), head, "sdpa",
                 dtype="float64")  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_a_kernel_reaches_every_part(head):
    config = TRANSFORMER.config(replace(SHAPE, head=head))
    for kernel in kernels.ATTENTION:
        if kernel == "compiled":
            continue
        expected = kernels._IMPLEMENTATIONS.get(kernel, kernel)
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
    with pytest.raises(ValueError, match=r"one of sdpa, eager, .*, math\. Got 'fused'"):
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


class Damaged:
    """An arm, and beside its kernels one that is its default but for one thing."""

    def __init__(self, name, damage):
        self._arm, self._default = models.arms.load(name), registered.kernels(name)[0]
        self._damage = damage

    def __getattr__(self, name):
        return getattr(self._arm, name)

    def build(self, config, head, seed, kernel):
        if kernel != "damaged":
            return self._arm.build(config, head, seed, kernel)
        model = self._arm.build(config, head, seed, self._default)
        model.register_forward_pre_hook(self._before)  # when its weights are final
        return model

    def _before(self, model, args):
        with torch.no_grad():
            self._damage(model)


def weight(model, name):
    """The first parameter whose name ends so."""
    return next(w for n, w in model.named_parameters() if n.endswith(name))


def scaled(name):
    """A weight that is a thousandth too large."""
    return lambda model: weight(model, name).mul_(1.001)


def one_gate_untrained(model):
    def hook(gradient):
        gradient = gradient.clone()
        gradient[: gradient.shape[1]] = 0  # of the first gate, hidden size rows
        return gradient

    weight(model, "weight_hh_l0").register_hook(hook)


def gates_swapped(model):
    for name in ("weight_hh_l0", "weight_ih_l0"):
        of = weight(model, name)
        first, second, *rest = of.split(weight(model, "weight_hh_l0").shape[1])
        of.copy_(torch.cat([second, first, *rest]))


def term_missing(model):
    weight(model, "weight_hh_l0")[0] = 0  # of the first unit's first gate


def wrong_bias(model):
    weight(model, "bias_hh_l0").add_(1e-3)


def as_tf32(model):
    """Weights with ten bits of mantissa, which products of TF32 round theirs to."""
    for one in model.parameters():
        one.copy_((one.view(torch.int32) & ~0x1FFF).view(torch.float32))


RECURRENT_DAMAGE = [one_gate_untrained, term_missing, wrong_bias, as_tf32, scaled("weight_hh_l0")]
DAMAGED = [
    *((name, damage) for name in registered.RECURRENT for damage in RECURRENT_DAMAGE),
    *((name, gates_swapped) for name in registered.RECURRENT if ARMS[name].literals["GATED"]),
    ("transformer", as_tf32),
    *(("transformer", scaled(f"{one}.weight")) for one in ("query", "key", "value")),
]


@pytest.mark.parametrize("head", ["AutoModelForSequenceClassification", "AutoModel"])
@pytest.mark.parametrize(("name", "damage"), DAMAGED)
def test_small_errors_are_refused(name, damage, head):
    arm = Damaged(name, damage)
    with pytest.raises(KernelError, match="expected at most") as refused:
        check_kernel(arm, arm.config(replace(SHAPE, head=head)), head, "damaged")
    assert not isinstance(refused.value, KernelUnavailable)


@pytest.mark.parametrize("name", RANDOM)
def test_every_weight_counts(name):
    """One that is a thousandth too large is found, whichever it is."""
    arm = models.arms.load(name)
    config = arm.config(SHAPE)
    named = dict(arm.build(config, SHAPE.head, 0, arm.reference_kernel).named_parameters())
    for found in [n for n, w in named.items() if w.ndim == 2]:
        with pytest.raises(KernelError, match="expected at most"):
            check_kernel(Damaged(name, scaled(found)), config, SHAPE.head, "damaged")


@pytest.mark.parametrize(
    ("reference", "kernel", "fine"),
    [
        (4e-6, -9e-6, True),  # twice as far from the truth as the reference
        (4e-6, -3e-5, False),  # seven times
        (1e-7, 2e-5, False),  # the reference is right, so the kernel is not
        (1e-2, -1e-2, False),  # nothing is proven by numbers like these
    ],
)
def test_a_kernel_may_round_about_as_much_as_its_reference(monkeypatch, reference, kernel, fine):
    """Where the numbers are what is left of large terms, no float32 kernel has them exactly."""
    errors = {("eager", "float32"): reference, ("sdpa", "float32"): kernel}

    def numbers(arm, config, head, name, device, precision, change=None):
        error = next(
            (e for (k, t), e in errors.items() if (k, PRECISIONS[t]) == (name, precision)), 0
        )
        return {"output 0": torch.tensor([1.0 + error], dtype=torch.float64)}

    monkeypatch.setattr(kernels, "_numbers", numbers)
    head = SHAPE.head
    args = TRANSFORMER, TRANSFORMER.config(SHAPE), head, "sdpa"
    if fine:
        check_kernel(*args)
    else:
        with pytest.raises(KernelError, match="of the largest magnitude"):
            check_kernel(*args)


def test_an_unknown_dtype_is_an_error():
    with pytest.raises(ValueError, match=r"one of float32, .*\. Got 'complex64'"):
        check_kernel(TRANSFORMER, TRANSFORMER.config(SHAPE), SHAPE.head, "sdpa",
                     dtype="complex64")  # fmt: skip


HALF = [name for name, precision in PRECISIONS.items() if precision.half]
ROUNDED = [name for name, precision in PRECISIONS.items() if precision.rounded]


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize(
    ("name", "head", "kernel"),
    [
        (name, SHAPE.head, kernel)
        for name in RANDOM
        for kernel in registered.kernels(name)
        if kernel not in ("compiled", "native", "efficient")  # which is no CPU's
    ]
    + [("transformer", head, "sdpa") for head in HEADS if head != SHAPE.head]
    + [("lstm", head, "fused") for head in HEADS if head != SHAPE.head]
    + [(name, SHAPE.head, registered.kernels(name)[0]) for name in PRETRAINED],
)
def test_half_precision_stays_near_float32(name, head, kernel, dtype):
    arm = models.arms.load(name)
    check_kernel(arm, arm.config(replace(SHAPE, head=head)), head, kernel, dtype=dtype)
    assert not torch.is_autocast_enabled("cpu"), "and nothing else is computed in it"


@NEEDS_COMPILER
@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", registered.RECURRENT)
def test_native_steps_have_no_half_precision(name, dtype):
    arm = models.arms.load(name)
    met = PRECISIONS[dtype].compute
    with pytest.raises(KernelUnavailable, match=rf"in torch.float32 or torch.float64\. Got {met}"):
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
    with pytest.raises(KernelUnavailable, match=r"on meta in float32"):
        check_kernel(arm, arm.config(SHAPE), SHAPE.head, arm.reference_kernel, device="meta")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator on this machine")
@pytest.mark.parametrize("dtype", ["float32", *ROUNDED])
@pytest.mark.parametrize(("name", "head", "kernel"), QUICK)
def test_the_accelerator_agrees_with_the_cpu(name, head, kernel, dtype):
    """What it cannot run it says; what it runs has the CPU's numbers."""
    arm = models.arms.load(name)
    device = torch.accelerator.current_accelerator().type
    config = arm.config(replace(SHAPE, head=head))
    try:
        check_kernel(arm, config, head, kernel, device, dtype)
    except KernelUnavailable as reason:
        assert kernel in ("flash", "efficient", "native"), reason
