"""A pretrained transformer: all-MiniLM-L6-v2 (Wang et al., 2020) unless another is named."""

from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from torch import nn
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    PreTrainedConfig,
    PreTrainedModel,
)

from models import kernels
from models.arms import HEADS, HeadError, Quantity, Shape
from models.autoclasses import IMAGE_TEXT
from models.checkpoints import CONFIG, MINILM, Checkpoint, CheckpointError, find, for_head
from models.checkpoints.architectures import served
from models.heads import holes, on_meta, set_dropout
from models.pretext import Pretext, fill
from models.transformer import TransformerArm

LABEL = "MiniLM (pretrained)"
COLOUR = "#CC79A7"
RANK = 5
FAMILY = "transformer"
WEIGHTS = "pretrained"
KERNELS = ("sdpa", "eager", "compiled", "flash", "efficient", "math")

#: What configurations call the tokens that can be read.
_POSITIONS = ("max_position_embeddings", "max_encoder_position_embeddings", "max_seq_len")
#: What configurations call a classifier that reads the first state, and the mean of all.
_FIRST, _MEAN = ("cls", "bos", "first"), ("mean", "late")


class CheckpointArm(TransformerArm):
    """A model whose shape and weights come from a verified checkpoint; what its head lacks is new.

    The configuration keeps the checkpoint's name as ``checkpoint``, so that a process which has
    the configuration only loads the same weights.
    """

    @property
    def heads(self) -> tuple[str, ...]:
        """Those of the bundled checkpoint; one that is named may have others."""
        return MINILM.heads

    def require(self, head: str) -> None:
        """Any head may be asked for; a checkpoint's configuration says whether it has it."""
        if head not in HEADS:
            raise HeadError(f"head must be one of {', '.join(HEADS)}. Got {head!r}.")

    def free_dimension(self, match: Quantity) -> str | None:
        return None

    def config(self, shape: Shape, size: int | None = None) -> PreTrainedConfig:
        """The checkpoint's own configuration, with the labels and dropout of ``shape``.

        Raises:
            CheckpointError: the checkpoint cannot be had, or cannot have this vocabulary.
            HeadError: its architecture has no such head.
        """
        checkpoint = find(shape.checkpoint or MINILM.name)
        config = _read_config(checkpoint)
        _refuse_head(checkpoint, config, shape.head)
        if shape.head == IMAGE_TEXT:
            _refuse_images(checkpoint, config, shape)
        text = config.get_text_config()
        if not isinstance(getattr(text, "vocab_size", None), int):
            raise CheckpointError(f"{checkpoint.name} ({config.model_type}) reads no token ids.")
        if shape.vocab_size > text.vocab_size:
            raise CheckpointError(
                f"{checkpoint.name}: expected token ids below {text.vocab_size:,}, as many as its "
                f"table has rows. Got a tokenizer of {shape.vocab_size:,}."
            )
        set_dropout(config, shape.dropout)
        config.num_labels = shape.outputs
        if text.pad_token_id is None or _reads_last(config):
            # It is read at the last token that is not this one: what rows are filled up with.
            text.pad_token_id = shape.pad_token_id
        config.checkpoint = checkpoint.name
        config.name_or_path = checkpoint.name  # not the folder: records show no home
        return config

    def build(self, config: PreTrainedConfig, head: str, seed: int, kernel: str) -> PreTrainedModel:
        """The checkpoint's weights, verified, under this head; what is new is drawn from ``seed``.

        Raises:
            CheckpointError: the weights cannot be had, or do not fill the model's body.
            HeadError: its architecture has no such head.
        """
        checkpoint = find(getattr(config, "checkpoint", None) or MINILM.name)
        _refuse_head(checkpoint, config, head)
        folder = checkpoint.verify()
        torch.manual_seed(seed)
        try:
            model, new = _loaded(HEADS[head], folder, config)
            if model.base_model is not model and holes(model, new):
                # Some heads call the body otherwise than it was saved.
                body, lacking = _loaded(HEADS["AutoModel"], folder, config)
                filled = fill(model.base_model, body.state_dict()) - lacking
                new -= {f"{model.base_model_prefix}.{name}" for name in filled}
        except SafetensorError as error:  # a commit may hold damaged weights, proven byte for byte
            raise CheckpointError(
                f"{checkpoint.name}: its weights cannot be read ({error})."
            ) from None
        _refuse_holes(checkpoint, model, new)
        return kernels.use(model, kernel)

    def pretext(self, config: PreTrainedConfig, head: str) -> Pretext:
        """None: it comes pretrained."""
        raise HeadError("a checkpoint comes pretrained, and would not be pretrained here.")

    def max_length(self, config: PreTrainedConfig) -> int | None:
        """Learned positions end, those of RoBERTa and its kin before their table does."""
        text: Any = config.get_text_config()
        named = (getattr(text, name, None) for name in _POSITIONS)
        limit: int | None = next((n for n in named if n is not None and n > 0), None)
        if limit is None:  # XLNet's, whose positions are distances, says -1
            return None
        for name, module in on_meta(config, "AutoModel").named_modules():
            if isinstance(module, nn.Embedding) and name.endswith("position_embeddings"):
                first = -1 if module.padding_idx is None else module.padding_idx
                limit = min(limit, module.num_embeddings - 1 - first)
        return limit

    def loss_position(
        self, length: int, head: str, config: PreTrainedConfig | None = None
    ) -> int | None:
        """What its configuration says of pooling; else the first, or the last of a decoder."""
        position = super().loss_position(length, head, config)
        if config is None or position is None:
            return position
        for name in ("classifier_pooling", "summary_type"):
            if (pooling := getattr(config, name, None)) in _FIRST:
                return 0
            if pooling in _MEAN:
                return None
            if pooling == "last":
                return length - 1
        return length - 1 if _reads_last(config) else 0


