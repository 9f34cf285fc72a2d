"""How a recurrent cell takes part in a comparison."""

from typing import ClassVar

from models.arms import Arm, Shape
from models.recurrent.configuration import RecurrentConfig


class RecurrentArm(Arm):
    """A unidirectional stack whose hidden size the solver chooses; it reads the last state."""

    free_dimension: ClassVar[str | None] = "hidden_size"

    def __init__(self, cell_type: str) -> None:
        self.cell_type = cell_type

    def config(self, shape: Shape, size: int | None = None) -> RecurrentConfig:
        return RecurrentConfig(  # type: ignore[call-arg]  # the base class takes num_labels
            cell_type=self.cell_type,
            vocab_size=shape.vocab_size,
            pad_token_id=shape.pad_token_id,
            embedding_size=shape.embedding_size,
            hidden_size=shape.embedding_size if size is None else size,
            num_layers=shape.num_layers,
            dropout=shape.dropout,
            num_labels=shape.num_labels,
        )

    def loss_position(self, length: int) -> int:
        return length - 1
