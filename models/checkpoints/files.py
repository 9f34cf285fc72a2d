"""The files of one commit of a hub repository, proven byte for byte, kept for offline use.

What the hub lists for a commit (size and digest of every file) is kept beside the hub's own cache,
so that what was fetched once is proven again without a network.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.checkpoints import digests
from models.checkpoints.client import Commit, Listing
from models.checkpoints.contract import CheckpointError


@dataclass(frozen=True)
class Files:
    """The files of a commit.

    Args:
        name: what users call it.
        commit: whose files.
        again: how to fetch them again, in words or as a command.
        sha256: file name to hash, known beforehand beside what the hub lists.
    """

    name: str
    commit: Commit
    again: str
    sha256: Mapping[str, str] = field(default_factory=dict, repr=False)

    def recorded(self) -> Listing | None:
        """What the hub listed for this commit when it was asked; None where that is not known."""
        try:
            listing: Listing = json.loads(self._record().read_text(encoding="utf-8"))["files"]
            whole = all(
                isinstance(entry["size"], int) and isinstance(entry[algorithm(entry)], str)
                for entry in listing.values()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None  # never written, or damaged: the hub is asked again
        return listing if whole else None

    def ask(self, accept: Callable[[Listing], object]) -> Listing:
        """Ask the hub for the files of the commit, and keep its answer, written whole or not.

        Args:
            accept: raises where what is listed is not what is wanted; that is not kept.

        Raises:
            CheckpointError: the hub does not answer, or the cache cannot be written.
        """
        listing = self.commit.list_files()
        accept(listing)
        record, part = self._record(), self._record().with_suffix(f".{os.getpid()}.part")
        files = {"repo": self.commit.repo, "revision": self.commit.revision, "files": listing}
        try:
            record.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(files, indent=1), encoding="utf-8")
            part.replace(record)
        except OSError as error:
            raise CheckpointError(
                f"{self.name}: the hub's cache cannot be written ({error.strerror}). Make room, or "
                "set HF_HOME to a folder that can be written."
            ) from None
        return listing

    def prove(self, file: str, entry: Mapping[str, Any]) -> None:
        """Refuse a file that is not, byte for byte, the one listed, and remove it.

        Raises:
            CheckpointError: it is another, naming both digests.
        """
        path = self.commit.snapshot() / file
        proofs = {(algorithm(entry), str(entry[algorithm(entry)]))}
        if file in self.sha256:
            proofs.add(("sha256", self.sha256[file]))
        for kind, expected in sorted(proofs):
            got = digests.git_sha1(path) if kind == "git_sha1" else digests.sha256(path)
            if got != expected:
                _discard(path, self.commit.folder())
                raise CheckpointError(
                    f"{self.name}: {file} is not the file of commit {self.commit.revision}. "
                    f"Expected {'git SHA-1' if kind == 'git_sha1' else 'SHA-256'} {expected}, "
                    f"got {got or 'no file'}. It was removed; fetch it again: {self.again}"
                )

    def _record(self) -> Path:
        return self.commit.folder() / f"rvt-{self.commit.revision}.json"


def algorithm(entry: Mapping[str, Any]) -> str:
    """The digest by which a listing knows a file."""
    return "sha256" if "sha256" in entry else "git_sha1"


def _discard(path: Path, cache: Path) -> None:
    """Remove a cached file and the blob it points to; nothing outside the hub's cache."""
    while path.is_symlink():
        target = path.parent / path.readlink()
        path.unlink()
        path = target
    if path.resolve().is_relative_to(cache.parent.resolve()):
        path.unlink(missing_ok=True)
