"""The Parquet files of a data set: fetched once at one commit, proven byte for byte.

``load_dataset`` finds a data set by its name, and without a network takes whatever revision its
cache holds. Here a file is the one that the hub lists for the commit, or it is refused.
"""

import re
from pathlib import Path

from bench.data.corpus import CorpusError
from bench.data.hub.entry import Entry
from models.checkpoints import CheckpointError
from models.checkpoints.client import Commit, Listing
from models.checkpoints.files import Files


class DataUnavailable(CorpusError):
    """A data set of the hub that is missing, gated, or not what it should be."""


def unwritable(name: str, error: OSError) -> DataUnavailable:
    """What to raise where the cache of a data set of this name cannot be written."""
    return DataUnavailable(
        f"data {name!r}: the cache of what is made of it cannot be written ({error.strerror}). "
        "Make room, or set XDG_CACHE_HOME to a folder that can be written."
    )


def parquet(entry: Entry) -> dict[str, list[Path]]:
    """The files of every split that the data set has, fetched where they are missing, and proven.

    Raises:
        DataUnavailable: the hub does not give them, or gives others.
    """
    again = "run the study again."
    files = Files(f"data {entry.name!r}", _commit(entry), again, entry.sha256)
    try:
        listing = files.recorded() or files.ask(lambda found: _select(entry, found))
        chosen = _select(entry, listing)
        folder = files.commit.snapshot()
        for name in sorted({name for names in chosen.values() for name in names}):
            if not (folder / name).is_file():
                files.commit.download(name)
            files.prove(name, listing[name])
    except CheckpointError as error:
        message = str(error)
        said = f"data {entry.name!r}: "
        raise DataUnavailable(message if message.startswith(said) else said + message) from None
    return {split: [folder / name for name in names] for split, names in chosen.items()}


def _commit(entry: Entry) -> Commit:
    if entry.revision is None:
        raise DataUnavailable(
            f"data {entry.name!r}: no confirmed commit of {entry.repo} is known; give one: "
            f"{entry.name}@<40 hex digits>."
        )
    return Commit(entry.repo, entry.revision, "dataset")


def _select(entry: Entry, listing: Listing) -> dict[str, list[str]]:
    """The files of every split.

    Raises:
        DataUnavailable: a split has none.
    """
    chosen = {}
    for split, pattern in entry.files.items():
        shape = re.compile("[^/]*".join(map(re.escape, pattern.split("*"))))
        chosen[split] = sorted(name for name in listing if shape.fullmatch(name))
        if not chosen[split]:
            has = [name for name in sorted(listing) if name.endswith(".parquet")]
            raise DataUnavailable(
                f"data {entry.name!r}: expected {pattern} at commit {entry.revision} of "
                f"{entry.repo}. Got {', '.join(has[:5]) or 'no Parquet file'}. Give a commit that "
                f"has it: {entry.name.partition('@')[0]}@<40 hex digits>."
            )
    return chosen
