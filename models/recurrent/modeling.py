"""The recurrent body: embeddings and a stack of Elman, LSTM or GRU layers."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.utils.generic import ModelOutput, can_return_tuple

from models import seams
from models.recurrent.configuration import (
    CELL_TYPES,
    GATES,
    KERNELS,
    RecurrentConfig,
    expect_choice,
)
from models.recurrent.execution import STACKS, cell_of, run
from models.recurrent.inputs import embed, expect_embeds, tensors_of
from models.recurrent.padding import Padding, read_mask
from models.recurrent.state import RecurrentState
from models.recurrent.trace import keep_padding

_ALIGNMENT = 64  # bytes, of what PyTorch allocates


@dataclass
class RecurrentModelOutput(ModelOutput):
    """What the body returns.

    Args:
        last_hidden_state: (batch, length, output_size) the top layer's outputs, zero at padding.
        pooler_output: (batch, output_size) the top layer's state after a row's last token; beside
            it, in a bidirectional model, the reverse direction's after the first.
        past_key_values: the state of every layer, where asked for.
        hidden_states: the embeddings and every layer's outputs, where asked for.
    """

    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    past_key_values: RecurrentState | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class RecurrentPreTrainedModel(PreTrainedModel):
    """Initialisation and naming shared by every recurrent model.

    Args:
        config: of the model, which makes a copy its own: two models of one configuration may run
            by different kernels.
        part: whether it is a part of another model, whose configuration it shares.
    """

    config_class = RecurrentConfig
    config: RecurrentConfig
    base_model_prefix = "recurrent"

    def __init__(self, config: PreTrainedConfig, *, part: bool = False) -> None:
        super().__init__(config if part else copy.deepcopy(config))

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """Load weights, as everywhere in Hugging Face, and lay them out as new ones would be.

        Tensors mapped from a file start at any eighth byte, and BLAS rounds by alignment: the same
        weights would give other numbers, and another speed, than before they were saved.
        """
        loaded = super().from_pretrained(*args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        for weight in model.parameters():
            if weight.data_ptr() % _ALIGNMENT:
                weight.data = weight.data.clone()
        return loaded

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or cast weights, as any module's, and lay them out for cuDNN."""
        applied: Self = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # theirs
        for module in self.modules():
            if isinstance(module, nn.RNNBase):
                _flatten_bfloat16(module)
        return applied

    def _check_and_adjust_attn_implementation(
        self, attn_implementation: str | None, *_: Any, **__: Any
    ) -> str:
        """Refuse an implementation of attention; Hugging Face sends such a user to its tracker.

        Raises:
            ValueError: one is asked for.
        """
        if attn_implementation not in (None, "eager"):
            raise ValueError(
                "expected no attn_implementation: a recurrent model has no attention whose kernel "
                f"could be chosen. Got {attn_implementation!r}: leave it out; config.kernel says "
                f"how the recurrence is computed, one of {', '.join(KERNELS)}."
            )
        return "eager"

    def set_kernel(self, kernel: str) -> None:
        """Execute the recurrence by another kernel; the weights stay as they are.

        Raises:
            ValueError: no such kernel.
        """
        expect_choice("kernel", kernel, KERNELS)
        for module in self.modules():
            if isinstance(module, RecurrentPreTrainedModel) and hasattr(module.config, "kernel"):
                module.config.kernel = kernel

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """PyTorch's own defaults, written out, then what the configuration asks for.

        Hugging Face's version leaves Elman and GRU weights uninitialised and gives an LSTM
        Xavier weights with zero biases, so the three cells would not start alike.
        """
        if isinstance(module, nn.RNNBase):
            self._init_recurrence(module)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.config.embedding_std)
        elif isinstance(module, nn.Linear | nn.Conv2d):
            bound = 1 / math.sqrt(module.weight[0].numel())
            init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                init.uniform_(module.bias, -bound, bound)

    def _init_recurrence(self, stack: nn.RNNBase) -> None:
        config, size = self.config, stack.hidden_size
        bound = 1 / math.sqrt(size)
        for name, weight in stack.named_parameters():
            if config.initialization == "orthogonal" and name.startswith("weight_hh"):
                gates = [
                    nn.init.orthogonal_(torch.empty(size, size, device=weight.device))
                    for _ in range(GATES[cell_of(stack)])
                ]
                init.copy_(weight, torch.cat(gates).to(weight.dtype))
            else:
                init.uniform_(weight, -bound, bound)
        if config.forget_bias is None and config.initialization != "chrono":
            return
        for name, bias in stack.named_parameters():
            if name.startswith("bias"):
                init.copy_(bias, self._gate_biases(bias, size, first="bias_ih" in name))

    def _gate_biases(self, bias: Tensor, size: int, *, first: bool) -> Tensor:
        """A bias with its memory gates set; PyTorch adds two, of which the first gets the value."""
        config, bias = self.config, bias.clone()
        if config.chrono_length is not None and config.initialization == "chrono":
            memory = torch.empty(size, device=bias.device).uniform_(1, config.chrono_length - 1)
            keep = memory.log() if first else torch.zeros_like(memory)
            bias[size : 2 * size] = keep  # an LSTM's forget gate, a GRU's z: both keep the state
            if config.cell_type == "lstm":
                bias[:size] = -keep
        elif config.forget_bias is not None:
            bias[size : 2 * size] = config.forget_bias if first else 0.0
        return bias


