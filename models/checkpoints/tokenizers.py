"""The tokenizer of a checkpoint: a folder with its ``tokenizer.json``, proven."""

import hashlib
import json
from pathlib import Path
from typing import Any

from models.checkpoints import digests
from models.checkpoints.contract import Checkpoint, CheckpointError
from models.checkpoints.local import WheelCheckpoint
from models.checkpoints.weights import CONFIG, TOKENIZER

#: Marks that a row may be framed with, by their names in transformers.
MARKS = ("bos_token", "cls_token", "sep_token", "eos_token", "pad_token")
#: Files that say which tokens they are.
MARKED = ("tokenizer_config.json", "special_tokens_map.json")
_FORMAT = "2"  # raised when what is read through one changes
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
        made_of = _reading(checkpoint.name, folder)
    return folder, hashlib.sha256(made_of.encode()).hexdigest()


def _reading(name: str, folder: Path) -> str:
    """What of a tokenizer turns text into ids, and which of these are marks, as one text."""
    from tokenizers import Tokenizer  # only where there is one to read

    try:
        fields = json.loads(Tokenizer.from_file(str(folder / _FAST)).to_str())
        marks = said(folder)
    except Exception as error:  # noqa: BLE001  # the tokenizers library raises no other
        raise CheckpointError(
            f"{name}: expected a {_FAST} that the tokenizers library reads, and its marks. Got "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}. Write it again: "
            "tokenizer.save_pretrained(folder)."
        ) from None
    decide = {part: fields[part] for part in _DECIDE_IDS}
    return json.dumps([_FORMAT, decide, marks], sort_keys=True)


def said(folder: Path) -> dict[str, str]:
    """The marks that the files of a tokenizer name, as text; the later file counts.

    One may stand there as text or as an object that has the text as its ``content``.

    Raises:
        ValueError: a file is no JSON object, or a mark is neither.
    """
    found: dict[str, Any] = {}
    for file in MARKED:
        if (path := folder / file).is_file():
            read = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(read, dict):
                raise ValueError(f"expected an object in {file}. Got {type(read).__name__}")
            found |= {name: read[name] for name in MARKS if name in read}
    marks: dict[str, str] = {}
    for name, mark in found.items():
        text = mark.get("content") if isinstance(mark, dict) else mark
        if isinstance(text, str):
            marks[name] = text
        elif mark is not None:
            raise ValueError(f"expected a text as {name}. Got {type(text).__name__}")
    return marks