def _reads_last(config: PreTrainedConfig) -> bool:
    """Whether its classifier reads a row's last token: it was pretrained to say the next one."""
    return type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not (
        type(config) in MODEL_FOR_MASKED_LM_MAPPING or config.is_encoder_decoder
    )


def _read_config(checkpoint: Checkpoint) -> PreTrainedConfig:
    """The checkpoint's configuration, proven, as transformers reads it.

    Raises:
        CheckpointError: it cannot be had, or is none.
    """
    folder = checkpoint.verify(CONFIG)
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # noqa: BLE001  # every architecture has mistakes of its own
        why = " ".join(str(error).replace(str(folder), checkpoint.name).split())
        raise CheckpointError(
            f"{checkpoint.name}: expected in {CONFIG} a configuration that transformers knows. Got "
            f"{type(error).__name__}: {why[:200]}"
        ) from None
    return config


def _refuse_head(checkpoint: Checkpoint, config: PreTrainedConfig, head: str) -> None:
    """Refuse a head that the architecture has not, or has only in name.

    Raises:
        HeadError: naming the heads, or the checkpoints that have this one.
    """
    if head not in HEADS:
        raise HeadError(f"head must be one of {', '.join(HEADS)}. Got {head!r}.")
    heads = _heads(config)
    if head not in heads:
        has = f"It has: {', '.join(heads)}. " if heads else ""
        raise HeadError(
            f"{checkpoint.name} ({config.model_type}) has no head for {head}. {has}Checkpoints "
            f"that have this one: {', '.join(for_head(head))}."
        )


def _heads(config: PreTrainedConfig) -> tuple[str, ...]:
    return served(
        lambda table: type(config) in getattr(transformers, table),
        encoder_decoder=bool(config.is_encoder_decoder),
        decoder=bool(getattr(config, "is_decoder", False)),
    )


def _refuse_images(checkpoint: Checkpoint, config: PreTrainedConfig, shape: Shape) -> None:
    """Refuse images of another size or number of colours than it was pretrained on.

    Raises:
        HeadError: naming both.
    """
    vision = getattr(config, "vision_config", config)
    expected = (getattr(vision, "image_size", None), getattr(vision, "num_channels", None))
    if expected != (shape.image_size, shape.num_channels):
        side, channels = expected
        raise HeadError(
            f"{checkpoint.name} ({config.model_type}) expected images of {side} x {side} pixels in "
            f"{channels} channels. Got {shape.image_size} x {shape.image_size} in "
            f"{shape.num_channels}: ask for windows and data of that kind."
        )


def _loaded(auto: Any, folder: Path, config: PreTrainedConfig) -> tuple[PreTrainedModel, set[str]]:
    """A model with a folder's weights, and the names of the tensors that were drawn anew."""
    model, loaded = auto.from_pretrained(
        folder,
        config=config,
        attn_implementation="eager",
        dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # a head of another number of labels is drawn anew
        output_loading_info=True,
    )
    other = {key if isinstance(key, str) else key[0] for key in loaded["mismatched_keys"]}
    return model, other | set(loaded["missing_keys"])


def _refuse_holes(checkpoint: Checkpoint, model: PreTrainedModel, new: set[str]) -> None:
    """Refuse a model whose body is not the checkpoint's: it would be called pretrained and is not.

    Raises:
        CheckpointError: a tensor outside the head was drawn at random.
    """
    if found := holes(model, new):
        raise CheckpointError(
            f"{checkpoint.name}: expected weights for the whole {model.config.model_type}. Got "
            f"none of the right shape for {len(found)} tensors, first {found[0]}."
        )


ARM = CheckpointArm()
