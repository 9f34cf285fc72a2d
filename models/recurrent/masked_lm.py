"""The head behind ``AutoModelForMaskedLM``."""

from typing import Any, cast

from torch import Tensor, nn
from transformers.loss.loss_utils import ForMaskedLMLoss
from transformers.modeling_outputs import MaskedLMOutput
from transformers.utils.generic import can_return_tuple

from models.recurrent.configuration import RecurrentConfig
from models.recurrent.inputs import expect_shape
from models.recurrent.modeling import RecurrentModel, RecurrentPreTrainedModel


class RecurrentForMaskedLM(RecurrentPreTrainedModel):
    """Finds hidden tokens again from the top layer's output at every token.

    Of use to a body that reads both ways; one that reads from the left only sees half of what
    stands around a token. With ``tie_word_embeddings`` the output layer is the embedding table,
    behind a projection where the output is not as wide as an embedding.
    """

    _tied_weights_keys = {"lm_head.weight": "recurrent.embeddings.weight"}  # noqa: RUF012  # theirs

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.recurrent = RecurrentModel(self.config, part=True)
        self.dropout = nn.Dropout(config.dropout)
        source = config.output_size
        width = config.embedding_size if config.tie_word_embeddings else source
        self.projection = nn.Identity() if width == source else nn.Linear(source, width)
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
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> MaskedLMOutput:
        """Predict the tokens that stood where others are now.

        Args:
            input_ids, attention_mask, inputs_embeds, output_hidden_states: as in
                ``RecurrentModel.forward``.
            labels: (batch, length) the tokens that were hidden, -100 elsewhere.

        Returns:
            ``logits`` of shape (batch, length, vocab_size), and ``loss`` where asked for.

        Raises:
            ValueError: labels of another shape, and as ``RecurrentModel.forward``.
        """
        outputs = self.recurrent(
            input_ids, attention_mask, inputs_embeds, output_hidden_states=output_hidden_states
        )
        hidden = outputs.last_hidden_state
        expect_shape("labels", labels, "(batch, length)", tuple(hidden.shape[:2]))
        logits = self.lm_head(self.projection(self.dropout(hidden)))
        loss = None
        if labels is not None:
            loss = ForMaskedLMLoss(logits, labels, self.config.vocab_size, **kwargs)
        return MaskedLMOutput(loss=loss, logits=logits, hidden_states=outputs.hidden_states)
