"""Costs of rows: what a model reads of a row is counted, and once."""

import pytest

from bench import tasks
from bench.execute.sizing import sized
from bench.measure import objective
from bench.measure.subject import Subject
from models.cost import count_flops
from tests.models.registered import RANDOM

from .groups import planned

ARMS = pytest.mark.parametrize("arm", RANDOM)


def counted(cell, data, *, training):
    """FLOPs of one row of a cell as PyTorch counts them, and what was decided of them."""
    decided = sized(cell, data)
    subject = Subject(cell, decided["config"], data)
    model = subject.arm.build(subject.config, subject.head, 0, subject.arm.reference_kernel).eval()
    (batch,) = subject.batches(1, 1)
    if subject.head == "AutoModel":
        batches = [{"input_ids": batch[name]} for name in ("query_ids", "input_ids")]
    else:
        batches = [objective.inputs(model, batch) | ({"return_loss": True} if training else {})]
    return sum(count_flops(model, each, training) for each in batches), decided["cost"]


@ARMS
@pytest.mark.parametrize("training", [False, True])
def test_an_image_and_its_caption_are_counted_once(arm, training):
    data = tasks.open_data("digits", "offline", "")
    cell = planned("learning", arm=arm, task="digits", length=64)
    flops, cost = counted(cell, data, training=training)
    name = "training_flops" if training else "forward_flops"
    assert cost[name] == pytest.approx(flops, rel=0.02)
    assert cost[f"{name}_per_token"] * 64 == pytest.approx(cost[name])


@ARMS
@pytest.mark.parametrize("training", [False, True])
def test_a_search_reads_its_query_too(corpus, arm, training):
    cell = planned("learning", arm=arm, task="search", length=16)
    flops, cost = counted(cell, corpus, training=training)
    name = "training_flops" if training else "forward_flops"
    assert cost[name] == pytest.approx(flops, rel=0.02)
    assert cost[f"{name}_per_token"] * 16 == pytest.approx(cost[name])
