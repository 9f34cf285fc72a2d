"""What a recurrent model may be fed, and what is said of anything else."""

from torch import Tensor, nn

from models.recurrent.state import RecurrentState


def embed(table: nn.Embedding, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    """(batch, length, features) embeddings, looked up unless they were given.

    Raises:
        ValueError: both or neither given, or ids that are not (batch, length).
        IndexError: on a CPU, an id beyond the table; an accelerator has an assertion of its own.
    """
    if input_ids is None or inputs_embeds is not None:
        if inputs_embeds is None or input_ids is not None:
            given = "both" if input_ids is not None else "neither"
            raise ValueError(f"Expected exactly one of input_ids and inputs_embeds. Got {given}.")
        return inputs_embeds
    if input_ids.dim() != 2:
        raise ValueError(
            f"input_ids must have shape (batch, length). Got {tuple(input_ids.shape)}."
        )
    try:
        embeds: Tensor = table(input_ids)
    except IndexError as error:
        raise IndexError(
            f"Expected token ids from 0 to {table.num_embeddings - 1}, those of the embedding "
            f"table. Got {int(input_ids.min())} to {int(input_ids.max())}: is vocab_size the "
            "tokenizer's?"
        ) from error
    return embeds


def expect_embeds(embeds: Tensor, features: int) -> None:
    """Raise ``ValueError`` unless there are tokens, each of so many features."""
    if embeds.dim() != 3 or 0 in embeds.shape[:2]:
        raise ValueError(
            "Expected at least one row and one token, (batch, length, features). "
            f"Got {tuple(embeds.shape)}."
        )
    if embeds.shape[-1] != features:
        raise ValueError(f"Expected {features} input features. Got {embeds.shape[-1]}.")


def expect_shape(name: str, tensor: Tensor | None, meaning: str, expected: tuple[int, ...]) -> None:
    """Raise ``ValueError`` unless a tensor that was given has the expected shape."""
    if tensor is not None and tuple(tensor.shape) != expected:
        raise ValueError(f"{name} must have shape {meaning}={expected}. Got {tuple(tensor.shape)}.")


def tensors_of(past: RecurrentState, stack: nn.RNNBase, batch: int) -> tuple[Tensor, ...]:
    """A state's tensors, once they are known to fit.

    Raises:
        ValueError: something else than a state, or another number of tensors or shape.
    """
    if not isinstance(past, RecurrentState):
        raise ValueError(
            "past_key_values must be a RecurrentState, as the model returns it with "
            f"use_cache=True. Got {type(past).__name__}."
        )
    number = 2 if stack.mode == "LSTM" else 1
    if len(past.tensors) != number:
        raise ValueError(
            f"Expected {number} tensors in past_key_values, as in every {stack.mode}. "
            f"Got {len(past.tensors)}."
        )
    directions = 2 if stack.bidirectional else 1
    expected = (stack.num_layers * directions, batch, stack.hidden_size)
    for tensor in past.tensors:
        if tuple(tensor.shape) != expected:
            raise ValueError(
                "past_key_values must hold states of shape (layers, batch, hidden)="
                f"{expected}. Got {tuple(tensor.shape)}."
            )
    return past.tensors
