"""How a recurrent cell takes part in a comparison."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from models import checkpoints
from models.arms import HEADS, Arm, Quantity, Shape
from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.cost import Cost, count_parameters
from models.heads import TIED, input_embeddings, on_meta
from models.pretext import CONTINUATION, MASKED, NEXT, Pretext, bare
from models.recurrent import cost
from models.recurrent.configuration import KERNELS, RecurrentClipConfig, RecurrentConfig
from models.recurrent.padding import reverse
from models.recurrent.trace import Trace, trace_states
from models.tracing import StateGradients, require_gradients


class RecurrentArm(Arm):
    """A stack whose hidden size the solver chooses; a classifier reads its last state.

    Args:
        cell_type: of the ``RecurrentConfig``.
        options: what its file says as ``OPTIONS``.
    """

    reference_kernel = "loop"

    def __init__(self, cell_type: str, options: Sequence[str]) -> None:
        self.cell_type = cell_type
        self.options = tuple(options)

    @property
    def heads(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(HEADS)

    def config(self, shape: Shape, size: int | None = None) -> PreTrainedConfig:
        self.require(shape.head)
        self._refuse_idle(shape)
        fields = self._fields(shape, size) | dict(shape.recurrent)
        if shape.head == IMAGE_TEXT:
            return _two_towers(shape, fields)
        return RecurrentConfig(**fields)

    def _refuse_idle(self, shape: Shape) -> None:
        """Refuse options that would change nothing: a record would name what was never done.

        Raises:
            ValueError: an option that the cell or the head has not.
        """
        own = "leave it out, or give those that have it a comparison of their own."
        for name in shape.recurrent:
            if name not in self.options:
                raise ValueError(
                    f"recurrent options of {self.cell_type!r} are {', '.join(self.options)}. "
                    f"Got {name!r}: {own}"
                )
        if shape.head != SEQ2SEQ and shape.recurrent.get("attention"):
            raise ValueError(
                f"attention is of a decoder that reads a source, and needs {SEQ2SEQ}. "
                f"Got {shape.head}: {own}"
            )
        if shape.head == "AutoModelForCausalLM" and shape.recurrent.get("bidirectional"):
            raise ValueError(
                "a causal language model must read from left to right. Got bidirectional=True: "
                f"{own}"
            )

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
            source = checkpoints.find(shape.checkpoint or checkpoints.MINILM.name)
            table = (shape.vocab_size, shape.embedding_size)
            _refuse_table(table, checkpoints.word_embeddings_shape(source), source.name)
            fields["embeddings_from"] = source.name
        return fields

    def build(self, config: PreTrainedConfig, head: str, seed: int, kernel: str) -> PreTrainedModel:
        if kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(KERNELS)}. Got {kernel!r}.")
        chosen = copy.deepcopy(config)
        for part in [getattr(chosen, name) for name in chosen.sub_configs] or [chosen]:
            part.kernel = kernel
        model = super().build(chosen, head, seed, kernel)
        source = getattr(_text(config), "embeddings_from", None)
        if source is not None:
            _load_embeddings(model, source)
        return model

    def pretext(self, config: PreTrainedConfig, head: str) -> Pretext:
        """Next token, or masked tokens where it reads both ways; a decoder goes on writing."""
        if head == IMAGE_TEXT:
            return super().pretext(config, head)
        own = bare(config)
        if head == SEQ2SEQ:
            return Pretext(CONTINUATION, own)
        own.tie_word_embeddings, own.embedding_std = True, own.embedding_size**-0.5
        return Pretext(MASKED if own.bidirectional else NEXT, own)

    def free_dimension(self, match: Quantity) -> str | None:
        return "hidden_size"

    def loss_position(
        self, length: int, head: str, config: PreTrainedConfig | None = None
    ) -> int | None:
        """The last position of a sequence classifier; one in two directions reads both ends."""
        if head != "AutoModelForSequenceClassification":
            return None
        return None if getattr(config, "bidirectional", False) else length - 1

    def traced_kernel(self, kernel: str) -> str:
        return self.reference_kernel  # the others keep no state of a step

    def cost(self, config: PreTrainedConfig, head: str) -> Cost:
        self.require(head)
        return cost.of(config, head, count_parameters(on_meta(config, head)))

    @contextmanager
    def trace(self, model: PreTrainedModel) -> Iterator[StateGradients]:
        stack = _encoder(model)  # which refuses another kernel itself, when it runs
        with trace_states() as trace:
            yield lambda: _state_gradients(trace, stack)


def _encoder(model: PreTrainedModel) -> nn.RNNBase:
    """The stack that reads the window."""
    body = getattr(model, "text_model", model).base_model
    return cast("nn.RNNBase", body.layers)


def _state_gradients(trace: Trace, stack: nn.RNNBase) -> dict[str, list[Tensor]]:
    if stack not in trace.states:
        raise ValueError("Expected one forward of the model under trace. Got none.")
    steps = [step for layer in trace.states[stack].values() for step in layer]
    require_gradients([part for step in steps for part in step])
    kinds = ("h", "c") if stack.mode == "LSTM" else ("h",)
    return {
        kind + " (backward)" * backwards: [
            _by_position(trace, stack, layer, which, backwards) for layer in range(stack.num_layers)
        ]
        for backwards in ((False, True) if stack.bidirectional else (False,))
        for which, kind in enumerate(kinds)
    }


def _by_position(
    trace: Trace, stack: nn.RNNBase, layer: int, which: int, backwards: bool
) -> Tensor:
    """(batch, length, hidden) at the positions whose tokens were read, zero at padding."""
    gradient = trace.gradient(layer, which, reverse=backwards, stack=stack)
    padding = trace.paddings[stack]
    if backwards:
        gradient = reverse(gradient, None if padding is None else padding.lengths)
    gradient = gradient.transpose(0, 1)
    return gradient if padding is None else padding.to_place(gradient)


def _text(config: PreTrainedConfig) -> PreTrainedConfig:
    text: PreTrainedConfig = getattr(config, "text_config", config)
    return text


def _two_towers(shape: Shape, text: dict[str, Any]) -> PreTrainedConfig:
    """The image tower is the text tower again, with patches for tokens."""
    vision = text | {
        "image_size": shape.image_size,
        "patch_size": shape.patch_size,
        "num_channels": shape.num_channels,
    }
    return RecurrentClipConfig(
        text_config=text, vision_config=vision, projection_dim=shape.projection_size
    )


@torch.no_grad()
def _load_embeddings(model: PreTrainedModel, checkpoint: str) -> None:
    """Start from a checkpoint's word embeddings.

    Raises:
        ValueError: a table that cannot be theirs.
    """
    table = input_embeddings(model).weight
    given = checkpoints.word_embeddings(checkpoints.find(checkpoint))
    _refuse_table(tuple(table.shape), tuple(given.shape), checkpoint)
    table.copy_(given[: len(table)])


def _refuse_table(table: tuple[int, ...], given: tuple[int, ...], checkpoint: str) -> None:
    """Refuse a table of another width, or without a row for every id of the tokenizer.

    Rows beyond the tokenizer's ids pad a table to a round number, and nothing looks them up.
    """
    if given[1] != table[1] or given[0] < table[0]:
        raise ValueError(
            f"word embeddings must have shape (at least vocab_size, embedding_size)={table}. "
            f"Got {given} from {checkpoint}."
        )
