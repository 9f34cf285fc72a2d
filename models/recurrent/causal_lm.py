"""The head behind ``AutoModelForCausalLM``."""

from typing import Any, cast

from torch import Tensor, nn
from transformers import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils.generic import can_return_tuple

from models.recurrent.configuration import RecurrentConfig
from models.recurrent.inputs import expect_shape
from models.recurrent.modeling import RecurrentModel, RecurrentPreTrainedModel
from models.recurrent.padding import next_labels
from models.recurrent.state import RecurrentState


class RecurrentGenerationMixin(GenerationMixin):
    """Decoding that carries a state where attention carries keys and values."""

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False  # the model makes its own state, so generate() must not bring keys and values

    def _validate_model_kwargs(self, model_kwargs: dict[str, Any]) -> None:
        # A BERT tokenizer's token types are ignored, as in every forward.
        known = {name: it for name, it in model_kwargs.items() if name != "token_type_ids"}
        super()._validate_model_kwargs(known)  # type: ignore[misc]  # a mixin


class RecurrentForCausalLM(RecurrentPreTrainedModel, RecurrentGenerationMixin):
    """Predicts the next token from the top layer's output at every token.

    With ``tie_word_embeddings`` the output layer is the embedding table (Press and Wolf, 2017),
    behind a projection where the state is not as wide as an embedding.

    Raises:
        ValueError: a bidirectional configuration, which would read the answer.
    """

    _tied_weights_keys = {"lm_head.weight": "recurrent.embeddings.weight"}  # noqa: RUF012  # theirs

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        if config.bidirectional:
            raise ValueError("Expected bidirectional=False: a causal model must not read ahead.")
        self.recurrent = RecurrentModel(self.config, part=True)
        self.dropout = nn.Dropout(config.dropout)
        width = config.embedding_size if config.tie_word_embeddings else config.hidden_size
        self.projection = (
            nn.Identity() if width == config.hidden_size else nn.Linear(config.hidden_size, width)
        )
        self.lm_head = nn.Linear(width, config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        return cast("nn.Module", self.lm_head)

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.lm_head = cast("nn.Linear", new_embeddings)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: RecurrentState | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Predict next tokens.

        Args:
            input_ids, attention_mask, inputs_embeds, past_key_values, output_hidden_states: as in
                ``RecurrentModel.forward``.
            labels: (batch, length), shifted inside as everywhere in Hugging Face; -100 where there
                is nothing to learn. At padding they are not looked at.
            use_cache: whether to return the state; by default as the configuration says, and not
                in training.
            logits_to_keep: how many of the last positions need logits, 0 for all.

        Returns:
            ``logits`` of shape (batch, length, vocab_size), ``loss`` and ``past_key_values``
            where asked for.

        Raises:
            ValueError: labels of another shape, and as ``RecurrentModel.forward``.
        """
        if use_cache is None:
            use_cache = self.config.use_cache and not self.training
        outputs = self.recurrent(
            input_ids,
            attention_mask,
            inputs_embeds,
            past_key_values,
            use_cache,
            output_hidden_states,
        )
        hidden = outputs.last_hidden_state
        expect_shape("labels", labels, "(batch, length)", tuple(hidden.shape[:2]))
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(self.projection(self.dropout(hidden[:, kept])))
        loss = None
        if labels is not None:
            if "shift_labels" not in kwargs:
                kwargs["shift_labels"] = next_labels(labels, attention_mask)
            loss = self.loss_function(logits, labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
        )
