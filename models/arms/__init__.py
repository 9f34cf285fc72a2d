"""The arms of a comparison: one file each, and this folder is their registry.

A file defines ``ARM``, an :class:`Arm`, beside two literals that are read without importing
anything: ``WEIGHTS`` (``random`` or ``pretrained``) and ``KERNELS`` (how the same mathematics can
be executed; the first is the default).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)

#: AutoClass a task may name -> the class that builds its models.
HEADS = {
    "AutoModel": AutoModel,
    "AutoModelForSequenceClassification": AutoModelForSequenceClassification,
    "AutoModelForTokenClassification": AutoModelForTokenClassification,
    "AutoModelForQuestionAnswering": AutoModelForQuestionAnswering,
    "AutoModelForCausalLM": AutoModelForCausalLM,
    "AutoModelForSeq2SeqLM": AutoModelForSeq2SeqLM,
    "AutoProcessor": AutoModel,  # two towers, fed by a processor
}


@dataclass(frozen=True)
class Shape:
    """What the arms of a comparison share.

    Args:
        head: the AutoClass that the task needs, a key of ``HEADS``.
        num_labels: classes of the task.
        vocab_size, pad_token_id: of the tokenizer that every arm reads through.
        embedding_size: width of the input embeddings.
        num_layers: layers of a model whose depth is ours to choose.
        num_heads: attention heads of such a transformer.
        max_positions: positions such a transformer learns.
        dropout: the same in every arm, checkpoints included.
        checkpoint: name of the pretrained weights; None for the bundled ones.
    """

    head: str
    num_labels: int
    vocab_size: int
    pad_token_id: int
    embedding_size: int
    num_layers: int
    num_heads: int
    max_positions: int
    dropout: float = 0.0
    checkpoint: str | None = None


class Arm(ABC):
    """A model family with its starting weights."""

    #: The dimension the matching solver may choose; None where nothing may change.
    free_dimension: ClassVar[str | None]

    @abstractmethod
    def config(self, shape: Shape, size: int | None = None) -> PreTrainedConfig:
        """Configuration at ``shape``; ``size`` is the free dimension, None its canonical value."""

    def build(self, config: PreTrainedConfig, head: str, seed: int, kernel: str) -> PreTrainedModel:
        """A model with random weights drawn from ``seed``, on the CPU in float32."""
        torch.manual_seed(seed)
        model: PreTrainedModel = HEADS[head].from_config(config)
        return model

    def max_length(self, config: PreTrainedConfig) -> int | None:
        """Longest input in tokens, None where there is no limit."""
        return None

    @abstractmethod
    def loss_position(self, length: int) -> int:
        """Position whose state the head reads, from which gradient distance is counted."""


def load(name: str) -> Arm:
    """The arm that the file of this name defines."""
    arm: Arm = import_module(f"{__name__}.{name}").ARM
    return arm


def config_from_dict(fields: dict[str, object]) -> PreTrainedConfig:
    """Rebuild what ``PreTrainedConfig.to_dict`` wrote."""
    rest = dict(fields)
    config: PreTrainedConfig = AutoConfig.for_model(str(rest.pop("model_type")), **rest)
    return config