def _flatten_bfloat16(stack: nn.RNNBase) -> None:
    """Lay the weights of a stack out in one piece, as PyTorch does in every other type of cuDNN's.

    It takes bfloat16 for one that cuDNN has not, and would copy all weights at every call.
    """
    weight = next(stack.parameters())
    if weight.dtype != torch.bfloat16 or not weight.is_cuda:
        return
    known = torch.backends.cudnn.CUDNN_TENSOR_DTYPES
    missing = {torch.bfloat16} - known
    known |= missing
    try:
        stack.flatten_parameters()
    finally:
        known -= missing


def build_stack(config: RecurrentConfig, input_size: int, *, bidirectional: bool) -> nn.RNNBase:
    """The module that holds a stack's weights, named and shaped as PyTorch's.

    Raises:
        ValueError: no such cell; a configuration may have been changed since it was checked.
    """
    expect_choice("cell_type", config.cell_type, CELL_TYPES)
    stack: Callable[..., nn.RNNBase] = STACKS[config.cell_type]
    return stack(
        input_size,
        config.hidden_size,
        config.num_layers,
        batch_first=True,
        dropout=config.dropout if config.num_layers > 1 else 0.0,
        bidirectional=bidirectional,
    )


def encode(
    stack: nn.RNNBase,
    config: RecurrentConfig,
    embeds: Tensor,
    attention_mask: Tensor | None = None,
    past: RecurrentState | None = None,
    *,
    use_cache: bool = False,
    output_hidden_states: bool = False,
) -> RecurrentModelOutput:
    """Run a stack over embeddings of any padding.

    Args:
        stack: the recurrent layers.
        config: of the model they belong to.
        embeds: (batch, length, features).
        attention_mask: (batch, length), 1 for a token and 0 for padding, wherever it stands.
        past: the state to start from.
        use_cache: whether to return the state at the end.
        output_hidden_states: whether to return every layer's outputs.

    Raises:
        ValueError: an empty batch, features, a mask or a state of another shape, a row of padding.
    """
    expect_embeds(embeds, stack.input_size)
    batch, length, _ = embeds.shape
    start = None if past is None else tensors_of(past, stack, batch)
    padding = read_mask(attention_mask, batch, length, continued=past is not None)
    seams.enter(embeds)
    ran = run(
        stack,
        config.kernel,
        embeds if padding is None else padding.to_front(embeds),
        None if padding is None else padding.lengths,
        start,
        keep_state=use_cache,
        keep_layers=output_hidden_states,
    )
    seams.leave(ran.hidden)
    keep_padding(stack, padding)
    pooled = pool(ran.hidden, padding, stack)
    hidden, layers = ran.hidden, ran.layers
    if padding is not None:
        hidden, layers = padding.to_place(hidden), [padding.to_place(layer) for layer in layers]
    seen = 0 if past is None else past.seen_tokens
    return RecurrentModelOutput(
        last_hidden_state=hidden,
        pooler_output=pooled,
        past_key_values=RecurrentState(ran.state or (), seen + length) if use_cache else None,
        hidden_states=(embeds, *layers) if output_hidden_states else None,
    )


def pool(hidden: Tensor, padding: Padding | None, stack: nn.RNNBase) -> Tensor:
    """The state after each row's last token; of the reverse direction, after its first.

    Args:
        hidden: (batch, length, output_size) the top layer's outputs, tokens in front.
        padding: of the batch.
        stack: whose outputs they are.
    """
    size = stack.hidden_size
    if padding is None:
        last = hidden[:, -1, :size]
    else:
        rows = torch.arange(len(hidden), device=hidden.device)
        last = hidden[rows, (padding.lengths - 1).clamp(min=0), :size]
    return torch.cat([last, hidden[:, 0, size:]], dim=-1) if stack.bidirectional else last


class RecurrentModel(RecurrentPreTrainedModel):
    """Embeddings and ``num_layers`` recurrent layers; behind ``AutoModel``.

    The cells' equations are in :func:`models.recurrent.cells.step`.
    """

    def __init__(self, config: RecurrentConfig, *, part: bool = False) -> None:
        super().__init__(config, part=part)
        self.embeddings = nn.Embedding(config.vocab_size, config.embedding_size)
        self.layers = build_stack(config, config.embedding_size, bidirectional=config.bidirectional)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.embeddings = cast("nn.Embedding", value)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: RecurrentState | None = None,
        use_cache: bool = False,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> RecurrentModelOutput:
        """Run the stack over a batch.

        Args:
            input_ids: (batch, length) token ids; or
            inputs_embeds: (batch, length, embedding_size) embeddings. Exactly one of the two.
            attention_mask: (batch, length), 1 for a token and 0 for padding, left or right.
            past_key_values: the state after earlier tokens, to go on from.
            use_cache: whether to return the state after these.
            output_hidden_states: whether to return every layer's outputs.

        Raises:
            ValueError: both or neither input given, a shape that does not fit, an empty batch, a
                row of padding only, or a state for a model that reads in both directions.
        """
        if self.config.bidirectional and past_key_values is not None:
            raise ValueError(
                "Expected no past_key_values in a bidirectional model: its reverse direction "
                "starts from tokens that are not there yet."
            )
        if output_hidden_states is None:
            output_hidden_states = bool(self.config.output_hidden_states)
        return encode(
            self.layers,
            self.config,
            embed(self.embeddings, input_ids, inputs_embeds),
            attention_mask,
            past_key_values,
            use_cache=use_cache and not self.config.bidirectional,
            output_hidden_states=output_hidden_states,
        )
