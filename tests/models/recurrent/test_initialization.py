"""Where the weights start: PyTorch's bounds, orthogonal gates, and biases in the right gates."""

import math

import pytest
import torch
import transformers

from models import RecurrentState
from models.recurrent.configuration import GATES
from tests.models.recurrent.small import (
    ATTENTION,
    BODY,
    CELLS,
    EMBEDDING,
    HEADS,
    HIDDEN,
    SEQUENCE,
    config,
)

BOUND = 1 / math.sqrt(HIDDEN)
GATED = [cell_type for cell_type in CELLS if GATES[cell_type] > 1]


def gate(stack, index, layer=0, suffix=""):
    """The sum of both biases of a gate, which is all that the cell sees."""
    rows = slice(index * HIDDEN, (index + 1) * HIDDEN)
    return sum(getattr(stack, f"bias_{kind}_l{layer}{suffix}")[rows] for kind in ("ih", "hh"))


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "two ways"])
@pytest.mark.parametrize("cell_type", CELLS)
def test_starts_like_torch_nn(cell_type, bidirectional):
    """Hugging Face leaves GRU weights as they lie in memory and zeroes an LSTM's biases."""
    model = SEQUENCE.build(cell_type, bidirectional=bidirectional)
    for name, weight in model.recurrent.layers.named_parameters():
        assert weight.abs().max() <= BOUND, name
        assert weight.std() > BOUND / 3, name  # of a uniform distribution it is bound / sqrt(3)
    classifier = model.classifier
    bound = 1 / math.sqrt(classifier.in_features)
    assert bound / 3 < classifier.weight.std() < classifier.weight.abs().max() <= bound
    assert classifier.bias.abs().max() <= bound
    table = model.get_input_embeddings().weight
    assert 0.8 < table.std() < 1.2
    assert table[0].any(), "a row for padding, which no loss reaches"


def test_embeddings_as_wide_as_asked_for():
    table = BODY.build(embedding_std=0.02).get_input_embeddings().weight
    assert 0.016 < table.std() < 0.024


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_the_seed_decides_every_weight(head):
    first, same, other = (head.build(seed=seed) for seed in (0, 0, 1))
    for name, weight in first.named_parameters():
        assert torch.equal(weight, same.get_parameter(name)), name
        assert not torch.equal(weight, other.get_parameter(name)), name


@pytest.mark.parametrize("cell_type", CELLS)
def test_orthogonal_gates(cell_type):
    stack = BODY.build(cell_type, initialization="orthogonal", bidirectional=True).layers
    identity = torch.eye(HIDDEN)
    for name in ("weight_hh_l0", "weight_hh_l1", "weight_hh_l0_reverse", "weight_hh_l1_reverse"):
        gates = getattr(stack, name).split(HIDDEN)
        assert len(gates) == GATES[cell_type]
        for matrix in gates:
            torch.testing.assert_close(matrix @ matrix.t(), identity, rtol=0, atol=1e-5)
    assert stack.weight_ih_l0.abs().max() <= BOUND


@pytest.mark.parametrize("initialization", ["default", "orthogonal"])
def test_forget_bias_is_in_the_forget_gate(initialization):
    model = BODY.build(forget_bias=1.0, initialization=initialization, bidirectional=True)
    for layer in (0, 1):
        for suffix in ("", "_reverse"):
            assert torch.equal(gate(model.layers, 1, layer, suffix), torch.ones(HIDDEN))
            for other in (0, 2, 3):
                assert 0 < gate(model.layers, other, layer, suffix).abs().max() <= 2 * BOUND


def test_forget_bias_in_a_decoder_too():
    model = ATTENTION.build(forget_bias=1.0)
    for stack in (model.get_encoder().layers, model.decoder):
        assert torch.equal(gate(stack, 1), torch.ones(HIDDEN))


@pytest.mark.parametrize("cell_type", GATED)
def test_chrono_draws_memories_of_all_lengths(cell_type):
    """Biases of log u with u uniform in [1, length - 1]; an LSTM's input gate gets the opposite."""
    length = 1000
    model = BODY.build(cell_type, initialization="chrono", chrono_length=length, num_layers=8)
    memories = []
    for layer in range(8):
        keep = gate(model.layers, 1, layer)
        assert keep.min() >= 0
        assert keep.max() <= math.log(length - 1)
        memories.append(keep.exp())
        if cell_type == "lstm":
            assert torch.equal(gate(model.layers, 0, layer), -keep)
        assert 0 < gate(model.layers, GATES[cell_type] - 1, layer).abs().max() <= 2 * BOUND
    memories = torch.cat(memories)
    assert 400 < memories.mean() < 600  # of 96 uniform draws: 500 +- 29
    assert memories.unique().numel() > 90


@pytest.mark.parametrize("cell_type", GATED)
def test_chrono_keeps_the_state(cell_type):
    """Without input, a state decays more slowly than by PyTorch's initialisation."""
    kept = []
    for options in ({}, {"initialization": "chrono", "chrono_length": 200}):
        model = BODY.build(cell_type, num_layers=1, **options)
        embeds = torch.zeros(1, 20, EMBEDDING)
        start = [torch.full((1, 1, HIDDEN), 0.5)] * (1 + (cell_type == "lstm"))
        past = RecurrentState(start, 1)
        end = model(inputs_embeds=embeds, past_key_values=past, use_cache=True).past_key_values
        kept.append((end.tensors[-1] / 0.5).abs().mean())
    assert kept[1] > 2 * kept[0]


@pytest.mark.parametrize(
    "options",
    [
        {"initialization": "orthogonal"},
        {"forget_bias": 1.0},
        {"initialization": "chrono", "chrono_length": 100},
        {"embedding_std": 0.02},
    ],
    ids=lambda options: "-".join(options),
)
def test_loaded_weights_are_not_initialised_again(options, tmp_path):
    model = SEQUENCE.build(**options)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.25)
    model.save_pretrained(tmp_path)
    torch.manual_seed(1)
    loaded = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path)
    for name, weight in model.named_parameters():
        assert torch.equal(loaded.get_parameter(name), weight), name


@pytest.mark.parametrize("cell_type", CELLS)
def test_a_half_precision_model_is_initialised(cell_type):
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(
        config(cell_type, initialization="orthogonal"), dtype=torch.bfloat16
    )
    for weight in model.parameters():
        assert weight.dtype == torch.bfloat16
        assert weight.isfinite().all()
        assert 0.05 < weight.std() < 1.2
