"""Which data set of the hub a name is, and beside which offline task it stands.

Nothing heavy is imported, so that a study is checked against it beforehand.
"""

import difflib
import re
from dataclasses import replace

from bench.data.hub.entry import Entry
from bench.data.hub.sets import SETS

_COMMIT = re.compile(r"[0-9a-f]{40}")
_LONGEST_SHOWN = 200  # characters of a name that is none

#: Name -> data set.
CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in SETS}


def names(task: str | None = None) -> tuple[str, ...]:
    """Names of the data sets that stand beside an offline task, or of all."""
    return tuple(entry.name for entry in SETS if task in (None, entry.task))


def find(name: str, task: str | None = None) -> Entry:
    """The data set of this name, ``name`` or ``name@<40 hex digits>``.

    Args:
        name: of the data set.
        task: the offline task that it should stand beside, if that is to be checked.

    Raises:
        ValueError: there is none, or it is another task's, or what follows the @ is no commit.
    """
    known, at, revision = name.partition("@")
    if known not in CATALOGUE:
        shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
        near = difflib.get_close_matches(known, CATALOGUE, n=2, cutoff=0.5)
        guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(
            f"unknown data {shown!r}.{guess} Choose from: offline, {', '.join(CATALOGUE)}; or one "
            "of these at another commit, NAME@<40 hex digits>."
        )
    entry = CATALOGUE[known]
    if task not in (None, entry.task):
        choices = ", ".join(("offline", *names(task)))
        raise ValueError(
            f"task {task!r}: data {known!r} is another task's, {entry.task!r}. Choose from: "
            f"{choices}."
        )
    if not at or revision == entry.revision:
        return entry
    if not _COMMIT.fullmatch(revision):
        raise ValueError(
            f"data {known!r}: {revision[:_LONGEST_SHOWN]!r} is a moving revision or part of a "
            f"commit. Expected 40 hex digits: {known}@{entry.revision or '<40 hex digits>'}."
        )
    # What is known beforehand of its files' content is known of the catalogue's commit alone.
    return replace(entry, name=name, revision=revision, sha256={})
