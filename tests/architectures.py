"""Tiny checkpoints of architectures that transformers has, with tokenizers of three kinds."""

import functools
from pathlib import Path

import torch
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import (
    AlbertConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BertConfig,
    ElectraConfig,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    RobertaConfig,
    T5Config,
)

from bench.data.corpus import library

_SIZE, _SPARE = 1000, 8  # entries of a vocabulary, and rows of a table that no entry has
_ENCODER = {
    "hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 192,
}  # fmt: skip
#: What each kind of tokenizer calls its marks.
_MARKS = {
    "words": {
        "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]",
    },
    "bytes": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
    "pieces": {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"},
}  # fmt: skip

#: Architecture -> kind of tokenizer, configuration, and what it was pretrained as.
ARCHITECTURES = {
    "bert": ("words", BertConfig, AutoModel, _ENCODER | {"max_position_embeddings": 128}),
    "electra": (
        "words", ElectraConfig, AutoModel,
        _ENCODER | {"embedding_size": 48, "max_position_embeddings": 128},
    ),
    "mpnet": ("words", MPNetConfig, AutoModel, _ENCODER | {"max_position_embeddings": 130}),
    "roberta": ("bytes", RobertaConfig, AutoModel, _ENCODER | {"max_position_embeddings": 130}),
    "modernbert": (
        "bytes", ModernBertConfig, AutoModel,
        _ENCODER | {"max_position_embeddings": 128, "local_attention": 8,
                    "global_attn_every_n_layers": 2},
    ),
    "albert": (
        "pieces", AlbertConfig, AutoModel,
        _ENCODER | {"embedding_size": 48, "max_position_embeddings": 128},
    ),
    "gpt2": (
        "bytes", GPT2Config, AutoModelForCausalLM,
        {"n_embd": 96, "n_layer": 2, "n_head": 2, "n_positions": 128},
    ),
    "qwen2": (
        "bytes", Qwen2Config, AutoModelForCausalLM,
        _ENCODER | {"num_key_value_heads": 1, "max_position_embeddings": 128},
    ),
    "llama": (
        "bytes", LlamaConfig, AutoModelForCausalLM,
        _ENCODER | {"num_key_value_heads": 1, "max_position_embeddings": 128},
    ),
    "t5": (
        "pieces", T5Config, AutoModelForSeq2SeqLM,
        {"d_model": 96, "d_kv": 48, "d_ff": 192, "num_layers": 2, "num_heads": 2},
    ),
    "bart": (
        "bytes", BartConfig, AutoModelForSeq2SeqLM,
        {"d_model": 96, "max_position_embeddings": 128}
        | {f"{side}_{name}": value for side in ("encoder", "decoder")
           for name, value in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 192))},
    ),
}  # fmt: skip
#: Whose table of positions begins after its padding's.
OFFSET = ("mpnet", "roberta")


def save(name: str, folder: Path, **fields: object) -> Path:
    """A checkpoint of this architecture and these fields, random weights, in a new folder."""
    kind, configuration, auto, sizes = ARCHITECTURES[name]
    tokenizer = _tokenizer(kind)
    config = configuration(vocab_size=len(tokenizer) + _SPARE, **sizes, **fields)
    for mark in ("pad", "bos", "eos", "cls", "sep"):
        setattr(config, f"{mark}_token_id", getattr(tokenizer, f"{mark}_token_id"))
    if name in OFFSET:
        config.pad_token_id = 1
    if config.is_encoder_decoder:
        config.decoder_start_token_id = tokenizer.eos_token_id
    torch.manual_seed(0)
    auto.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@functools.cache
def _tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """Trained on some of the library: words in their case, bytes, or pieces of a unigram model."""
    marks = list(dict.fromkeys(_MARKS[kind].values()))
    options = {"vocab_size": _SIZE, "special_tokens": marks, "show_progress": False}
    if kind == "words":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # a mark
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder, trainer = decoders.WordPiece(), trainers.WordPieceTrainer(**options)
    elif kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(initial_alphabet=alphabet, **options)
        tokenizer.decoder = decoders.ByteLevel()
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token="<unk>", **options)
    texts = [source.text for source in library.read()[0] if source.split == "train"]
    tokenizer.train_from_iterator(texts[:100], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **_MARKS[kind])
