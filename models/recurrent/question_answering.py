"""The head behind ``AutoModelForQuestionAnswering``."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import QuestionAnsweringModelOutput
from transformers.utils.generic import can_return_tuple

from models.recurrent.configuration import RecurrentConfig
from models.recurrent.inputs import expect_shape
from models.recurrent.modeling import RecurrentModel, RecurrentPreTrainedModel


class RecurrentForQuestionAnswering(RecurrentPreTrainedModel):
    """Scores every token as the first and as the last of the answer."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.recurrent = RecurrentModel(self.config, part=True)
        self.dropout = nn.Dropout(config.dropout)
        self.qa_outputs = nn.Linear(config.output_size, 2)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> QuestionAnsweringModelOutput:
        """Find a span.

        Args:
            input_ids, attention_mask, inputs_embeds, output_hidden_states: as in
                ``RecurrentModel.forward``.
            start_positions, end_positions: (batch,) or (batch, 1) first and last token of the
                answer; with both the output has a ``loss``, to which a position beyond the row,
                or at its padding, adds nothing.

        Returns:
            ``start_logits`` and ``end_logits`` of shape (batch, length), lowest at padding, and
            ``loss``, the mean of both cross-entropies, where asked for.

        Raises:
            ValueError: positions of another shape, or only one of the two.
        """
        outputs = self.recurrent(
            input_ids, attention_mask, inputs_embeds, output_hidden_states=output_hidden_states
        )
        logits = self.qa_outputs(self.dropout(outputs.last_hidden_state))
        start, end = (part.squeeze(-1).contiguous() for part in logits.split(1, dim=-1))
        if attention_mask is not None:  # an answer cannot be in the padding, nor compete with it
            lowest = torch.finfo(start.dtype).min
            start, end = (part.masked_fill(attention_mask == 0, lowest) for part in (start, end))
        if (start_positions is None) != (end_positions is None):
            raise ValueError("Expected both or neither of start_positions and end_positions.")
        loss = None
        if start_positions is not None and end_positions is not None:
            first = _positions("start_positions", start_positions, start, attention_mask)
            last = _positions("end_positions", end_positions, end, attention_mask)
            loss = self.loss_function(start, end, first, last)
        return QuestionAnsweringModelOutput(
            loss=loss, start_logits=start, end_logits=end, hidden_states=outputs.hidden_states
        )


def _positions(
    name: str, positions: Tensor, logits: Tensor, attention_mask: Tensor | None
) -> Tensor:
    """(batch,) positions, those at padding moved beyond the row, where the loss ignores them."""
    batch, length = logits.shape
    if positions.dim() == 2 and positions.shape[1] == 1:
        positions = positions.squeeze(1)
    expect_shape(name, positions, "(batch,)", (batch,))
    if attention_mask is None:
        return positions
    inside = positions.clamp(0, length - 1).unsqueeze(1)
    padding = attention_mask.gather(1, inside).squeeze(1) == 0
    return positions.masked_fill(padding, length)
