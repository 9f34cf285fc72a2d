"""How far a training is, in a file, so that one that was killed goes on from there.

What is random in a training is drawn from PyTorch's generators, which are kept with it; cuDNN
draws the dropout between the layers of a fused recurrence from one of its own, which is not.
"""

import json
import os
import sys
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

EVERY_S = 30.0  #: wall time between two savings, at least
SHARE = 0.01  #: of the wall time that saving may take, on a disk that is slow


@dataclass
class State:
    """What a training goes on from.

    Args:
        tensors: by name.
        said: what else, as JSON has it.
    """

    tensors: dict[str, Tensor]
    said: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``prefix.``, by what comes behind it."""
        start = f"{prefix}."
        return {n.removeprefix(start): t for n, t in self.tensors.items() if n.startswith(start)}


class File:
    """The file of one training. What happens to it is said in the log, and never ends a training.

    Args:
        path: where it lies; its folder is made where it is missing.
        made_with: what has to be the same for a training to go on: its cell, code, versions, ….
    """

    def __init__(self, path: Path, made_with: Mapping[str, str]) -> None:
        self._path, self._made_with = path, dict(made_with)
        self._due = time.monotonic() + EVERY_S

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() >= self._due

    def save(self, state: State) -> None:
        """Put a state in the place of the one before, whole or not at all.

        Without room, or where nothing may be written, the one before stays.
        """
        begun = time.monotonic()
        part = self._path.with_suffix(".part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _write(part, self._made_with, state)
            part.replace(self._path)
            _sync(self._path.parent)
        except (OSError, SafetensorError) as error:
            _say(f"a training goes on without being saved in {self._path}: {error}")
            _remove(part)
        now = time.monotonic()
        self._due = now + max(EVERY_S, (now - begun) / SHARE)

    def load(self) -> State | None:
        """The state that was saved, on the CPU; None where there is none to go on from."""
        if not self._path.exists():
            return None
        try:
            made_with, state = _read(self._path)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            _say(f"{self._path} is no training that was saved whole, so it is begun anew: {error}")
            return None
        names = sorted(made_with.keys() | self._made_with.keys())
        other = [name for name in names if made_with.get(name) != self._made_with.get(name)]
        if other:
            _say(
                f"the training saved in {self._path} is begun anew: it was made with other "
                f"{', '.join(other)} than are here now"
            )
            return None
        return state


def _write(path: Path, made_with: dict[str, str], state: State) -> None:
    tensors: dict[str, Tensor] = {}
    places: set[int] = set()
    for name, tensor in state.tensors.items():
        own = tensor.detach().cpu().contiguous()
        place = own.untyped_storage().data_ptr()
        tensors[name] = own.clone() if place in places else own  # the format has no shared memory
        places.add(place)
    said = {"made_with": made_with, "said": state.said, "crc32": _checksum(tensors)}
    save_file(tensors, path, {name: json.dumps(value) for name, value in said.items()})
    _sync(path)


def _read(path: Path) -> tuple[dict[str, str], State]:
    """What a state was made with, and the state.

    Raises:
        OSError, SafetensorError, ValueError, KeyError, TypeError: it is not what was written.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        made_with, said, checksum = (
            json.loads(metadata[n]) for n in ("made_with", "said", "crc32")
        )
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    if _checksum(tensors) != checksum:
        raise ValueError("its checksum is another")
    return dict(made_with), State(tensors, dict(said))


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    found = 0
    for name in sorted(tensors):
        found = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, found)
    return found


def _sync(path: Path) -> None:
    """Have a file or the names in a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _say(f"{path} is left: {error}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
