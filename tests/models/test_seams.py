"""Where layers begin and end, over whatever arm is registered, under every head it has."""

from dataclasses import replace
from itertools import groupby

import pytest
import torch

import models.arms
from models import seams
from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.groups import layer_parameters
from models.heads import example, input_embeddings, scalar
from tests.models import registered
from tests.models.registered import ARMS, PAIRS, kernels

SHAPE = replace(registered.SHAPE, embedding_size=16, num_layers=2)
SEQUENCE = SHAPE.head


def build(name, head=SEQUENCE, kernel=None, **recurrent):
    arm = models.arms.load(name)
    config = arm.config(replace(SHAPE, head=head, recurrent=recurrent))
    return arm.build(config, head, 0, kernel or kernels(name)[0])


def passes(model, head):
    """What is told forward and backward, each with how many layer parameters have a gradient."""
    fed = example(model.config, head, rows=2, length=12, target_length=SHAPE.target_length)
    inside, told = layer_parameters(model), []

    def tell(layers):
        table = input_embeddings(model).weight.grad
        told.append((layers, sum(p.grad is not None for p in inside), table is not None))

    with seams.told(model, tell):
        loss = scalar(model(**fed))
        count = len(told)
        loss.backward()
    return told[:count], told[count:], sum(p.grad is not None for p in inside)


def turns(told):
    """Whether it is the layers' work, each time that this changes."""
    return [layers for layers, _ in groupby(layers for layers, *_ in told)]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_all_gradients_of_layers_come_between_the_seams(pair):
    forward, backward, trained = passes(build(*pair), pair[1])
    stacks = 2 if pair[1] in (SEQ2SEQ, IMAGE_TEXT) else 1
    assert turns(forward) == turns(backward) == [True, False] * stacks
    assert trained > 0
    assert backward[0][1] == 0, "the head has gone backward, and no layer has"
    assert backward[-1][1] == trained, "nothing of the layers is left"


@pytest.mark.parametrize("name", ARMS)
def test_the_table_s_gradient_comes_after_the_layers(name):
    _, backward, _ = passes(build(name), SEQUENCE)
    assert not any(table for *_, table in backward)


@pytest.mark.parametrize("kernel", ["fused", "loop"])
def test_a_decoder_that_looks_at_its_source_is_one_stack(kernel):
    forward, backward, trained = passes(build("gru", SEQ2SEQ, kernel, attention=True), SEQ2SEQ)
    assert turns(forward) == turns(backward) == [True, False] * 2
    assert backward[-1][1] == trained


def test_no_number_changes_and_nothing_stays():
    model = build("transformer")
    fed = example(model.config, SEQUENCE)
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    plain = scalar(model(**fed))
    with seams.told(model, lambda layers: None):
        assert torch.equal(scalar(model(**fed)), plain)
    assert hooks == [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    assert not seams._listening


def test_without_gradients_the_forward_is_told():
    model, told = build("lstm"), []
    with torch.inference_mode(), seams.told(model, told.append):
        model(**example(model.config, SEQUENCE))
    assert told == [True, False]


def test_a_graph_compiled_whole_has_no_seams():
    model, told = build("transformer"), []
    model._compiled_call_impl = model._call_impl  # as compile() leaves it, without the compiler
    with seams.told(model, told.append):
        model(**example(model.config, SEQUENCE))
    assert told == []


def test_lists_within_lists_are_no_stacks():
    model = build("transformer", SEQ2SEQ)  # every T5 layer has a list of its parts
    assert [len(layers) for layers in seams.stacks(model)] == [SHAPE.num_layers] * 2
