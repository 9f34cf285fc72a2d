"""What is decided before the first clock: costs of rows, and windows that cannot be had."""

import pytest
import torch

from bench import study, tasks
from bench.execute import prepare
from bench.measure import objective
from bench.measure.subject import Subject
from bench.outcome import Unsupported
from models.cost import count_flops

from ...conftest import TINY

ARMS = pytest.mark.parametrize("arm", ["lstm", "transformer"])


def planned(probe, **changes):
    cell = next(c for c in study.load(str(TINY)).cells if c.probe == probe)
    return cell.model_copy(update=changes)


def counted(cell, data, *, training):
    """FLOPs of one row of a cell as PyTorch counts them, and what was decided of them."""
    decided = prepare._match(cell, data)
    subject = Subject(cell, decided["config"], data)
    kernel = "eager" if cell.arm == "transformer" else "fused"
    model = subject.arm.build(subject.config, subject.head, 0, kernel).eval()
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


@pytest.mark.parametrize(
    ("task", "length", "protocol", "said"),
    [
        ("parity", 16, {"shortest": 17}, "at most the cell's length, 16. Got 17"),
        ("parity", 16, {"shortest": 1}, "'parity'"),
        ("parity", 16, {"test_lengths": [32, 1 << 20]}, "1048576"),
        ("digits", 64, {"test_lengths": [256]}, "images of one size"),
    ],
)
def test_windows_that_a_protocol_cannot_have_are_refused(task, length, protocol, said):
    cell = planned("learning", arm="lstm", task=task, length=length)
    data = tasks.open_data(task, "offline", "")
    model = prepare._match(cell, data)
    prepare._check(cell, model, data)
    wrong = cell.model_copy(update={"protocol": cell.protocol | protocol})
    with pytest.raises(Unsupported, match=said):
        prepare._check(wrong, model, data)


def test_a_cell_is_timed_in_its_own_setting():
    before = torch.get_num_threads()
    tiny = torch.tensor(1e-30)
    with prepare._set(planned("speed", denormals="flush", threads=1)):
        assert torch.get_num_threads() == 1
        assert float(tiny * 1e-10) == 0.0
    assert torch.get_num_threads() == before
    assert float(tiny * 1e-10) > 0.0


def test_a_pool_that_is_there_already_does_not_time_another_setting(monkeypatch):
    """Its threads have floats as they were: half a matrix product would be of the other setting."""
    both = [planned("speed", denormals=setting, threads=2) for setting in ("flush", "keep")]
    cells = {cell.key: cell for cell in both}
    small = torch.full((2048, 64), 1e-20)
    kept: dict[str, float] = {}

    class Pace:
        def __init__(self, cell, config, data):
            kept[cell.denormals] = float(((small @ small.T) != 0).double().mean())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(prepare, "_Pace", Pace)
    monkeypatch.setattr(prepare, "_spent", lambda cell, pace: (1.0, 1.0))
    try:
        assert ((small @ small.T) != 0).all(), "the pool keeps them"
        prepare._estimate(cells, {key: {"config": {}} for key in cells}, lambda cell: None)
    finally:
        torch.set_num_threads(before)
    assert kept == {"keep": 1.0, "flush": 0.0}
