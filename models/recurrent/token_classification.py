"""The head behind ``AutoModelForTokenClassification``."""

from typing import Any

from torch import Tensor, nn
from transformers.modeling_outputs import TokenClassifierOutput
from transformers.utils.generic import can_return_tuple

from models.recurrent.configuration import RecurrentConfig
from models.recurrent.inputs import expect_shape
from models.recurrent.modeling import RecurrentModel, RecurrentPreTrainedModel


class RecurrentForTokenClassification(RecurrentPreTrainedModel):
    """A linear classifier on the top layer's output at every token."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.recurrent = RecurrentModel(self.config, part=True)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.output_size, config.num_labels or 2)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> TokenClassifierOutput:
        """Classify tokens.

        Args:
            input_ids, attention_mask, inputs_embeds, output_hidden_states: as in
                ``RecurrentModel.forward``.
            labels: (batch, length) class indices, -100 where there is nothing to learn.

        Returns:
            ``logits`` of shape (batch, length, num_labels), and ``loss`` where asked for.

        Raises:
            ValueError: labels of another shape, and as ``RecurrentModel.forward``.
        """
        outputs = self.recurrent(
            input_ids, attention_mask, inputs_embeds, output_hidden_states=output_hidden_states
        )
        logits = self.classifier(self.dropout(outputs.last_hidden_state))
        loss = None
        if labels is not None:
            expect_shape("labels", labels, "(batch, length)", tuple(logits.shape[:2]))
            loss = self.loss_function(logits, labels, self.config, **kwargs)
        return TokenClassifierOutput(loss=loss, logits=logits, hidden_states=outputs.hidden_states)
