"""Costs of rows: what a model reads of a row is counted, and once."""

import pytest

from bench import registry, tasks
from bench.execute import refusals
from bench.execute.sizing import sized
from bench.measure import objective
from bench.measure.subject import Subject
from bench.outcome import Unsupported
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


def needing(probe, task="package", length=16, arm="transformer", protocol=None):
    """A cell whose comparison says nothing of positions."""
    kernel = registry.arms()[arm].literals["KERNELS"][0]
    cell = planned(probe, arm=arm, kernel=kernel, task=task, length=length)
    model = cell.model.model_copy(update={"max_positions": None})
    return cell.model_copy(update={"model": model, "protocol": cell.protocol | (protocol or {})})


class TestPositions:
    """A table of positions is as long as what the cell's model is given, and no longer."""

    @pytest.mark.parametrize(
        ("cell", "most"),
        [
            (needing("speed", length=64), 64),
            (needing("decode", "language", 16, protocol={"new_tokens": 7}), 23),
            (needing("learning", length=16, protocol={"test_lengths": [24, 40]}), 40),
            (needing("learning", "search", 16), 32),  # whose query is longer than its window
            (needing("gradient", length=32), 32),
        ],
    )
    def test_they_are_those_that_the_cell_needs(self, corpus, cell, most):
        found = sized(cell, corpus)
        assert found["positions"] == most
        assert found["parameters"]["positions"] == most * cell.model.hidden_size
        refusals.check(cell, found["config"], corpus)

    def test_a_caption_has_its_own_beside_the_images(self):
        data, cell = tasks.open_data("digits", "offline", ""), needing("speed", "digits", 64)
        found = sized(cell, data)
        assert found["positions"] == tasks.load("digits").QUERY_LENGTH
        assert found["parameters"]["positions"] == (8 + 64 + 1) * cell.model.hidden_size
        assert found["parameters"]["class_token"] == cell.model.hidden_size

    def test_a_number_that_is_asked_for_is_kept(self, corpus):
        cell = planned("speed", arm="transformer", length=16)
        assert sized(cell, corpus)["positions"] == cell.model.max_positions == 32

    def test_what_is_matched_does_not_depend_on_them(self, corpus):
        found = [sized(needing("speed", length=n, arm="lstm"), corpus) for n in (16, 512)]
        assert found[0]["match"] == found[1]["match"]
        assert {one["parameters"]["positions"] for one in found} == {0}
        assert {one["positions"] for one in found} == {None}


@ARMS
def test_counts_are_of_the_model_that_is_built_and_the_size_is_kept(arm):
    """The adding problem's numbers are projected to input embeddings: (2 + 1) a feature of them."""
    cell = needing("speed", "adding", 16, arm)
    decided = sized(cell, None)
    model, counts = Subject(cell, decided["config"], None).build(), decided["parameters"]
    assert counts["projection"] == 3 * cell.model.hidden_size
    assert counts["total"] == sum(weight.numel() for weight in model.parameters())
    assert counts["total"] == counts["body"] + counts["embedding"]
    found = decided["match"]
    assert found["got"] == counts["body"]
    assert found["error"] == found["got"] / found["target"] - 1
    if arm == cell.model.match_to:
        assert (found["dimension"], found["size"]) == (None, None)
    else:
        assert decided["config"][found["dimension"]] == found["size"]


def test_whose_token_ids_is_told(corpus, own_corpus):
    own = planned("speed", arm="lstm", length=16)
    model = own.model.model_copy(update={"tokenizer": "checkpoint"})
    for cell, data, size in ((own, own_corpus, 4096), (own.model_copy(update={"model": model}),
                                                       corpus, 30522)):  # fmt: skip
        told, config = (sized(cell, data)[name] for name in ("tokenizer", "config"))
        assert told == {
            "name": data.tokenizer_name,
            "vocab_size": size,
            "sha256": data.tokenizer_digest,
        }
        assert config["vocab_size"] == size
    assert sized(needing("speed", "adding", 16, "lstm"), None)["tokenizer"] is None


def test_a_checkpoint_is_not_given_token_ids_of_another_tokenizer(own_corpus):
    cell = planned("learning", arm="lstm", length=16)
    model = cell.model.model_copy(update={"match_to": "pretrained"})
    with pytest.raises(Unsupported, match="'corpus' has ids that mean other tokens"):
        sized(cell.model_copy(update={"model": model}), own_corpus)
