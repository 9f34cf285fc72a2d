"""The gradient at every state, over whatever arm is registered, under every head it has."""

from dataclasses import replace

import pytest
import torch
import transformers
from torch import nn

import models.arms
from models.autoclasses import SEQ2SEQ
from models.heads import example, input_embeddings, scalar
from models.tracing import find_layers, trace_residuals
from models.transformer import TransformerArm
from tests.compiler import compiles
from tests.models import registered
from tests.models.recurrent.small import tokens
from tests.models.registered import ARMS, PAIRS, PRETRAINED

SHAPE = replace(registered.SHAPE, embedding_size=16, num_layers=2)
ROWS, LENGTH = 2, 12
SEQUENCE = SHAPE.head


def build(name, head=SEQUENCE, kernel=None, **recurrent):
    arm = models.arms.load(name)
    config = arm.config(replace(SHAPE, head=head, recurrent=recurrent))
    return arm, arm.build(config, head, 0, kernel or arm.reference_kernel)


def hooks(model):
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )


@pytest.fixture(params=ARMS)
def name(request):
    return request.param


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request):
    return request.param


def test_every_layer_answers_and_no_number_changes(pair):
    name, head = pair
    arm, model = build(name, head)
    fed = example(model.config, head, rows=ROWS, length=LENGTH, target_length=SHAPE.target_length)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    plain = scalar(model(**fed))
    expected = torch.autograd.grad(plain, weights, allow_unused=True)
    with arm.trace(model) as gradients:
        traced = scalar(model(**fed))
    got = torch.autograd.grad(traced, weights, allow_unused=True)
    assert torch.equal(plain, traced)
    for one, other in zip(expected, got, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)
    assert all(weight.grad is None for weight in weights)
    found = gradients()
    assert found
    for kind in found:
        assert kind == kind.strip() != ""
        assert "," not in kind
    text = getattr(model.config, "text_config", model.config)
    for layers in found.values():
        assert len(layers) == text.num_hidden_layers
        for gradient in layers:
            assert gradient.shape[:2] == (ROWS, LENGTH)
            assert gradient.isfinite().all()
            assert gradient.any()


def test_both_ways_backward_give_the_same(name):
    """Towards the embeddings alone, and towards every weight."""
    arm, model = build(name)
    ids, labels = tokens(ROWS, LENGTH), torch.zeros(ROWS, dtype=torch.long)
    answers = []
    for towards_inputs in (True, False):
        embeds = input_embeddings(model)(ids).detach().requires_grad_()
        with arm.trace(model) as gradients:
            loss = model(inputs_embeds=embeds, labels=labels).loss
        if towards_inputs:
            torch.autograd.grad(loss, embeds)
            assert all(weight.grad is None for weight in model.parameters())
        else:
            loss.backward()
        answers.append(gradients())
    one, other = answers
    assert one.keys() == other.keys()
    for kind in one:
        assert all(torch.equal(a, b) for a, b in zip(one[kind], other[kind], strict=True))


@compiles
@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        (name, kernel)
        for name, arm in ARMS.items()
        for kernel in arm.literals["KERNELS"]
        if kernel != "efficient"  # which no CPU runs
    ],
)
def test_what_another_kernel_keeps_of_its_states(name, kernel):
    """A recurrence's only the loop does; whoever asks is told under which kernel to trace."""
    arm, model = build(name, kernel=kernel)
    fed = example(model.config, SEQUENCE, rows=ROWS, length=LENGTH)
    traced = arm.traced_kernel(kernel)
    assert arm.traced_kernel(traced) == traced
    if kernel == traced:
        with arm.trace(model) as gradients:
            loss = model(**fed).loss
        loss.backward()
        assert all(gradient.any() for layers in gradients().values() for gradient in layers)
        return
    with pytest.raises(ValueError, match=rf"needs kernel .*\. Got '{kernel}'"), arm.trace(model):
        model(**fed)


def test_says_why_there_is_no_answer(name):
    arm, model = build(name)
    ids = tokens(ROWS, LENGTH)
    with arm.trace(model) as nothing:
        pass
    with pytest.raises(ValueError, match=r"Expected one forward.*Got none"):
        nothing()
    with arm.trace(model) as flat, torch.no_grad():
        model(ids)
    with pytest.raises(ValueError, match=r"forward with gradients\. Got one without"):
        flat()
    with arm.trace(model) as forward_only:
        model(ids)
        with pytest.raises(ValueError, match=r"one forward of .*Got a second"):
            model(ids)
    with pytest.raises(ValueError, match=r"a loss that has gone backward"):
        forward_only()


def test_nothing_stays_behind_not_even_of_an_exception(name):
    arm, model = build(name)
    before, ids = hooks(model), tokens(ROWS, LENGTH)
    with pytest.raises(KeyError), arm.trace(model):
        raise KeyError
    assert hooks(model) == before
    with arm.trace(model) as gradients:
        loss = model(ids).logits.sum()
    assert hooks(model) == before
    model(ids)  # is not traced
    loss.backward()
    assert all(len(gradient) == ROWS for layers in gradients().values() for gradient in layers)


