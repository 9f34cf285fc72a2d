"""What ``rvt ls`` prints; what needs torch is imported by the table that needs it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich import box
from rich.table import Column, Table

from bench import registry, study, tasks
from bench.data import corpus
from bench.tools.console import say

_FETCH = (
    "heads: of AutoModelFor..., those that the architecture has; what a checkpoint's weights lack "
    "of one is drawn from the seed. python -P -m models.checkpoints NAME fetches and verifies one; "
    "an unpinned one needs a commit, owner/name@<40 hex digits>. A state tells what is there by "
    "structure and size; hashes are proven whenever a checkpoint is used"
)


def _studies() -> Iterator[Table]:
    table = Table("study", "cells", "what it measures")
    for name in registry.studies():
        loaded = study.load(name)
        table.add_row(name, str(len(loaded.cells)), loaded.summary)
    yield table


def _tasks() -> Iterator[Table]:
    """Each with its floor and what two baselines score; what these lack, said below."""
    from bench.tools import baselines

    table = Table(
        "task", "kind", "head", "metric", "floor", "majority", "bag of tokens", "lengths",
        "expected winner",
        caption_justify="left",
        box=box.HEAVY_HEAD if sys.stdout.isatty() else None,
        padding=(0, 1),
    )  # fmt: skip
    table.columns[0].no_wrap = True
    missing: dict[str, list[str]] = {}
    for row in task_rows(lambda text: say(text, sys.stderr)):
        table.add_row(*row.cells)
        if row.missing:
            missing.setdefault(row.missing, []).append(row.cells[0])
    caption = (
        "floor: the best guess without looking. majority, bag of tokens: scored on this machine at "
        f"T={baselines.LENGTH}, or the nearest length of the task, from {baselines.TRAINED} rows"
    )
    table.caption = "\n".join(
        [caption, *(f"{', '.join(names)}: {why}" for why, names in missing.items())]
    )
    yield table


@dataclass(frozen=True)
class TaskRow:
    """One line of ``rvt ls tasks``.

    Args:
        cells: as text, in the order of the columns.
        missing: why there are no baselines; empty where there are.
    """

    cells: tuple[str, ...]
    missing: str = ""


def task_rows(say: Callable[[str], None]) -> Iterator[TaskRow]:
    """Every task with its floor and baselines.

    Args:
        say: told what is being scored, as that takes seconds the first time.
    """
    from bench.tools import baselines
    from models.checkpoints import CheckpointError

    library, unavailable = "", ""
    try:
        library = corpus.fingerprint()
    except corpus.CorpusError as error:
        unavailable = str(error)
    for name, entry in registry.tasks().items():
        literals = entry.literals
        found, missing = None, unavailable if tasks.needs(name) == "library" else ""
        if not missing:
            try:
                found = baselines.cached(name, library, say)
            except (corpus.CorpusError, CheckpointError, ImportError) as error:
                missing = str(error).partition("\n")[0]
        floor = found.floor if found else literals["FLOOR"]
        least, most = literals["LENGTHS"]
        cells = (
            name,
            literals["KIND"],
            literals["HEAD"].removeprefix("AutoModelFor"),
            literals["METRIC"],
            floor if isinstance(floor, str) else f"{floor:.4g}",
            f"{found.majority:.4g}" if found else "",
            f"{found.bag_of_tokens:.4g}" if found else "",
            f"{least}-{most}",
            literals["EXPECTED"],
        )
        yield TaskRow(cells, missing)


def _arms() -> Iterator[Table]:
    """The arms; and head x arm: parameters, FLOPs per token, bytes of state, the match error."""
    table = Table("arm", "weights", "kernels", "what it is")
    for name, entry in registry.arms().items():
        say = entry.literals
        table.add_row(name, say["WEIGHTS"], ", ".join(say["KERNELS"]), entry.summary)
    yield table
    from bench.tools import inventory

    table = Table(*inventory.COLUMNS, caption=inventory.CAPTION)
    table.columns[0].no_wrap = True
    for row in inventory.rows():
        table.add_row(*vars(row).values())
    yield table


def _probes() -> Iterator[Table]:
    table = Table("probe", "settings", "what it measures")
    for name, entry in registry.probes().items():
        settings = [*entry.literals["AXES"], *entry.literals["PROTOCOL"]]
        table.add_row(name, ", ".join(settings), entry.summary)
    yield table


def checkpoints(names: Sequence[str] = ()) -> Iterator[Table]:
    """Name, heads, source, revision and state of each, and how to get what is not here.

    The hub is asked for all at once, so that no network costs seconds once and not for each.

    Args:
        names: further ones beside the catalogue's, folders or commits of hub repositories.

    Raises:
        CheckpointError: one of the names is none.
    """
    from models.checkpoints import CATALOGUE, find
    from models.checkpoints.architectures import heads

    listed = {entry.name: entry for entry in (*CATALOGUE.values(), *map(find, names))}.values()
    with ThreadPoolExecutor(max_workers=len(listed)) as pool:
        states = list(pool.map(lambda entry: entry.state(), listed))
    table = Table(
        Column("checkpoint", no_wrap=True),
        Column("heads", min_width=len("SequenceClassification,")),
        Column("source", overflow="fold"),
        "revision",
        "state",
        caption=_FETCH,
        caption_justify="left",
    )
    for entry, state in zip(listed, states, strict=True):
        served = ", ".join(head.removeprefix("AutoModelFor") for head in heads(entry))
        revision = (getattr(entry, "revision", None) or "")[:8]
        wheel = entry.install.startswith("pip ") and state != "present"
        table.add_row(
            entry.name,
            served,
            entry.source,
            revision,
            f"{state}: {entry.install}" if wheel else state,
        )
    yield table


def _claims() -> Iterator[Table]:
    table = Table("claim", "sentence", "quantity", "scope", "what would overturn it")
    table.columns[0].no_wrap = True
    for name, entry in registry.claims().items():
        say = entry.literals
        scope = ", ".join(say["SCOPE"])
        table.add_row(name, say["SENTENCE"], say["QUANTITY"], scope, say["REFUTED"])
    yield table


#: What can be listed, and its tables.
KINDS: dict[str, Callable[[], Iterator[Table]]] = {
    "studies": _studies,
    "tasks": _tasks,
    "arms": _arms,
    "probes": _probes,
    "checkpoints": checkpoints,
    "claims": _claims,
}
