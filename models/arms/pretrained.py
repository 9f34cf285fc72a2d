"""A pretrained transformer: all-MiniLM-L6-v2 (Wang et al., 2020) unless another is named."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    PreTrainedConfig,
    PreTrainedModel,
)

from models import kernels
from models.arms import HEADS, HeadError, Quantity, Shape
from models.checkpoints import CONFIG, MINILM, Checkpoint, CheckpointError, find, for_head
from models.heads import holes, on_meta, set_dropout
from models.pretext import Pretext, fill
from models.transformer import TransformerArm

LABEL = "MiniLM (pretrained)"
COLOUR = "#CC79A7"
RANK = 5
FAMILY = "transformer"
WEIGHTS = "pretrained"
KERNELS = ("sdpa", "eager", "compiled", "flash", "efficient", "math")

#: Head -> the architectures that have it. An image-text model is what can match the two unseen.
ARCHITECTURES: dict[str, Any] = {
    "AutoModel": MODEL_MAPPING,
    "AutoModelForSequenceClassification": MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    "AutoModelForTokenClassification": MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    "AutoModelForQuestionAnswering": MODEL_FOR_QUESTION_ANSWERING_MAPPING,
    "AutoModelForCausalLM": MODEL_FOR_CAUSAL_LM_MAPPING,
    "AutoModelForSeq2SeqLM": MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    "AutoProcessor": MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION_MAPPING,
}


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
        if text.pad_token_id is None:  # GPT-2 was never padded
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
        limit: int | None = getattr(text, "max_position_embeddings", None)
        if limit is None:
            return None
        for name, module in on_meta(config, "AutoModel").named_modules():
            if isinstance(module, nn.Embedding) and name.endswith("position_embeddings"):
                first = -1 if module.padding_idx is None else module.padding_idx
                limit = min(limit, module.num_embeddings - 1 - first)
        return limit

    def loss_position(
        self, length: int, head: str, config: PreTrainedConfig | None = None
    ) -> int | None:
        """First position of what reads both ways, last of what reads forwards only."""
        position = super().loss_position(length, head, config)
        if config is None or position is None or type(config) in MODEL_FOR_MASKED_LM_MAPPING:
            return position
        return None if config.is_encoder_decoder else length - 1


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

    BERT is listed among the causal language models, but reads both ways: what was pretrained to
    fill masks is no language model unless it was made a decoder.

    Raises:
        HeadError: naming the heads, or the checkpoints that have this one.
    """
    if head not in ARCHITECTURES:
        raise HeadError(f"head must be one of {', '.join(ARCHITECTURES)}. Got {head!r}.")
    has = type(config) in ARCHITECTURES[head]
    # Its body wants a target, and its classifiers as many ends in every row.
    bare = ("AutoModel", "AutoModelForSequenceClassification")
    if head in bare and config.is_encoder_decoder:
        has = False
    masked = type(config) in MODEL_FOR_MASKED_LM_MAPPING
    if head == "AutoModelForCausalLM" and masked and not getattr(config, "is_decoder", False):
        has = False
    if not has:
        raise HeadError(
            f"{checkpoint.name} ({config.model_type}) has no head for {head}. Checkpoints that "
            f"have: {', '.join(for_head(head))}."
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
