"""Pretrained checkpoints as a study names them, and as a record says what it was made with."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bench import registry
from models.checkpoints import MINILM, MISSING, CheckpointError, find

if TYPE_CHECKING:
    from bench.study import Cell

PREFIX = "checkpoint "


def mistake(name: str) -> str | None:
    """What is wrong with a checkpoint's name, None where it can be one; asks no network."""
    try:
        find(name)
    except CheckpointError as error:
        return str(error)
    return None


def used(cell: "Cell") -> set[str]:
    """Names of what a cell's weights and token ids come from; nothing where a task has its own ids.

    Text is read through the bundled checkpoint's tokenizer, whichever arm reads it.
    """
    literals = registry.tasks()[cell.task].literals
    if "VOCABULARY" in literals or "FEATURES" in literals:
        return set()
    return {MINILM.name, cell.model.checkpoint or MINILM.name}


def made_of(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Source, digest and every file's own digest of checkpoints as they are now.

    One that cannot be had is left out: nothing can be made with it.
    """
    made = {}
    for name in sorted(names):
        if mistake(name) is None and (digest := find(name).digest()) != MISSING:
            found = find(name)
            made[name] = {"source": found.source, "digest": digest, "files": found.files()}
    return made


def digests(made: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """The same as part of a provenance: ``checkpoint NAME`` -> digest."""
    return {PREFIX + name: checkpoint["digest"] for name, checkpoint in made.items()}
