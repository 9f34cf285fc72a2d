"""What a recurrent model carries from one token to the next, in the place of a key-value cache."""

from collections.abc import Callable, Sequence

from torch import Tensor


class RecurrentState:
    """The state of every layer after the tokens read so far.

    It stands where attention keeps keys and values, and its size does not grow with their number.

    Args:
        tensors: h, and c in an LSTM; each (layers, batch, hidden).
        seen_tokens: positions read, padding included.
        keys: (batch, source length, features) what a decoder's attention compares its state with,
            which is the same at every step.
    """

    is_compileable = False  # ``generate`` asks a cache; there is nothing of fixed length to compile

    def __init__(
        self, tensors: Sequence[Tensor], seen_tokens: int, keys: Tensor | None = None
    ) -> None:
        self.tensors = tuple(tensors)
        self.seen_tokens = seen_tokens
        self.keys = keys

    @property
    def nbytes(self) -> int:
        """Bytes of the states, the same after any number of tokens."""
        return sum(tensor.nbytes for tensor in self.tensors)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Positions read so far."""
        return self.seen_tokens

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Keep the beams of these indices, (batch,)."""
        self._apply(lambda x, dim: x.index_select(dim, beam_idx.to(x.device)))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the rows of these indices."""
        self.reorder_cache(indices)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Every row so many times."""
        self._apply(lambda x, dim: x.repeat_interleave(repeats, dim=dim))

    def reset(self) -> None:
        """Forget what was read, in place."""
        for tensor in self.tensors:
            tensor.zero_()
        self.seen_tokens = 0

    def crop(self, max_length: int) -> None:
        """Refused: a state cannot give back the tokens that it has taken in.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "a recurrent state cannot be cropped: expected decoding that never goes back, got a "
            "request to drop tokens (assisted decoding?). Use greedy, sampling or beam search."
        )

    def _apply(self, function: Callable[[Tensor, int], Tensor]) -> None:
        """A function of a tensor and its batch dimension, over all that is held."""
        self.tensors = tuple(function(tensor, 1) for tensor in self.tensors)
        if self.keys is not None:
            self.keys = function(self.keys, 0)
