"""The contract of an arm, over whatever is registered."""

import pytest
import torch

import models.arms
from bench import registry
from models.arms import HEADS, Shape
from models.cost import count_parameters

SHAPE = Shape(
    head="AutoModelForSequenceClassification",
    num_labels=8,
    vocab_size=30522,
    pad_token_id=0,
    embedding_size=32,
    num_layers=1,
    num_heads=2,
    max_positions=64,
)
IDS = torch.randint(0, 30522, (2, 12), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=registry.arms())
def name(request):
    return request.param


def build(name, seed=0, kernel=None):
    arm = models.arms.load(name)
    kernel = kernel or registry.arms()[name].literals["KERNELS"][0]
    return arm.build(arm.config(SHAPE), SHAPE.head, seed, kernel)


def test_says_what_it_is(name):
    entry = registry.arms()[name]
    assert entry.summary.endswith(".")
    assert entry.literals["WEIGHTS"] in ("random", "pretrained")
    assert entry.literals["KERNELS"]


def test_same_seed_same_model_other_seed_other_head(name):
    first, again, other = (build(name, seed).eval() for seed in (0, 0, 1))
    assert torch.equal(first(IDS).logits, again(IDS).logits)
    assert not torch.equal(first(IDS).logits, other(IDS).logits)


def test_config_survives_json(name):
    config = models.arms.load(name).config(SHAPE)
    again = models.arms.config_from_dict(config.to_dict())
    with torch.device("meta"):
        counts = [count_parameters(HEADS[SHAPE.head].from_config(c)) for c in (config, again)]
    assert counts[0] == counts[1]


def test_counts_are_numel(name):
    model = build(name)
    counts = count_parameters(model)
    tables = [w for n, w in model.named_parameters() if "embeddings" in n and "LayerNorm" not in n]
    assert counts.total == sum(weight.numel() for weight in model.parameters())
    assert counts.embedding == sum(weight.numel() for weight in tables)
    assert counts.body == counts.total - counts.embedding


def test_every_kernel_gives_the_same_numbers(name):
    kernels = registry.arms()[name].literals["KERNELS"]
    outputs = [build(name, kernel=kernel).eval()(IDS).logits for kernel in kernels]
    for output in outputs[1:]:
        torch.testing.assert_close(output, outputs[0], rtol=1e-5, atol=1e-5)


def test_loss_is_read_at_the_designated_position(name):
    """Changing what the head reads there changes the logits; changing another state does not."""
    arm, model = models.arms.load(name), build(name).eval()
    states = []
    body = model.base_model
    hook = body.register_forward_hook(lambda _m, _i, out: states.append(out.last_hidden_state))
    logits = model(IDS).logits
    hook.remove()
    (gradient,) = torch.autograd.grad(logits.sum(), states[0])
    read = gradient.abs().sum(dim=(0, 2)).nonzero().flatten().tolist()
    assert read == [arm.loss_position(IDS.shape[1])]


def test_no_dropout_at_dropout_zero(name):
    model = build(name).train()
    assert torch.equal(model(IDS).logits, model(IDS).logits)
