"""One configuration for every recurrent model."""

import math
from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

#: Gates of each cell: the rows of its weights, in units of the hidden size.
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
CELL_TYPES = tuple(GATES)
#: How the same mathematics is executed; see ``models.recurrent.execution``.
KERNELS = ("fused", "loop", "compiled")
INITIALIZATIONS = ("default", "orthogonal", "chrono")


@strict
class RecurrentConfig(PreTrainedConfig):
    """Shape of an Elman (``rnn``), LSTM (``lstm``) or GRU (``gru``) network.

    Args:
        cell_type: ``rnn`` (Elman, 1990), ``lstm`` (Hochreiter and Schmidhuber, 1997, with the
            forget gate of Gers et al., 2000) or ``gru`` (Cho et al., 2014).
        vocab_size: rows of the embedding table.
        embedding_size: width of an input embedding.
        hidden_size: width of the state of each layer, in each direction.
        num_layers: recurrent layers, stacked; of the encoder and of the decoder each, where there
            are both.
        bidirectional: read in both directions (Schuster and Paliwal, 1997); the encoder only,
            where there is a decoder.
        dropout: probability of dropping an output between layers and before the head.
        attention: whether the decoder of an encoder-decoder attends to the source (Bahdanau et
            al., 2015) or starts from its summary alone (Sutskever et al., 2014).
        initialization: of the recurrent weights: ``default`` is PyTorch's, ``orthogonal`` makes
            every gate's recurrent matrix orthogonal (Saxe et al., 2014), ``chrono`` draws the
            gates' biases for memories of up to ``chrono_length`` steps (Tallec and Ollivier, 2018).
        forget_bias: of an LSTM's forget gate, e.g. 1.0 (Jozefowicz et al., 2015); None leaves it
            to the initialisation.
        chrono_length: longest memory, in steps, that ``chrono`` provides for.
        embedding_std: standard deviation of the embeddings at initialisation. 1.0 is PyTorch's
            own.
        kernel: ``fused`` (the fastest there is), ``loop`` (the cell written out, which also
            yields the gradient at every state) or ``compiled``.

    Raises:
        ValueError: a name that is not one of its choices, a size below 1, or options that do not
            go together.
    """

    model_type = "recurrent"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]
    attribute_map: ClassVar[dict[str, str]] = {"num_hidden_layers": "num_layers"}

    cell_type: str = "lstm"
    vocab_size: int = 30522
    embedding_size: int = 128
    hidden_size: int = 256
    num_layers: int = 2
    bidirectional: bool = False
    dropout: float = 0.0
    attention: bool = False
    initialization: str = "default"
    forget_bias: float | None = None
    chrono_length: int | None = None
    embedding_std: float = 1.0
    kernel: str = "fused"
    tie_word_embeddings: bool = False
    use_cache: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    decoder_start_token_id: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
        for name, choices in (
            ("cell_type", CELL_TYPES),
            ("kernel", KERNELS),
            ("initialization", INITIALIZATIONS),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}. Got {getattr(self, name)!r}.")
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Got {getattr(self, name)}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1. Got {self.dropout}.")
        if not 0 < self.embedding_std < math.inf:
            raise ValueError(f"embedding_std must be positive. Got {self.embedding_std}.")
        if self.forget_bias is not None and self.cell_type != "lstm":
            raise ValueError(f"forget_bias needs cell_type='lstm'. Got {self.cell_type!r}.")
        if self.initialization == "chrono":
            self._check_chrono()

    def _check_chrono(self) -> None:
        if self.cell_type == "rnn":
            raise ValueError("initialization='chrono' needs a cell with gates. Got 'rnn'.")
        if self.chrono_length is None or self.chrono_length < 3:
            raise ValueError(
                "initialization='chrono' needs chrono_length, the longest memory in steps, of at "
                f"least 3. Got {self.chrono_length}."
            )
        if self.forget_bias is not None:
            raise ValueError("initialization='chrono' sets the forget gate; leave forget_bias out.")

    @property
    def output_size(self) -> int:
        """Features of a position's output: both directions side by side."""
        return self.hidden_size * (2 if self.bidirectional else 1)
