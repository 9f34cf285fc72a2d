"""Transformers with random weights, on Hugging Face's own architectures."""

from typing import ClassVar

from transformers import BertConfig, PreTrainedConfig, PreTrainedModel

from models.arms import Arm, Shape


class EncoderArm(Arm):
    """A BERT encoder (Devlin et al., 2019) whose feed-forward width the solver chooses.

    Its canonical width is four times the hidden size (Vaswani et al., 2017). The head reads the
    first position, where the tokenizer puts ``[CLS]``.
    """

    free_dimension: ClassVar[str | None] = "intermediate_size"

    def config(self, shape: Shape, size: int | None = None) -> PreTrainedConfig:
        return BertConfig(  # type: ignore[call-arg]  # the base class takes num_labels
            vocab_size=shape.vocab_size,
            pad_token_id=shape.pad_token_id,
            hidden_size=shape.embedding_size,
            num_hidden_layers=shape.num_layers,
            num_attention_heads=shape.num_heads,
            intermediate_size=4 * shape.embedding_size if size is None else size,
            max_position_embeddings=shape.max_positions,
            hidden_dropout_prob=shape.dropout,
            attention_probs_dropout_prob=shape.dropout,
            num_labels=shape.num_labels,
        )

    def build(self, config: PreTrainedConfig, head: str, seed: int, kernel: str) -> PreTrainedModel:
        model = super().build(config, head, seed, kernel)
        model.set_attn_implementation(kernel)
        return model

    def max_length(self, config: PreTrainedConfig) -> int | None:
        limit: int = config.max_position_embeddings
        return limit

    def loss_position(self, length: int) -> int:
        return 0
