"""The head behind ``AutoModelForSequenceClassification``."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from models.recurrent.configuration import RecurrentConfig
from models.recurrent.modeling import RecurrentModel, RecurrentPreTrainedModel


class RecurrentForSequenceClassification(RecurrentPreTrainedModel):
    """A linear classifier on the top layer's state after a row's last token."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.recurrent = RecurrentModel(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels or 2)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Classify rows.

        Args:
            input_ids, attention_mask, inputs_embeds: as in ``RecurrentModel.forward``.
            labels: (batch,) class indices; with them the output has a ``loss``.

        Returns:
            ``logits`` of shape (batch, num_labels), and ``loss``, a scalar, where asked for.
        """
        hidden = self.recurrent(
            input_ids=input_ids, attention_mask=attention_mask, inputs_embeds=inputs_embeds
        ).last_hidden_state
        if attention_mask is None:
            last = hidden[:, -1]
        else:
            rows = torch.arange(hidden.shape[0], device=hidden.device)
            last = hidden[rows, attention_mask.long().sum(dim=1) - 1]
        logits = self.classifier(self.dropout(last))
        loss = None
        if labels is not None:
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        return SequenceClassifierOutput(loss=loss, logits=logits)
