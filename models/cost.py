"""What a model costs, counted from the model itself."""

from dataclasses import asdict, dataclass

from torch import nn


@dataclass(frozen=True)
class Parameters:
    """Trainable numbers of a model; a tied tensor counts once.

    ``embedding`` is every lookup table (tokens, positions, token types), ``body`` the rest. Only
    the body is matched between arms: a vocabulary is looked up, not computed with.
    """

    total: int
    embedding: int
    body: int

    def as_dict(self) -> dict[str, int]:
        """The three counts by name."""
        return asdict(self)


def count_parameters(model: nn.Module) -> Parameters:
    """Count a model's parameters; on the meta device this allocates nothing."""
    total = sum(weight.numel() for weight in model.parameters())
    tables = {
        id(module.weight): module.weight.numel()
        for module in model.modules()
        if isinstance(module, nn.Embedding)
    }
    embedding = sum(tables.values())
    return Parameters(total, embedding, total - embedding)
