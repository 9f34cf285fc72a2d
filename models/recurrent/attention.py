"""A look at the source from a decoder's state."""

import torch
from torch import Tensor, nn


class AdditiveAttention(nn.Module):
    """Weights of source positions: softmax over j of v . tanh(W s + U h_j) (Bahdanau et al., 2015).

    Args:
        query_size: features of the decoder's state s.
        source_size: features of an encoder's output h_j.
    """

    def __init__(self, query_size: int, source_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, query_size, bias=False)
        self.key = nn.Linear(source_size, query_size)
        self.score = nn.Linear(query_size, 1, bias=False)

    def forward(
        self, state: Tensor, keys: Tensor, source: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Attend.

        Args:
            state: (batch, query_size).
            keys: (batch, source length, query_size), ``self.key(source)``, the same at every step.
            source: (batch, source length, source_size).
            mask: (batch, source length), True for a token.

        Returns:
            The context, (batch, source_size), and the weights, (batch, source length).
        """
        energy = self.score(torch.tanh(keys + self.query(state).unsqueeze(1))).squeeze(-1)
        if mask is not None:
            energy = energy.masked_fill(~mask, torch.finfo(energy.dtype).min)
        weights = energy.softmax(dim=-1)
        return (weights.unsqueeze(1) @ source).squeeze(1), weights
