"""One configuration for every recurrent model."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

CELL_TYPES = ("rnn", "lstm", "gru")


@strict
class RecurrentConfig(PreTrainedConfig):
    """Shape of an Elman (``rnn``), LSTM (``lstm``) or GRU (``gru``) network.

    Args:
        cell_type: ``rnn`` (Elman, 1990), ``lstm`` (Hochreiter and Schmidhuber, 1997, with the
            forget gate of Gers et al., 2000) or ``gru`` (Cho et al., 2014).
        vocab_size: rows of the embedding table.
        embedding_size: width of an input embedding.
        hidden_size: width of the state of each layer.
        num_layers: recurrent layers, stacked.
        dropout: probability of dropping an output between layers and before the head.
        embedding_std: standard deviation of the embeddings at initialisation. 1.0 is PyTorch's
            own; every other weight follows PyTorch's default for its module.

    Raises:
        ValueError: an unknown ``cell_type``, or a size below 1.
    """

    model_type = "recurrent"

    cell_type: str = "lstm"
    vocab_size: int = 30522
    embedding_size: int = 128
    hidden_size: int = 256
    num_layers: int = 2
    dropout: float = 0.0
    embedding_std: float = 1.0
    pad_token_id: int | None = 0

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
        if self.cell_type not in CELL_TYPES:
            raise ValueError(f"cell_type must be one of {CELL_TYPES}. Got {self.cell_type!r}.")
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Got {getattr(self, name)}.")
