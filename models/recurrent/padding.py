"""Padding made invisible without packed sequences, which on a CPU fall off the fused kernel.

Wherever padding stands, each row's tokens are brought to the front, in order. A recurrence that
reads from the left then meets padding only after its last token, where it can no longer reach a
state, and the reverse direction is the same recurrence over the row reversed within its length.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Padding:
    """Where a batch's tokens are.

    Args:
        mask: (batch, length), True for a token.
        lengths: (batch,) tokens of each row.
        order: (batch, length) positions, tokens first; None where they stand first already.
    """

    mask: Tensor
    lengths: Tensor
    order: Tensor | None

    def to_front(self, x: Tensor) -> Tensor:
        """(batch, length, features) with every row's tokens first, and zeros behind them."""
        x = self._zero_padding(x)
        return x if self.order is None else _take(x, self.order)

    def to_place(self, x: Tensor) -> Tensor:
        """Undo ``to_front``, with zeros where there is padding."""
        if self.order is not None:
            x = _take(x, self.order.argsort(dim=1))
        return self._zero_padding(x)

    def _zero_padding(self, x: Tensor) -> Tensor:
        # Filled, not multiplied: zero times what is not finite is not zero, nor is its gradient.
        return x.masked_fill(~self.mask.unsqueeze(-1), 0)


def read_mask(
    attention_mask: Tensor | None,
    batch: int,
    length: int,
    *,
    continued: bool = False,
    name: str = "attention_mask",
) -> Padding | None:
    """The padding of a batch, None where there is none.

    Args:
        attention_mask: (batch, length), 1 for a token and 0 for padding; longer by what was read
            before where the batch continues.
        batch, length: of the inputs.
        continued: whether there is a state from earlier tokens.
        name: of the mask, for errors.

    Raises:
        ValueError: a mask of another shape, or a row without a token and without a state.
    """
    if attention_mask is None:
        return None
    fits = attention_mask.dim() == 2 and attention_mask.shape[0] == batch
    if continued and fits and attention_mask.shape[1] > length:
        attention_mask = attention_mask[:, -length:]
    if tuple(attention_mask.shape) != (batch, length):
        raise ValueError(
            f"{name} must have shape (batch, length)={(batch, length)}. "
            f"Got {tuple(attention_mask.shape)}."
        )
    mask = attention_mask != 0
    lengths = mask.sum(dim=1)
    in_front = torch.arange(length, device=mask.device) < lengths.unsqueeze(1)
    # One look from the host, as each makes it wait for the device.
    shortest, right = torch.stack([lengths.min(), (in_front == mask).all()]).tolist()
    if shortest == length:
        return None
    if shortest == 0 and not continued:
        row = int(lengths.argmin())
        raise ValueError(
            f"Expected at least one token in every row. Got only padding in row {row}: drop it."
        )
    order = None if right else tokens_first(mask)
    return Padding(mask, lengths, order)


def tokens_first(mask: Tensor) -> Tensor:
    """(batch, length) positions, each row's tokens first, from a mask that is True for them."""
    return (~mask).to(torch.uint8).argsort(dim=1, stable=True)


def next_labels(labels: Tensor, attention_mask: Tensor | None) -> Tensor:
    """The label of the token after each token, past whatever padding stands between them.

    Args:
        labels: (batch, length) of the tokens themselves.
        attention_mask: (batch, length) or longer by what was read before, or None.

    Returns:
        (batch, length), -100 at padding and at each row's last token.
    """
    shifted = torch.full_like(labels, -100)
    if attention_mask is None:
        shifted[:, :-1] = labels[:, 1:]
        return shifted
    mask = attention_mask[:, -labels.shape[1] :] != 0
    order = tokens_first(mask)
    in_order = labels.masked_fill(~mask, -100).gather(1, order)
    return shifted.scatter(1, order[:, :-1], in_order[:, 1:])


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """(length, batch, features) with every row's tokens in reverse, its padding left in place."""
    if lengths is None:
        return x.flip(0)
    steps = torch.arange(len(x), device=x.device).unsqueeze(1)
    mirrored = lengths - 1 - steps
    return _take(x, torch.where(mirrored >= 0, mirrored, steps), dim=0)


def _take(x: Tensor, index: Tensor, dim: int = 1) -> Tensor:
    return x.gather(dim, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
