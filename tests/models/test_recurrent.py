"""Recurrent models against torch.nn, and as Hugging Face models."""

import math

import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoModelForSequenceClassification

from models import RecurrentConfig, RecurrentForSequenceClassification
from models.recurrent import CELL_TYPES

STACKS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def config(cell_type: str) -> RecurrentConfig:
    return RecurrentConfig(
        cell_type=cell_type, vocab_size=50, embedding_size=8, hidden_size=12, num_labels=3
    )


def model(cell_type: str) -> RecurrentForSequenceClassification:
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(config(cell_type)).eval()


IDS = torch.arange(3 * 7).reshape(3, 7) % 50
LABELS = torch.tensor([0, 1, 2])


@pytest.mark.parametrize("cell_type", CELL_TYPES)
class TestEveryCell:
    def test_equals_torch_nn_with_the_same_weights(self, cell_type):
        ours = model(cell_type)
        bare = STACKS[cell_type](8, 12, 2, batch_first=True)
        bare.load_state_dict(ours.recurrent.layers.state_dict())
        hidden, _ = bare(ours.get_input_embeddings()(IDS))
        logits = ours.classifier(hidden[:, -1])
        output = ours(input_ids=IDS, labels=LABELS)
        torch.testing.assert_close(output.logits, logits, rtol=0, atol=0)
        torch.testing.assert_close(output.loss, nn.functional.cross_entropy(logits, LABELS))

    def test_saved_and_loaded_is_bitwise_equal(self, cell_type, tmp_path):
        ours = model(cell_type)
        ours.save_pretrained(tmp_path)
        loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
        assert type(loaded) is RecurrentForSequenceClassification
        assert torch.equal(ours(IDS).logits, loaded(IDS).logits)
        body = AutoModel.from_pretrained(tmp_path).eval()
        assert torch.equal(body(IDS).last_hidden_state, ours.recurrent(IDS).last_hidden_state)

    def test_starts_like_torch_nn(self, cell_type):
        """Hugging Face leaves GRU weights as they lie in memory and zeroes an LSTM's biases."""
        bound = 1 / math.sqrt(12)
        for name, weight in model(cell_type).recurrent.layers.named_parameters():
            assert weight.abs().max() <= bound, name
            assert weight.std() > bound / 3, name

    def test_right_padding_changes_nothing(self, cell_type):
        ours = model(cell_type)
        alone = ours(input_ids=IDS[:1, :4]).logits
        padded = torch.cat([IDS[:1, :4], torch.zeros(1, 3, dtype=torch.long)], dim=1)
        mask = torch.tensor([[1, 1, 1, 1, 0, 0, 0]])
        torch.testing.assert_close(ours(padded, attention_mask=mask).logits, alone)

    def test_embeddings_can_be_the_input(self, cell_type):
        ours = model(cell_type)
        embeds = ours.get_input_embeddings()(IDS)
        assert torch.equal(ours(inputs_embeds=embeds).logits, ours(input_ids=IDS).logits)


def test_mistakes_say_what_was_expected_and_what_came():
    ours = model("lstm")
    with pytest.raises(
        ValueError, match=r"exactly one of input_ids and inputs_embeds. Got neither"
    ):
        ours()
    with pytest.raises(ValueError, match=r"shape \(batch, length\)=\(3, 7\). Got \(3, 6\)"):
        ours(IDS, attention_mask=torch.ones(3, 6))
    with pytest.raises(ValueError, match="padding_side='right'"):
        ours(IDS, attention_mask=torch.tensor([[0, 1, 1, 1, 1, 1, 1]] * 3))
    with pytest.raises(ValueError, match=r"cell_type must be one of .*'gru'.* Got 'grue'"):
        RecurrentConfig(cell_type="grue")
    with pytest.raises(ValueError, match=r"hidden_size must be at least 1\. Got 0"):
        RecurrentConfig(hidden_size=0)
