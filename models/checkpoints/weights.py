"""What a checkpoint's files must be before anything is loaded from them, wherever they come from.

Safetensors only, because other formats run code when they are read; no configuration that asks for
code from the repository; no file that was cut short.
"""

import json
import re
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any

from models.checkpoints.contract import CheckpointError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")

#: Configurations that transformers reads, any of which may name code.
CONFIGS = (
    CONFIG,
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer_config.json",
)
#: What a checkpoint consists of beside its weights; all else in a repository is left there.
FILES = (
    *CONFIGS,
    "added_tokens.json",
    "chat_template.jinja",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
)
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_UNSAFE = (".bin", ".ckpt", ".h5", ".msgpack", ".ot", ".pickle", ".pkl", ".pt", ".pth")
_CODE = ("auto_map", "custom_pipelines")
_ADAPTER = "adapter_config.json"
_HEADER_BYTES = 100_000_000  # the limit of the safetensors format
#: What reading a header raises where there is none.
_NO_HEADER = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    struct.error,
)


def select(names: Collection[str], checkpoint: str) -> list[str]:
    """The files of a listing that a checkpoint consists of, configurations first.

    Raises:
        CheckpointError: there are no safetensors, no configuration, or it is an adapter.
    """
    if _ADAPTER in names:
        raise CheckpointError(
            f"{checkpoint}: expected a whole model, got an adapter ({_ADAPTER}), which loads its "
            "base from elsewhere. Merge it into its base and save that."
        )
    whole = [WEIGHTS] if WEIGHTS in names else []
    if not whole and INDEX in names:
        whole = [INDEX, *sorted(name for name in names if _SHARD.fullmatch(name))]
    if not whole:
        unsafe = sorted(name for name in names if name.lower().endswith(_UNSAFE))
        found = f"only {', '.join(unsafe[:5])}, which can run code when read" if unsafe else "none"
        raise CheckpointError(
            f"{checkpoint}: expected weights in {WEIGHTS} (or shards with {INDEX}). Got {found}. "
            "Choose a commit or repository that has safetensors, or convert the weights yourself "
            "with save_pretrained."
        )
    if CONFIG not in names:
        raise CheckpointError(f"{checkpoint}: expected {CONFIG}, got none. Is it a model?")
    return [*(name for name in FILES if name in names), *whole]


def refuse_code(folder: Path, checkpoint: str) -> None:
    """Refuse a checkpoint whose configurations name code of their own; nothing is imported.

    Raises:
        CheckpointError: a configuration names code, or is not JSON.
    """
    for name in CONFIGS:
        if (folder / name).is_file():
            keys = sorted(_keys(read_json(folder / name, checkpoint)) & set(_CODE))
            if keys:
                raise CheckpointError(
                    f"{checkpoint}: {name} asks for code from the repository ({', '.join(keys)}), "
                    "and no such code is ever run here. Choose a checkpoint whose architecture "
                    "transformers has built in."
                )


def read_json(path: Path, checkpoint: str) -> Any:
    """A JSON file of a checkpoint.

    Raises:
        CheckpointError: it cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{checkpoint}: expected JSON in {path.name}. Got {type(error).__name__}."
        ) from None


def _keys(value: Any) -> set[str]:
    """The keys that hold something, at every depth: a sub-configuration can name code too."""
    keys: set[str] = set()
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            keys.update(key for key, held in part.items() if held)
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
    return keys


def weight_files(folder: Path, checkpoint: str) -> list[str]:
    """The safetensors files that hold a checkpoint's tensors, one or its index's shards.

    Raises:
        CheckpointError: the index is damaged, or names a shard that is missing or elsewhere.
    """
    if (folder / WEIGHTS).is_file():
        return [WEIGHTS]
    index = read_json(folder / INDEX, checkpoint)
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not shards:
        raise CheckpointError(f"{checkpoint}: expected a weight_map in {INDEX}, got none.")
    names = sorted({str(shard) for shard in shards.values()})
    for name in names:
        if not _SHARD.fullmatch(name) or not (folder / name).is_file():
            raise CheckpointError(f"{checkpoint}: {INDEX} names the shard {name!r}, got no file.")
    return names


def refuse_truncated(path: Path, checkpoint: str) -> None:
    """Refuse a safetensors file whose length is not the one its own header implies.

    Layout: eight bytes of header length, the header in JSON, the tensors
    (https://huggingface.co/docs/safetensors). What else a header may get wrong (types, shapes,
    gaps between tensors) is for the format's own reader to say.

    Raises:
        CheckpointError: header and length disagree, or the header is not one.
    """
    from safetensors import SafetensorError, safe_open

    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, _HEADER_BYTES)))
        ends = [t["data_offsets"][1] for name, t in header.items() if name != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except _NO_HEADER as error:
        raise CheckpointError(
            f"{checkpoint}: {path.name} is not a safetensors file ({type(error).__name__})."
        ) from None
    if size != expected:
        raise CheckpointError(
            f"{checkpoint}: {path.name} is damaged. Expected {expected:,} bytes, got {size:,}. "
            "Save or copy it again."
        )
    try:
        with safe_open(path, framework="np"):  # reads the header and checks it, no tensor
            pass
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{checkpoint}: {path.name} is damaged ({str(error)[:200]}). Save or copy it again."
        ) from None


def condition(folder: Path, checkpoint: str) -> str:
    """What a folder looks like without hashing it: ``present``, ``unsafe`` or ``damaged``.

    ``unsafe`` is what is no checkpoint that may be loaded; ``damaged`` has weights that cannot be
    read.
    """
    try:
        select([path.name for path in folder.iterdir()], checkpoint)
        refuse_code(folder, checkpoint)
    except (OSError, CheckpointError):
        return "unsafe"
    try:
        for name in weight_files(folder, checkpoint):
            refuse_truncated(folder / name, checkpoint)
    except CheckpointError:
        return "damaged"
    return "present"
