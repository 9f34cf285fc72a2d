"""Checkpoints on the Hugging Face hub: one commit each, proven before use, kept for offline use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.checkpoints import digests, weights
from models.checkpoints.client import Commit, HubError, Listing
from models.checkpoints.contract import CheckpointError
from models.checkpoints.files import Files, algorithm


@dataclass(frozen=True)
class HubCheckpoint:
    """A checkpoint in a hub repository, at one commit.

    Args:
        name: what users call it.
        repo: ``owner/name`` on the hub.
        revision: 40 hexadecimal digits; None where no commit is known for certain.
        heads: the AutoClasses it is meant for.
        sha256: file name to hash, known beforehand beside what the hub lists.
        architecture: its ``model_type`` in transformers; None where that is not known.
    """

    name: str
    repo: str
    revision: str | None
    heads: tuple[str, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict, repr=False)
    architecture: str | None = None

    @property
    def source(self) -> str:
        """Where it comes from."""
        return f"hub: {self.repo}"

    @property
    def install(self) -> str:
        """The command that fetches and proves it."""
        name = self.name if self.revision else f"{self.repo}@<40 hex digits>"
        return f"python -P -m models.checkpoints {name}"

    def path(self) -> Path:
        """The checkpoint's folder in the hub's cache, its files' sizes checked, not their content.

        Raises:
            CheckpointError: it has no commit, or has not been fetched whole.
        """
        commit, listing = self._commit(), self._commit_files().recorded()
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
        files = self._commit_files()
        listing = files.recorded() or self._list()
        needed = weights.select(listing, self.name)
        for name in names:
            if name not in needed:
                raise CheckpointError(f"{self.name} has no {name}. It has: {', '.join(needed)}.")
        for name in needed:
            missing = not (folder / name).is_file()
            if missing:
                self._commit().download(name)
            if missing or not names or name in names:
                files.prove(name, listing[name])
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
        listing = self._commit_files().recorded() or {}
        try:
            names = weights.select(listing, self.name)
        except CheckpointError:
            return {}
        return {name: str(listing[name][algorithm(listing[name])]) for name in names}

    def digest(self) -> str:
        """Its commit, to which every file is held."""
        return self.revision or digests.MISSING

    def _commit(self) -> Commit:
        if self.revision is None:
            raise CheckpointError(
                f"{self.name} is listed without a commit, because none is known for certain. Look "
                f"up the commits of {self.repo} and give {self.repo}@<40 hex digits> instead."
            )
        return Commit(self.repo, self.revision)

    def _commit_files(self) -> Files:
        return Files(self.name, self._commit(), self.install, self.sha256)

    def _list(self) -> Listing:
        """What the hub lists for the commit, asked anew."""
        return self._commit_files().ask(lambda listing: weights.select(listing, self.name))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