class TestRecurrent:
    def test_states_after_the_loss_have_zeros(self):
        arm, model = build("lstm", "AutoModelForTokenClassification")
        with arm.trace(model) as gradients:
            logits = model(tokens(ROWS, LENGTH)).logits
        logits[:, 4].sum().backward()
        for layers in gradients().values():
            for gradient in layers:
                size = gradient.norm(dim=(0, 2))
                assert size[:5].min() > 0
                assert not size[5:].any()

    def test_both_directions_stand_at_their_positions(self):
        arm, model = build("gru", "AutoModelForTokenClassification", bidirectional=True)
        with arm.trace(model) as gradients:
            logits = model(tokens(ROWS, LENGTH)).logits
        logits[:, 4].sum().backward()
        found = gradients()
        assert list(found) == ["h", "h (backward)"]
        forwards, backwards = (found[kind][-1].norm(dim=(0, 2)) for kind in found)
        assert forwards[:5].min() > 0
        assert not forwards[5:].any()
        assert not backwards[:4].any()
        assert backwards[4:].min() > 0

    @pytest.mark.parametrize(
        "mask", [[0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0], [1, 0, 1, 1, 0, 0, 1]], ids=str
    )
    def test_padding_moves_gradients_to_where_the_tokens_are(self, mask):
        arm, model = build("lstm", bidirectional=True)
        model, mask = model.double(), torch.tensor([mask, [1] * 7])
        at = mask[0].nonzero().flatten()
        ids = tokens(2, 7)
        answers = []
        for fed in ({"input_ids": ids, "attention_mask": mask}, {"input_ids": ids[:1, at]}):
            with arm.trace(model) as gradients:
                logits = model(**fed).logits
            logits[0].square().sum().backward()
            answers.append(gradients())
        padded, alone = answers
        for kind in ("h", "c", "h (backward)", "c (backward)"):
            for with_padding, without in zip(padded[kind], alone[kind], strict=True):
                torch.testing.assert_close(with_padding[:1, at], without, rtol=1e-12, atol=1e-15)
                assert not with_padding[0, mask[0] == 0].any()


def stack_of(model):
    body = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
    return find_layers(body)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        (name, head)
        for name, head in PAIRS
        if isinstance(models.arms.load(name), TransformerArm)
        if head in (SEQUENCE, *(() if name in PRETRAINED else ("AutoModelForCausalLM", SEQ2SEQ)))
    ],
)
def test_what_is_traced_is_what_the_next_layer_reads(name, head):
    """Zeros that are added to what a layer hands on have the gradient that was traced there."""
    arm, model = build(name, head)
    fed = example(model.config, head, rows=ROWS, length=LENGTH, target_length=SHAPE.target_length)
    with arm.trace(model) as gradients:
        loss = model(**fed).loss
    loss.backward()
    added = []

    def add(_module, _inputs, output):
        state = output if isinstance(output, torch.Tensor) else output[0]
        added.append(torch.zeros_like(state, requires_grad=True))
        state = state + added[-1]
        return state if isinstance(output, torch.Tensor) else (state, *output[1:])

    for layer in stack_of(model):
        layer.register_forward_hook(add)
    expected = torch.autograd.grad(model(**fed).loss, added)
    for one, other in zip(gradients()["residual"], expected, strict=True):
        assert one.any()
        assert torch.equal(one, other)


class TestOtherArchitectures:
    """What a named checkpoint may be."""

    def small(self, model_type, **changes):
        torch.manual_seed(0)
        config = transformers.AutoConfig.for_model(model_type, vocab_size=50, **changes)
        return transformers.AutoModel.from_config(config, attn_implementation="eager")

    def test_layers_that_share_their_weights_answer_once_each(self):
        model = self.small(
            "albert", hidden_size=8, intermediate_size=8, num_hidden_layers=3,
            num_attention_heads=2, embedding_size=8,
        )  # fmt: skip
        with trace_residuals(model) as gradients:
            hidden = model(tokens(2, 5)).last_hidden_state
        hidden.square().sum().backward()
        found = gradients()["residual"]
        assert len(found) == 3
        torch.testing.assert_close(found[-1], 2 * hidden.detach())

    def test_layers_of_another_layout_are_refused(self):
        """XLNet's layers read (length, rows, size)."""
        model = self.small("xlnet", d_model=8, n_layer=2, n_head=2, d_inner=8)
        with trace_residuals(model) as gradients:
            model(tokens(2, 5)).last_hidden_state.sum().backward()
        with pytest.raises(ValueError, match=r"\(rows, length, size\)=\(2, 5.*Got \(5, 2, 8\)"):
            gradients()

    def test_layers_in_several_lists_are_refused(self):
        model = self.small("xlm", emb_dim=8, n_layers=2, n_heads=2)
        with pytest.raises(ValueError, match=r"one stack of layers.*Got 4: attentions"):
            find_layers(model)

    def test_a_body_without_layers_is_refused(self):
        with pytest.raises(ValueError, match=r"one stack of layers.*in Linear\. Got 0"):
            find_layers(nn.Linear(1, 1))
