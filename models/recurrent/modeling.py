"""The recurrent body: embeddings and a stack of Elman, LSTM or GRU layers."""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput

from models.recurrent.configuration import RecurrentConfig

_STACKS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentPreTrainedModel(PreTrainedModel):
    """Initialisation and naming shared by every recurrent model."""

    config_class = RecurrentConfig
    base_model_prefix = "recurrent"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """PyTorch's own defaults, written out.

        Hugging Face's version leaves Elman and GRU weights uninitialised and gives an LSTM
        Xavier weights with zero biases, so the three cells would not start alike.
        """
        if isinstance(module, nn.RNNBase):
            bound = 1 / math.sqrt(module.hidden_size)
            for weight in module.parameters():
                init.uniform_(weight, -bound, bound)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.config.embedding_std)
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                init.uniform_(module.bias, -bound, bound)


class RecurrentModel(RecurrentPreTrainedModel):
    """Embeddings and ``num_layers`` recurrent layers, read from left to right.

    With input e_t and state h_t (and c_t in the LSTM):

    - ``rnn``: h_t = tanh(W e_t + U h_{t-1} + b)
    - ``lstm``: c_t = f*c_{t-1} + i*g, h_t = o*tanh(c_t); i, f, o are sigmoids and g a tanh of
      W e_t + U h_{t-1} + b
    - ``gru``: h_t = (1-z)*n + z*h_{t-1}, n = tanh(W e_t + r*(U h_{t-1} + b'))
    """

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.embedding_size)
        self.layers = _STACKS[config.cell_type](
            config.embedding_size,
            config.hidden_size,
            config.num_layers,
            batch_first=True,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
        )
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.embeddings = cast("nn.Embedding", value)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutput:
        """Run the stack over a batch.

        Args:
            input_ids: (batch, length) token ids; or
            inputs_embeds: (batch, length, embedding_size) embeddings. Exactly one of the two.
            attention_mask: (batch, length), 1 for a token and 0 for padding. Padding stands to
                the right, where it cannot reach an earlier state.

        Returns:
            ``last_hidden_state`` of shape (batch, length, hidden_size).

        Raises:
            ValueError: both or neither input given, a mask of another shape, padding on the left.
        """
        if (input_ids is None) == (inputs_embeds is None):
            given = "both" if input_ids is not None else "neither"
            raise ValueError(f"Expected exactly one of input_ids and inputs_embeds. Got {given}.")
        if inputs_embeds is None:
            inputs_embeds = self.embeddings(input_ids)
        if attention_mask is not None:
            expected = tuple(inputs_embeds.shape[:2])
            if tuple(attention_mask.shape) != expected:
                raise ValueError(
                    f"attention_mask must have shape (batch, length)={expected}. "
                    f"Got {tuple(attention_mask.shape)}."
                )
            if not bool(attention_mask[:, 0].all()):
                raise ValueError(
                    "Expected every row to start with a token. Got a row that starts with "
                    "padding: set tokenizer.padding_side='right'."
                )
        hidden, _ = self.layers(inputs_embeds)
        return BaseModelOutput(last_hidden_state=hidden)
