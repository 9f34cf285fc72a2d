"""Digests of files, by which a checkpoint is told from any other."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: The digest of a checkpoint that cannot be had.
MISSING = "missing"

_CHUNK_BYTES = 1 << 20


def sha256(path: Path) -> str | None:
    """Hex SHA-256 of a file, or None where there is none to read."""
    return _digest(path, hashlib.sha256())


def of(files: Mapping[str, str]) -> str:
    """SHA-256 of the names and hashes of several files, in whichever order."""
    text = "".join(f"{name} {held}\n" for name, held in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def git_sha1(path: Path) -> str | None:
    """Git's name of a file's content, by which the hub lists what is not in LFS."""
    try:
        header = f"blob {path.stat().st_size}\0".encode()
    except OSError:
        return None
    return _digest(path, hashlib.sha1(header, usedforsecurity=False))


def _digest(path: Path, digest: Any) -> str | None:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return str(digest.hexdigest())
