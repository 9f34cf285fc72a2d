"""The tokenizer of a checkpoint: a folder with its ``tokenizer.json``, proven."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.checkpoints import digests
from models.checkpoints.contract import Checkpoint, CheckpointError
from models.checkpoints.local import WheelCheckpoint
from models.checkpoints.weights import CONFIG, TOKENIZER

_FAST = TOKENIZER[0]
_DECIDE_IDS = ("added_tokens", "normalizer", "pre_tokenizer", "model")
_SLOW = (
    "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model",
    "tokenizer.model", "spm.model",
)  # fmt: skip


def tokenizer(checkpoint: Checkpoint) -> tuple[Path, str]:
    """The folder of a checkpoint's tokenizer, and the SHA-256 of what it is made of.

    Of a wheel, whose files are known, that is theirs; of others what decides ids and marks, so that
    tokenizers which read alike are one, however they were saved.

    Raises:
        CheckpointError: it has none, none that says where in a text a token stands, or one that
            cannot be read.
    """
    folder, names = checkpoint.verify(CONFIG), list(TOKENIZER)
    if not isinstance(checkpoint, WheelCheckpoint):  # whose files are known, and must all be there
        names = [name for name in TOKENIZER if (folder / name).is_file()]
    if _FAST not in names:
        slow = [name for name in _SLOW if (folder / name).is_file()]
        got = f"a slow one ({', '.join(slow)}), which gives no offsets" if slow else "none"
        raise CheckpointError(
            f"{checkpoint.name}: expected a fast tokenizer ({_FAST}), which says where in a text "
            f"every token stands. Got {got}. Write it beside the weights: "
            "AutoTokenizer.from_pretrained(...).save_pretrained(folder)."
        )
    folder = checkpoint.verify(*names)
    if isinstance(checkpoint, WheelCheckpoint):
        made_of = "".join(str(digests.sha256(folder / name)) for name in names)
    else:
        made_of = _reading(checkpoint.name, folder, names)
    return folder, hashlib.sha256(made_of.encode()).hexdigest()


def _reading(name: str, folder: Path, names: Sequence[str]) -> str:
    """What of a tokenizer turns text into ids, and which of these are marks, as one text."""
    from tokenizers import Tokenizer  # only where there is one to read

    try:
        fields = json.loads(Tokenizer.from_file(str(folder / _FAST)).to_str())
        said: dict[str, Any] = {}
        for file in names[1:]:
            if file.endswith(".json"):
                said |= json.loads((folder / file).read_text(encoding="utf-8"))
    except Exception as error:  # noqa: BLE001  # the tokenizers library raises no other
        raise CheckpointError(
            f"{name}: expected a {_FAST} that the tokenizers library reads. Got "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}. Write it again: "
            "tokenizer.save_pretrained(folder)."
        ) from None
    marks = {mark: said[mark] for mark in sorted(said) if mark.endswith("_token")}
    return json.dumps([{part: fields[part] for part in _DECIDE_IDS}, marks], sort_keys=True)
