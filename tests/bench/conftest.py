"""What tests of several rooms share."""

import shutil

import pytest
import torch
from transformers import BertConfig, BertModel

from models.checkpoints import MINILM


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A tiny BERT with the bundled tokenizer, in a folder."""
    folder = tmp_path_factory.mktemp("saved") / "own"
    torch.manual_seed(0)
    BertModel(
        BertConfig(vocab_size=30592, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=16, max_position_embeddings=32)
    ).save_pretrained(folder)  # fmt: skip
    shutil.copy(MINILM.path() / "tokenizer.json", folder)
    return folder
