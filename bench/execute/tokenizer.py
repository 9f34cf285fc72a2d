"""Whether a checkpoint was trained on the token ids that the corpus holds."""

import functools
import json
from typing import Any

from tokenizers import Tokenizer

from models.checkpoints import CONFIG, MINILM, CheckpointError, find

_TOKENIZER = "tokenizer.json"
_DECIDE_IDS = ("added_tokens", "normalizer", "pre_tokenizer", "model")


@functools.lru_cache(maxsize=4)
def _reading(tokenizer: str) -> dict[str, Any]:
    """What of a ``tokenizer.json`` turns text into ids, in the tokenizers library's own form."""
    fields = json.loads(Tokenizer.from_str(tokenizer).to_str())
    return {name: fields[name] for name in _DECIDE_IDS}


def refuse_tokenizer(name: str) -> None:
    """Refuse a checkpoint that was trained on other token ids than the corpus holds.

    Raises:
        CheckpointError: its tokenizer is another, or it has none to compare.
    """
    checkpoint, ours = find(name), MINILM.verify(_TOKENIZER)
    folder = checkpoint.verify(CONFIG)
    if (folder / _TOKENIZER).is_file():
        checkpoint.verify(_TOKENIZER)
    try:
        theirs = _reading((folder / _TOKENIZER).read_text(encoding="utf-8"))
    except Exception as error:
        raise CheckpointError(
            f"{name}: expected a {_TOKENIZER}, to know that the ids of the corpus are its own. Got "
            f"{type(error).__name__}. Put it beside the weights: tokenizer.save_pretrained(folder)."
        ) from None
    if theirs != _reading((ours / _TOKENIZER).read_text(encoding="utf-8")):
        raise CheckpointError(
            f"{name}: expected the tokenizer of {MINILM.name}, through which the corpus is read. "
            "Got another, whose ids mean other tokens. Choose a checkpoint that has it."
        )
