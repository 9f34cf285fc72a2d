"""A transformer's gradient at its input embeddings; the recurrent arms have their own theory."""

from dataclasses import replace

import pytest
import torch

import models.arms
from bench.tools import inventory

HEAD = "AutoModelForSequenceClassification"
SHAPE = replace(
    inventory.SHAPE, head=HEAD, vocab_size=200, embedding_size=4, num_heads=2, max_positions=8
)


@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
def test_gradient_at_the_inputs_is_that_of_finite_differences(kernel):
    arm = models.arms.load("transformer")
    model = arm.build(arm.config(SHAPE), HEAD, 0, kernel).double()
    mask, labels = torch.tensor([[1] * 6, [1] * 4 + [0] * 2]), torch.tensor([0, 2])

    def loss(embeds):
        return model(inputs_embeds=embeds, attention_mask=mask, labels=labels).loss

    torch.manual_seed(0)
    embeds = torch.randn(2, 6, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, embeds)
    (gradient,) = torch.autograd.grad(loss(embeds), embeds)
    size = gradient.norm(dim=-1)
    assert size[mask == 1].min() > 0
    assert not size[mask == 0].any()
