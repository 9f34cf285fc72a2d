"""Checkpoints on the Hugging Face hub: one commit each, proven before use, kept for offline use.

What the hub lists for a commit (size and digest of every file) is kept beside the hub's own cache,
so that what was fetched once is proven again without a network.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models import weights
from models.hub_client import Commit, HubError, Listing
from models.weights import CheckpointError


@dataclass(frozen=True)
class HubCheckpoint:
    """A checkpoint in a hub repository, at one commit.

    Args:
        name: what users call it.
        repo: ``owner/name`` on the hub.
        revision: 40 hexadecimal digits; None where no commit is known for certain.
        heads: the AutoClasses it is meant for.
        sha256: file name to hash, known beforehand beside what the hub lists.
    """

    name: str
    repo: str
    revision: str | None
    heads: tuple[str, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def source(self) -> str:
        """Where it comes from."""
        return f"hub: {self.repo}"

    @property
    def install(self) -> str:
        """The command that fetches and proves it."""
        name = self.name if self.revision else f"{self.repo}@<40 hex digits>"
        return f"python -m models.checkpoints {name}"

    def path(self) -> Path:
        """The checkpoint's folder in the hub's cache, its files' sizes checked, not their content.

        Raises:
            CheckpointError: it has no commit, or has not been fetched whole.
        """
        commit, listing = self._commit(), self._recorded()
        needed = [] if listing is None else weights.select(listing, self.name)
        if listing is None or any(
            _size(commit.snapshot() / name) != listing[name]["size"] for name in needed
        ):
            raise CheckpointError(f"{self.name} is not here (whole). Fetch it: {self.install}")
        return commit.snapshot()

    def verify(self, *names: str) -> Path:
        """The checkpoint's folder, once the named files (all, where none is named) are proven.

        Whatever is missing is fetched first, and proven as it comes: a checkpoint that was asked
        for anything is here whole, so that nothing is fetched in the middle of a sweep.

        Raises:
            CheckpointError: a file is missing, damaged or unsafe; a :class:`HubError` where the
                hub does not give it.
        """
        folder = self._commit().snapshot()
        listing = self._recorded() or self._list()
        needed = weights.select(listing, self.name)
        for name in names:
            if name not in needed:
                raise CheckpointError(f"{self.name} has no {name}. It has: {', '.join(needed)}.")
        for name in needed:
            missing = not (folder / name).is_file()
            if missing:
                self._commit().download(name)
            if missing or not names or name in names:
                self._prove(name, listing[name])
                weights.refuse_code(folder, self.name)  # before anything larger is fetched
        if not names:
            weights.weight_files(folder, self.name)
        return folder

    def state(self) -> str:
        """``present`` or what is in the way; sizes and headers are read, hashes proven when used.

        Here: ``unsafe`` or ``damaged``. Not here: ``reachable``, ``missing``, ``gated``,
        ``unreachable``, ``unsafe`` or ``unpinned``.
        """
        if self.revision is None:
            return "unpinned"
        try:
            folder = self.path()
        except CheckpointError:
            try:
                self._list()
            except HubError as error:
                return error.state
            except CheckpointError:
                return "unsafe"
            return "reachable"
        return weights.condition(folder, self.name)

    def files(self) -> dict[str, str]:
        """Digest of each of its files as the hub listed them; none before it was asked."""
        listing = self._recorded() or {}
        try:
            names = weights.select(listing, self.name)
        except CheckpointError:
            return {}
        return {name: str(listing[name][_algorithm(listing[name])]) for name in names}

    def digest(self) -> str:
        """Its commit, to which every file is held."""
        return self.revision or weights.MISSING

    def _commit(self) -> Commit:
        if self.revision is None:
            raise CheckpointError(
                f"{self.name} is listed without a commit, because none is known for certain. Look "
                f"up the commits of {self.repo} and give {self.repo}@<40 hex digits> instead."
            )
        return Commit(self.repo, self.revision)

    def _record(self) -> Path:
        return self._commit().folder() / f"rvt-{self.revision}.json"

    def _recorded(self) -> Listing | None:
        """What the hub listed for this commit when it was asked; None where that is not known."""
        try:
            listing: Listing = json.loads(self._record().read_text(encoding="utf-8"))["files"]
            whole = all(
                isinstance(entry["size"], int) and isinstance(entry[_algorithm(entry)], str)
                for entry in listing.values()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None  # never written, or damaged: the hub is asked again
        return listing if whole else None

    def _list(self) -> Listing:
        """Ask the hub for the files of the commit, and keep its answer, written whole or not."""
        listing = self._commit().list_files()
        weights.select(listing, self.name)
        record, part = self._record(), self._record().with_suffix(f".{os.getpid()}.part")
        files = {"repo": self.repo, "revision": self.revision, "files": listing}
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

    def _prove(self, name: str, entry: Mapping[str, Any]) -> None:
        """Refuse a file that is not, byte for byte, the one listed, and remove it."""
        path = self._commit().snapshot() / name
        proofs = {(_algorithm(entry), str(entry[_algorithm(entry)]))}
        if name in self.sha256:
            proofs.add(("sha256", self.sha256[name]))
        for algorithm, expected in sorted(proofs):
            got = weights.git_sha1(path) if algorithm == "git_sha1" else weights.sha256(path)
            if got != expected:
                _discard(path, self._commit().folder())
                raise CheckpointError(
                    f"{self.name}: {name} is not the file of commit {self.revision}. Expected "
                    f"{'git SHA-1' if algorithm == 'git_sha1' else 'SHA-256'} {expected}, got "
                    f"{got or 'no file'}. It was removed; fetch it again: {self.install}"
                )


def _algorithm(entry: Mapping[str, Any]) -> str:
    return "sha256" if "sha256" in entry else "git_sha1"


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _discard(path: Path, cache: Path) -> None:
    """Remove a cached file and the blob it points to; nothing outside the hub's cache."""
    while path.is_symlink():
        target = path.parent / path.readlink()
        path.unlink()
        path = target
    if path.resolve().is_relative_to(cache.parent.resolve()):
        path.unlink(missing_ok=True)
