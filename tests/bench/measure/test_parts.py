"""Parts of real steps, on a clock that passes at known places."""

import copy

import pytest
import torch

from bench import registry
from bench.measure import parts
from bench.measure.training import Steps
from models.groups import layer_parameters

from ...clock import Clock
from ..probes.subjects import ARMS, subjects

#: head -> the last task of it that has windows as short as the tiny study's; images are longer
HEADS = {
    entry.literals["HEAD"]: name
    for name, entry in registry.tasks().items()
    if entry.literals["LENGTHS"][0] <= 16
}
NEVER = 1e9  # a norm above which nothing is clipped


@pytest.fixture(params=ARMS)
def subject(request, corpus):
    return subjects(corpus, "speed")[request.param]


def training(subject):
    return parts.Training(Steps(subject, subject.build(), 1e-3, NEVER))


def test_a_step_in_parts_is_the_same_step(subject):
    """Each parameter is updated once: two steps in parts leave the weights of two whole ones."""
    batches = subject.batches(2, 2)
    whole, apart = training(subject), training(subject)
    for batch in batches:
        whole(batch)
    found = parts.timed(apart, batches, "cpu")
    for one, other in zip(whole.model.parameters(), apart.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert set(found) == {
        "forward", "backward", "update", "body", "body_forward", "body_update"
    }  # fmt: skip
    assert min(found.values()) > 0
    assert found["body_forward"] < min(found["forward"], found["body"])
    assert found["body"] < found["forward"] + found["backward"]
    assert found["body_update"] < found["update"]
    assert apart.steps.count == whole.steps.count == len(batches)
    assert apart.steps.told()["skipped_steps"] == 0


def test_a_scaler_keeps_its_scale_between_the_parts_of_an_update(corpus):
    """In float16, where the loss is scaled: the second part is unscaled as the first was."""
    subject = subjects(corpus, "speed", dtype="float16")["lstm"]
    whole, apart = training(subject), training(subject)
    for steps in (whole.steps, apart.steps):
        steps.scaler.set_growth_interval(1)  # the scale would double between the two
    for batch in subject.batches(2, 2):
        whole(batch)
        apart.apart(batch, parts.Laps("cpu"))
    for one, other in zip(whole.model.parameters(), apart.model.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("arm", ARMS)
def test_every_head_has_a_body(corpus, arm, head):
    subject = subjects(corpus, "speed", task=HEADS[head])[arm]
    found = parts.timed(training(subject), subject.batches(1, 2), "cpu")
    step = found["forward"] + found["backward"] + found["update"]
    assert 0 < found["body"] + found["body_update"] < step


def test_laps_are_where_time_passes(subject, monkeypatch):
    """Seconds pass in the table's lookup and gradient, in a layer's gradient, and in the loss."""
    clock, function = Clock(), training(subject)
    monkeypatch.setattr(parts, "time", clock)
    table, layer = function.model.get_input_embeddings(), layer_parameters(function.model)[0]
    table.register_forward_hook(lambda *_: clock.pass_by(1.0))
    table.weight.register_hook(lambda _: clock.pass_by(2.0))
    layer.register_hook(lambda _: clock.pass_by(4.0))
    forward, update = function.steps.forward, function.steps.update

    def with_loss(batch):
        loss = forward(batch)
        clock.pass_by(8.0)
        return loss

    def with_all(**which):
        clock.pass_by(16.0 if table.weight.grad is None else 32.0)
        return update(**which)

    monkeypatch.setattr(function.steps, "forward", with_loss)
    monkeypatch.setattr(function.steps, "update", with_all)
    assert parts.timed(function, subject.batches(1, 2), "cpu") == pytest.approx(
        {"forward": 9, "backward": 6, "update": 48, "body": 4, "body_forward": 0, "body_update": 16}
    )


def test_a_pass_without_gradients_has_a_body_too(subject):
    model = subject.build().eval()
    found = parts.timed(
        parts.Inference(model, subject.forward(model)), subject.batches(2, 2), "cpu"
    )
    assert set(found) == {"forward", "body"}
    assert 0 < found["body"] < found["forward"]


def test_a_graph_compiled_whole_has_parts_but_no_body(subject):
    function = training(subject)
    function.model._compiled_call_impl = function.model._call_impl
    found = parts.timed(function, subject.batches(1, 2), "cpu")
    assert set(found) == {"forward", "backward", "update", "body_update"}


def test_gradients_are_whole_behind_a_step_in_parts(subject):
    """What is done last in a step is done with all of them there, as the next lets go of all."""
    function, batch = training(subject), subject.batches(1, 2)[0]
    plain = copy.deepcopy(function)
    plain(batch)
    function.apart(batch, parts.Laps("cpu"))
    there = [p.grad is not None for p in function.model.parameters()]
    assert there == [p.grad is not None for p in plain.model.parameters()]
