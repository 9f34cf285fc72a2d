"""Finding hidden tokens again: the head behind ``AutoModelForMaskedLM``."""

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForMaskedLM

from models import RecurrentConfig, RecurrentForMaskedLM

IDS = torch.arange(12).reshape(2, 6)


def small(**changes):
    torch.manual_seed(0)
    fields = {"vocab_size": 20, "embedding_size": 6, "hidden_size": 5, "num_layers": 1}
    config = RecurrentConfig(**fields | {"tie_word_embeddings": True} | changes)
    return AutoModelForMaskedLM.from_config(config)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_loss_is_of_the_hidden_tokens_where_they_stood(bidirectional):
    model = small(bidirectional=bidirectional)
    labels = torch.full_like(IDS, -100)
    labels[0, 2], labels[1, 5] = 7, 3
    outputs = model(input_ids=IDS, labels=labels)
    assert isinstance(model, RecurrentForMaskedLM)
    assert outputs.logits.shape == (2, 6, 20)
    wanted = functional.cross_entropy(outputs.logits[[0, 1], [2, 5]], torch.tensor([7, 3]))
    torch.testing.assert_close(outputs.loss, wanted)


def test_one_that_reads_both_ways_sees_what_follows_a_hidden_token():
    other = IDS.clone()
    other[:, -1] = 19
    for bidirectional in (False, True):
        model = small(bidirectional=bidirectional).eval()
        apart = (model(input_ids=IDS).logits - model(input_ids=other).logits)[:, 2].abs().max()
        assert bool(apart > 0) is bidirectional


def test_its_output_layer_is_the_table_and_comes_back_from_a_folder(tmp_path):
    model = small(bidirectional=True).eval()
    assert model.lm_head.weight is model.recurrent.embeddings.weight
    model.save_pretrained(tmp_path)
    again = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    assert torch.equal(again(input_ids=IDS).logits, model(input_ids=IDS).logits)


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"labels must have shape \(batch, length\)=\(2, 6\)"):
        small()(input_ids=IDS, labels=IDS[:, :3])
