"""The word embeddings of a checkpoint, without its model."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoints import MINILM, WEIGHTS, CheckpointError, find, word_embeddings


def test_word_embeddings_alone(saved, folder):
    table = load_file(saved / WEIGHTS)["bert.embeddings.word_embeddings.weight"]
    assert torch.equal(word_embeddings(find(str(saved))), table)
    assert word_embeddings(MINILM).shape == (30522, 384)
    whole = load_file(folder / WEIGHTS)
    save_file({k: v for k, v in whole.items() if "word" not in k}, folder / WEIGHTS)
    with pytest.raises(CheckpointError, match="expected word embeddings"):
        word_embeddings(find(str(folder)))
