"""One configuration for every recurrent model."""

import math
from typing import Any, ClassVar, cast

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

#: Gates of each cell: the rows of its weights, in units of the hidden size.
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
CELL_TYPES = tuple(GATES)
#: How the same mathematics is executed; see ``models.recurrent.execution``.
KERNELS = ("fused", "loop", "compiled", "native")
INITIALIZATIONS = ("default", "orthogonal", "chrono")


def expect_choice(name: str, given: str, choices: tuple[str, ...]) -> None:
    """Raise ``ValueError`` unless a name is one of its choices."""
    if given not in choices:
        raise ValueError(f"{name} must be one of {choices}. Got {given!r}.")


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
        kernel: ``fused`` (the fastest that needs no compiler), ``loop`` (the cell written out,
            which also yields the gradient at every state), ``compiled`` or ``native`` (C++).

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
            expect_choice(name, getattr(self, name), choices)
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Got {getattr(self, name)}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1. Got {self.dropout}.")
        if not 0 < self.embedding_std < math.inf:
            raise ValueError(f"embedding_std must be positive. Got {self.embedding_std}.")
        if self.forget_bias is not None and self.cell_type != "lstm":
            raise ValueError(
                "forget_bias is of an LSTM's forget gate and needs cell_type='lstm'. Got "
                f"{self.cell_type!r}: leave it out."
            )
        if self.forget_bias is not None and not math.isfinite(self.forget_bias):
            raise ValueError(f"forget_bias must be finite. Got {self.forget_bias}.")
        if self.initialization == "chrono":
            self._check_chrono()
        elif self.chrono_length is not None:
            raise ValueError(
                "chrono_length is what initialization='chrono' provides for. Got "
                f"{self.initialization!r}: leave chrono_length out, or ask for 'chrono'."
            )

    def _check_chrono(self) -> None:
        if self.cell_type == "rnn":
            raise ValueError(
                "initialization='chrono' draws the biases of gates, and needs a cell that has "
                "them. Got 'rnn': choose 'default' or 'orthogonal'."
            )
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


@strict
class RecurrentVisionConfig(RecurrentConfig):
    """A recurrent reader of images, patch by patch in reading order.

    Args:
        image_size: side of a square image, in pixels.
        patch_size: side of a patch; every patch is one step.
        num_channels: colours.
    """

    model_type = "recurrent_vision_model"

    image_size: int = 224
    patch_size: int = 32
    num_channels: int = 3

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.num_channels < 1 or not 1 <= self.patch_size <= self.image_size:
            raise ValueError(
                "Expected num_channels >= 1 and 1 <= patch_size <= image_size. Got "
                f"{self.num_channels}, {self.patch_size}, {self.image_size}."
            )


@strict
class RecurrentClipConfig(PreTrainedConfig):
    """Two recurrent towers, one for text and one for images, whose outputs are compared.

    Args:
        text_config: of the text tower, a configuration or its fields.
        vision_config: of the image tower, likewise.
        projection_dim: width of the space that both are projected to.
        logit_scale_init_value: logarithm of the first inverse temperature (CLIP's: log(1 / 0.07)).
    """

    model_type = "recurrent_clip"
    sub_configs: ClassVar[dict[str, type]] = {
        "text_config": RecurrentConfig,
        "vision_config": RecurrentVisionConfig,
    }

    text_config: dict[str, Any] | PreTrainedConfig | None = None
    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    projection_dim: int = 512
    logit_scale_init_value: float = 2.6592

    def __post_init__(self, **kwargs: Any) -> None:
        for name, kind in self.sub_configs.items():
            given = getattr(self, name) or {}
            if isinstance(given, dict):
                given = kind(**{k: v for k, v in given.items() if k != "model_type"})
            if not isinstance(given, kind):
                raise ValueError(f"{name} must be a {kind.__name__}. Got {type(given).__name__}.")
            setattr(self, name, given)
        if self.projection_dim < 1:
            raise ValueError(f"projection_dim must be at least 1. Got {self.projection_dim}.")
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]

    @property
    def towers(self) -> tuple[RecurrentConfig, RecurrentVisionConfig]:
        """Both configurations; ``__post_init__`` has made them of what was given."""
        return cast(
            "tuple[RecurrentConfig, RecurrentVisionConfig]", (self.text_config, self.vision_config)
        )
