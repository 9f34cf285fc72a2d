"""Sizes that the solver finds, against a search over every size."""

from dataclasses import replace

import pytest
import torch

import models.arms
from models.arms import HEADS
from models.cost import count_parameters
from models.heads import TIED
from models.matching import QUANTITIES, TOLERANCE, MatchError, match
from tests.models.registered import PRETRAINED, RANDOM, SHAPE

WIDE = replace(SHAPE, embedding_size=128, num_layers=2, target_length=None)
TRANSFORMER = models.arms.load("transformer")
#: arms whose size can be chosen, so that they can be matched to any
SIZED = [name for name in RANDOM if models.arms.load(name).free_dimension("params")]


def body(config, head=SHAPE.head):
    with torch.device("meta"):
        return count_parameters(HEADS[head].from_config(config)).body


@pytest.mark.parametrize("reference", ["transformer", *PRETRAINED])
@pytest.mark.parametrize("name", SIZED)
def test_within_one_per_cent(name, reference):
    found = match(models.arms.load(name), WIDE, models.arms.load(reference))
    assert abs(found.error) <= TOLERANCE
    assert found.got == found.parameters.body == body(found.config)
    assert found.error == found.got / found.target - 1


@pytest.mark.parametrize("quantity", ["params", "flops"])
@pytest.mark.parametrize("name", SIZED)
def test_every_head_that_both_have(name, quantity):
    arm = models.arms.load(name)
    for head in set(arm.heads) & set(TRANSFORMER.heads):
        found = match(arm, replace(WIDE, head=head), TRANSFORMER, quantity, length=64)
        assert abs(found.error) <= TOLERANCE
        counted = {"params": body(found.config, head), "flops": found.cost.forward_flops(64)}
        assert found.got == counted[quantity]


def amount(says, quantity, length):
    return {
        "params": says.parameters.body,
        "flops": says.forward_flops(length),
        "state": says.state_bytes(length, itemsize=1),
    }[quantity]


def test_finds_the_closest_of_all_sizes():
    arm, length = models.arms.load("gru"), 2
    budget = TRANSFORMER.cost(TRANSFORMER.config(SHAPE), SHAPE.head)
    costs = [arm.cost(arm.config(SHAPE, size), SHAPE.head) for size in range(1, 160)]
    for quantity in QUANTITIES:
        found = match(arm, SHAPE, TRANSFORMER, quantity, length, tolerance=1.0)
        target = amount(budget, quantity, length)
        closest = min(abs(amount(cost, quantity, length) - target) for cost in costs)
        assert abs(found.got - target) == closest
        assert found.target == target
        assert found.config.hidden_size == found.size


@pytest.mark.parametrize("width", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("head", TIED)
def test_a_state_as_wide_as_tied_embeddings_does_not_mislead(head, width):
    """That size alone has no projection: it is no point of the polynomial, and may be the best."""
    shape = replace(SHAPE, head=head, embedding_size=width, num_heads=1, target_length=None)
    reference, arm = models.arms.load("lstm"), models.arms.load("rnn")
    costs = {n: arm.cost(arm.config(shape, n), head) for n in range(1, 8 * width + 8)}
    for quantity in ("params", "flops"):
        found = match(arm, shape, reference, quantity, length=8, tolerance=1e9)
        got = {size: amount(cost, quantity, 8) for size, cost in costs.items()}
        distance = {size: abs(amount - found.target) for size, amount in got.items()}
        assert abs(found.got - found.target) == min(distance.values()) == distance[found.size]
        assert found.got == got[found.size]


def test_state_is_matched_in_numbers_and_grows_with_the_length():
    arm = models.arms.load("lstm")
    sizes = [match(arm, WIDE, TRANSFORMER, "state", length).size for length in (4, 8)]
    assert sizes == [4 * 128, 8 * 128]  # 2 * T * 128 keys and values a layer; h and c


def test_a_size_beyond_memory_is_refused_before_it_is_built():
    with pytest.raises(MatchError, match=r"at most 1,073,741,824 parameters\. Got .*shorter"):
        match(models.arms.load("gru"), WIDE, TRANSFORMER, "state", length=512)


def test_a_transformers_state_cannot_be_chosen():
    with pytest.raises(MatchError, match="no free dimension changes it"):
        match(TRANSFORMER, WIDE, models.arms.load("lstm"), "state", length=64)


def test_reference_is_left_as_it_is():
    for quantity in QUANTITIES:
        found = match(TRANSFORMER, WIDE, TRANSFORMER, quantity)
        assert found.error == 0
        assert found.size is None
        assert found.config.intermediate_size == 4 * 128


def test_too_small_to_match_is_an_error_with_the_closest():
    narrow = replace(SHAPE, embedding_size=4, num_heads=1)
    with pytest.raises(MatchError, match=r"within 1\.0% of .* closest has .* at hidden_size="):
        match(models.arms.load("lstm"), narrow, TRANSFORMER)


def test_a_checkpoint_cannot_be_resized():
    with pytest.raises(MatchError, match="cannot be resized"):
        match(models.arms.load("pretrained"), WIDE, TRANSFORMER)


def test_an_unknown_quantity_lists_the_choices():
    with pytest.raises(ValueError, match=r"one of params, flops, state\. Got 'time'"):
        match(TRANSFORMER, WIDE, TRANSFORMER, "time")


@pytest.mark.parametrize("name", [name for name in RANDOM if name != "transformer"])
def test_a_width_can_be_a_multiple(name):
    """The closest one is, and what no multiple comes near is refused."""
    arm, reference = models.arms.load(name), models.arms.load("transformer")
    shape = replace(SHAPE, embedding_size=512, num_layers=2, num_heads=8)
    closest, rounded = (match(arm, shape, reference, multiple_of=of) for of in (1, 8))
    assert rounded.size % 8 == 0
    assert abs(rounded.size - closest.size) < 8
    assert abs(closest.error) <= abs(rounded.error) <= TOLERANCE
    with pytest.raises(MatchError, match=r"within 1.0% of"):
        match(arm, shape, reference, multiple_of=1000)
