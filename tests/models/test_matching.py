"""Sizes that the solver finds, against a search over every size."""

from dataclasses import replace

import pytest
import torch

import models.arms
from models.arms import HEADS
from models.cost import count_parameters
from models.matching import TOLERANCE, MatchError, match_parameters

from .test_arms import SHAPE

WIDE = replace(SHAPE, embedding_size=128, num_layers=2)


def body(config):
    with torch.device("meta"):
        return count_parameters(HEADS[SHAPE.head].from_config(config)).body


@pytest.mark.parametrize("reference", ["transformer", "pretrained"])
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "transformer"])
def test_within_one_per_cent(name, reference):
    match = match_parameters(models.arms.load(name), WIDE, models.arms.load(reference))
    assert abs(match.error) <= TOLERANCE
    assert match.parameters.body == body(match.config)
    assert match.error == match.parameters.body / match.target - 1


def test_finds_the_closest_of_all_sizes():
    arm, reference = models.arms.load("gru"), models.arms.load("transformer")
    match = match_parameters(arm, SHAPE, reference, tolerance=1.0)
    target = body(reference.config(SHAPE))
    closest = min(range(1, 128), key=lambda size: abs(body(arm.config(SHAPE, size)) - target))
    assert match.config.hidden_size == closest


def test_reference_is_left_as_it_is():
    arm = models.arms.load("transformer")
    match = match_parameters(arm, WIDE, arm)
    assert match.error == 0
    assert match.config.intermediate_size == 4 * 128


def test_too_small_to_match_is_an_error_with_the_closest():
    narrow = replace(SHAPE, embedding_size=4, num_heads=1)
    with pytest.raises(MatchError, match=r"within 1\.0% of .* closest has .* at hidden_size="):
        match_parameters(models.arms.load("lstm"), narrow, models.arms.load("transformer"))


def test_a_checkpoint_cannot_be_resized():
    with pytest.raises(MatchError, match="cannot be resized"):
        match_parameters(models.arms.load("pretrained"), WIDE, models.arms.load("transformer"))
