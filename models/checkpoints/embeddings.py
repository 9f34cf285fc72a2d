"""The word embeddings of a checkpoint alone, read without building its model."""

from pathlib import Path
from typing import TYPE_CHECKING

from models.checkpoints import weights
from models.checkpoints.contract import Checkpoint, CheckpointError
from models.checkpoints.weights import CONFIG

if TYPE_CHECKING:
    from torch import Tensor

#: How architectures call the table that maps token ids to vectors.
_WORD_EMBEDDINGS = (
    "word_embeddings.weight",
    "wte.weight",
    "shared.weight",
    "token_embedding.weight",
    "embed_tokens.weight",
)


def word_embeddings(checkpoint: Checkpoint) -> "Tensor":
    """Only the table of word embeddings of a checkpoint, (vocabulary, width) in float32.

    Raises:
        CheckpointError: the checkpoint is not what it should be, or has no such table.
    """
    import torch
    from safetensors import safe_open

    path, key, _ = _table(checkpoint.verify(), checkpoint.name)
    with safe_open(path, framework="pt") as file:
        table: Tensor = file.get_tensor(key).to(torch.float32)
        return table


def word_embeddings_shape(checkpoint: Checkpoint) -> tuple[int, int]:
    """(vocabulary, width) of that table, from the header alone, whose hash is not proven here.

    Raises:
        CheckpointError: as for :func:`word_embeddings`.
    """
    return _table(checkpoint.verify(CONFIG), checkpoint.name)[2]


def _table(folder: Path, checkpoint: str) -> tuple[Path, str, tuple[int, int]]:
    """Where the word embeddings are: file, name and shape."""
    from safetensors import SafetensorError, safe_open

    for name in weights.weight_files(folder, checkpoint):
        try:
            with safe_open(folder / name, framework="np") as file:
                shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{checkpoint}: {name} cannot be read ({error}).") from None
        for key in sorted(shapes, key=len):
            if key.endswith(_WORD_EMBEDDINGS) and len(shapes[key]) == 2:
                rows, width = shapes[key]
                return folder / name, key, (rows, width)
    raise CheckpointError(
        f"{checkpoint}: expected word embeddings under a name that ends in "
        f"{', '.join(_WORD_EMBEDDINGS)}. Got none."
    )
