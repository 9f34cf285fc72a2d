"""One thread a test, and a small checkpoint in a folder."""

import shutil

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification


@pytest.fixture(autouse=True)
def threads(one_thread):
    """Models here are so small that a second one costs more than it brings."""


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A tiny BERT classifier in a folder; its weights in one file."""
    folder = tmp_path_factory.mktemp("saved") / "bert"
    torch.manual_seed(0)
    BertForSequenceClassification(
        BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=16, max_position_embeddings=32)
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(saved, tmp_path / "bert")
