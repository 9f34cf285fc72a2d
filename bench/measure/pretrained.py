"""Folders of weights that were pretrained here: written whole, proven whenever they are read.

Each is an ordinary folder of Hugging Face's, with the tokenizer that it reads through and a card
that says how it was made. ``made.json`` says the same for the suite, and ``digests.json``, which is
written last, what every file must be.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from transformers import PreTrainedModel

from bench.data import cache
from bench.outcome import Invalid, Unavailable
from models.checkpoints import WEIGHTS, digests
from models.heads import holes
from models.pretext import fill

MADE, DIGESTS, CARD = "made.json", "digests.json", "README.md"


def folder(key: str) -> Path:
    """Where the weights of this key lie, or would."""
    return cache.root() / f"pretrained-{key}"


def read(key: str) -> dict[str, Any] | None:
    """How the weights of a key were made; None where they are not there as they were written.

    ``sha256`` is the digest of the weights.
    """
    place = folder(key)
    try:
        proofs = json.loads((place / DIGESTS).read_text(encoding="utf-8"))
        if any(digests.sha256(place / name) != proof for name, proof in proofs.items()):
            return None
        made: dict[str, Any] = json.loads((place / MADE).read_text(encoding="utf-8"))
        return made | {"key": key, "sha256": proofs[WEIGHTS]}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def write(
    key: str, model: PreTrainedModel, tokenizer: Iterable[Path], made: Mapping[str, Any], card: str
) -> dict[str, Any]:
    """Write a folder beside its place, and move it there; what ``read`` then says.

    Args:
        key: that nothing else has.
        model: with its weights.
        tokenizer: files of the tokenizer that it reads through.
        made: how.
        card: the same for people.

    Raises:
        Unavailable: the cache cannot be written.
    """
    place, temporary = folder(key), None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix=".pretraining-"))
        whole = temporary / "whole"
        model.save_pretrained(whole)
        for file in tokenizer:
            shutil.copy(file, whole)
        (whole / MADE).write_text(json.dumps(made, indent=1), encoding="utf-8")
        (whole / CARD).write_text(card, encoding="utf-8")
        proofs = {path.name: digests.sha256(path) for path in sorted(whole.iterdir())}
        (whole / DIGESTS).write_text(json.dumps(proofs, indent=1), encoding="utf-8")
        if place.exists() and read(key) is None:
            place.rename(temporary / "damaged")
        whole.rename(place)
    except OSError as error:
        if read(key) is None:  # unless another process was first
            raise Unavailable(
                f"the cache {place.name} cannot be written "
                f"({error.strerror or type(error).__name__}). Make room, or set XDG_CACHE_HOME to "
                "a folder that can be written."
            ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    found = read(key)
    if found is None:
        raise Unavailable(f"{place.name} is not what was written. Check the disk, and run again.")
    return found


def load(model: PreTrainedModel, key: str) -> PreTrainedModel:
    """Give a model the weights of a key, in place; what these lack is a new head, and stays.

    Raises:
        Unavailable: they are not there, or not what they were.
        Invalid: they are of another body.
    """
    if read(key) is None:
        raise Unavailable(
            f"expected pretrained weights in {folder(key).name}, whole. Got a folder with files "
            "missing or changed since this was prepared: run again, and they are made anew."
        )
    filled = fill(model, load_file(folder(key) / WEIGHTS))
    if empty := holes(model, set(model.state_dict()) - filled):
        raise Invalid(
            f"expected pretrained weights for the whole {model.config.model_type}. Got none of "
            f"the right shape for {len(empty)} tensors, first {empty[0]}."
        )
    return model
