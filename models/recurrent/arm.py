"""How a recurrent cell takes part in a comparison, and what it costs.

In each layer and direction a token is multiplied with the input weights (G*H*I) and the state with
the recurrent ones (G*H*H); G is the number of gates, 1 in an Elman network, 3 in a GRU, 4 in an
LSTM. Every step is counted, the first one from a zero state too. The state is H numbers a layer and
direction, twice that in an LSTM, however long the row.
"""

import copy
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel

import models.recurrent
from models import checkpoints
from models.arms import HEADS, Arm, Quantity, Shape
from models.cost import Cost, Term, count_parameters
from models.heads import IMAGE_TEXT, SEQ2SEQ, TIED, input_embeddings, on_meta
from models.recurrent.configuration import RecurrentConfig

#: How a recurrence is executed. One that is added here is added to the literals of ``models/arms``
#: too; ``loop``, once there is one, is the reference.
KERNELS = ("fused",)

_GATES = {"rnn": 1, "gru": 3, "lstm": 4}
_Terms = tuple[Term, ...]


class RecurrentArm(Arm):
    """A stack whose hidden size the solver chooses; a classifier reads its last state."""

    reference_kernel = KERNELS[-1]

    def __init__(self, cell_type: str) -> None:
        self.cell_type = cell_type

    @property
    def heads(self) -> tuple[str, ...]:
        """Those that are registered; two towers have a configuration of their own."""
        return tuple(
            head
            for head, auto in HEADS.items()
            if (_clip_config() is not None if head == IMAGE_TEXT else _registered(auto))
        )

    def config(self, shape: Shape, size: int | None = None) -> PreTrainedConfig:
        self.require(shape.head)
        fields = self._fields(shape, size) | dict(shape.recurrent)
        if shape.head == "AutoModelForCausalLM" and fields.get("bidirectional"):
            raise ValueError(
                "a causal language model must read from left to right. Got bidirectional=True."
            )
        if shape.head == IMAGE_TEXT:
            return _two_towers(shape, fields)
        return RecurrentConfig(**fields)

    def _fields(self, shape: Shape, size: int | None) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "cell_type": self.cell_type,
            "vocab_size": shape.vocab_size,
            "pad_token_id": shape.pad_token_id,
            "bos_token_id": shape.bos_token_id,
            "eos_token_id": shape.eos_token_id,
            "embedding_size": shape.embedding_size,
            "hidden_size": shape.embedding_size if size is None else size,
            "num_layers": shape.num_layers,
            "dropout": shape.dropout,
            "num_labels": shape.outputs,
        }
        if shape.head in TIED:
            # With PyTorch's standard deviation of 1 the logits would start sqrt(width) large.
            std = shape.embedding_size**-0.5
            fields |= {"tie_word_embeddings": True, "embedding_std": std}
        if shape.head == SEQ2SEQ:
            fields |= {"is_encoder_decoder": True, "decoder_start_token_id": shape.pad_token_id}
        if shape.embeddings == "checkpoint":
            fields["embeddings_from"] = shape.checkpoint or checkpoints.MINILM.name
        return fields

    def build(self, config: PreTrainedConfig, head: str, seed: int, kernel: str) -> PreTrainedModel:
        if kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(KERNELS)}. Got {kernel!r}.")
        chosen = copy.deepcopy(config)
        for part in (chosen, *(getattr(chosen, name) for name in chosen.sub_configs)):
            part.kernel = kernel
        model = super().build(chosen, head, seed, kernel)
        source = getattr(_text(config), "embeddings_from", None)
        if source is not None:
            _load_embeddings(model, source)
        return model

    def free_dimension(self, match: Quantity) -> str | None:
        return "hidden_size"

    def loss_position(
        self, length: int, head: str, config: PreTrainedConfig | None = None
    ) -> int | None:
        """The last position of a sequence classifier; one in two directions reads both ends."""
        if head != "AutoModelForSequenceClassification":
            return None
        return None if getattr(config, "bidirectional", False) else length - 1

    def cost(self, config: PreTrainedConfig, head: str) -> Cost:
        self.require(head)
        parameters = count_parameters(on_meta(config, head))
        text: Any = _text(config)
        state = _state(text)
        width = _directions(text) * text.hidden_size
        products = _stack(text) + _readout(text, head, width)
        return Cost(parameters, products, (Term(state, source=0),))


def _registered(auto: Any) -> bool:
    return RecurrentConfig in auto._model_mapping


def _clip_config() -> Any:
    return getattr(models.recurrent, "RecurrentClipConfig", None)


def _text(config: PreTrainedConfig) -> PreTrainedConfig:
    text: PreTrainedConfig = getattr(config, "text_config", config)
    return text


def _directions(config: Any) -> int:
    return 2 if getattr(config, "bidirectional", False) else 1


def _state(config: Any) -> int:
    """Numbers that are carried from one token to the next."""
    tensors = 2 if config.cell_type == "lstm" else 1
    numbers: int = tensors * config.num_layers * _directions(config) * config.hidden_size
    return numbers


def _stack(config: Any) -> _Terms:
    """Every layer reads the one below it, the first the embeddings."""
    gates, directions = _GATES[config.cell_type], _directions(config)
    hidden, amount, inputs = config.hidden_size, 0, config.embedding_size
    for _ in range(config.num_layers):
        amount += directions * gates * hidden * (inputs + hidden)
        inputs = directions * hidden
    return (Term(amount),)


def _readout(config: Any, head: str, width: int) -> _Terms:
    """The matrix between the states and what a head puts out."""
    if head == "AutoModelForSequenceClassification":
        return (Term(width * config.num_labels, source=0),)
    if head == "AutoModelForTokenClassification":
        return (Term(width * config.num_labels),)
    if head == "AutoModelForQuestionAnswering":
        return (Term(width * 2),)
    if head == "AutoModelForCausalLM":
        return _language_model(config, width, Term(1))
    return ()


def _language_model(config: Any, width: int, at: Term) -> _Terms:
    """The tied output layer, after a projection to its width where the states have another."""
    table = config.embedding_size * config.vocab_size
    projection = width * config.embedding_size if width != config.embedding_size else 0
    return (replace(at, amount=table + projection),)


def _two_towers(shape: Shape, text: dict[str, Any]) -> PreTrainedConfig:
    vision = {
        name: text[name] for name in ("cell_type", "hidden_size", "num_layers", "dropout")
    } | {
        "embedding_size": shape.embedding_size,
        "image_size": shape.image_size,
        "patch_size": shape.patch_size,
        "num_channels": shape.num_channels,
    }
    config: PreTrainedConfig = _clip_config()(
        text_config=text, vision_config=vision, projection_dim=shape.projection_size
    )
    return config


@torch.no_grad()
def _load_embeddings(model: PreTrainedModel, checkpoint: str) -> None:
    """Start from a checkpoint's word embeddings.

    Raises:
        ValueError: a table of another shape.
    """
    find, read = (getattr(checkpoints, name, None) for name in ("find", "word_embeddings"))
    if find is None or read is None:
        raise NotImplementedError("models.checkpoints has no word_embeddings to read them with")
    table, given = input_embeddings(model).weight, read(find(checkpoint))
    if table.shape != given.shape:
        raise ValueError(
            f"word embeddings must have shape (vocab_size, embedding_size)={tuple(table.shape)}. "
            f"Got {tuple(given.shape)} from {checkpoint}."
        )
    table.copy_(given)
