"""What a checkpoint answers, wherever its weights come from."""

from pathlib import Path
from typing import Protocol


class CheckpointError(RuntimeError):
    """A checkpoint that is missing, is not what it should be, or may not be loaded."""


class Checkpoint(Protocol):
    """Weights with a name, and the folder that they are loaded from once they are proven."""

    @property
    def name(self) -> str:
        """What users call it; :func:`find` takes it back."""

    @property
    def heads(self) -> tuple[str, ...]:
        """The AutoClasses it is meant for; empty where that is not known."""

    @property
    def source(self) -> str:
        """Where it comes from, in words."""

    @property
    def install(self) -> str:
        """The command that puts it in place."""

    def path(self) -> Path:
        """Its folder, present but not verified."""

    def verify(self, *names: str) -> Path:
        """Its folder, once the named files (all, where none is named) are verified."""

    def state(self) -> str:
        """One word: ``present``, or what is in the way, found without hashing anything."""

    def files(self) -> dict[str, str]:
        """Digest of each of its files, as far as they are known without a network."""

    def digest(self) -> str:
        """What differs where its files differ: a pin, or where there is none, their hash."""
