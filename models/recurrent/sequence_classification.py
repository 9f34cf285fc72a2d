"""The head behind ``AutoModelForSequenceClassification``."""

from typing import Any

from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils.generic import can_return_tuple

from models.recurrent.configuration import RecurrentConfig
from models.recurrent.inputs import expect_shape
from models.recurrent.modeling import RecurrentModel, RecurrentPreTrainedModel


class RecurrentForSequenceClassification(RecurrentPreTrainedModel):
    """A linear classifier on the top layer's state after a row's last token."""

    accepts_loss_kwargs = False  # a mean over rows, which the Trainer averages over a step itself

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
    ) -> SequenceClassifierOutput:
        """Classify rows.

        Args:
            input_ids, attention_mask, inputs_embeds, output_hidden_states: as in
                ``RecurrentModel.forward``.
            labels: (batch,) class indices, or values where ``problem_type`` says so; with them
                the output has a ``loss``.

        Returns:
            ``logits`` of shape (batch, num_labels), and ``loss``, a scalar, where asked for.

        Raises:
            ValueError: another number of labels, and as ``RecurrentModel.forward``.
        """
        outputs = self.recurrent(
            input_ids, attention_mask, inputs_embeds, output_hidden_states=output_hidden_states
        )
        logits = self.classifier(self.dropout(outputs.pooler_output))
        loss = None
        if labels is not None:
            expect_shape("labels", labels, "(batch, ...)", (len(logits), *labels.shape[1:]))
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states
        )
