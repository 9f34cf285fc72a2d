"""Lines of a file, one JSON object each, neither too long nor too deep; a bad one is named."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from bench.store.database import StoreError

_LONGEST_LINE = 16 << 20
_DEEPEST = 20


def read(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number, from 1, and text of each line of a file, packed where its name says so.

    Raises:
        StoreError: it is not there, its end is lost, or a line is too long.
    """
    number = 0
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            while line := file.readline(_LONGEST_LINE + 1):
                number += 1
                if len(line) > _LONGEST_LINE:
                    raise StoreError(
                        f"{path}: line {number}: expected at most {_LONGEST_LINE >> 20} MiB"
                    )
                yield number, line.removesuffix(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StoreError(
            f"{path}: damaged behind line {number} ({error}). Take a whole copy."
        ) from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None


def parsed(path: Path, number: int, text: bytes) -> dict[str, Any]:
    """The object of a line.

    Raises:
        StoreError: it is no JSON, no object, or nested too deep.
    """
    try:
        value = _DECODER.decode(text.decode())
        if not isinstance(value, dict):
            raise TypeError(f"expected an object, got {type(value).__name__}")
        if _depth(value) > _DEEPEST:
            raise ValueError(f"nested deeper than {_DEEPEST}")
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"{path}: line {number} is no record: {error}"[:300]) from None
    return value


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


_CONTAINERS = frozenset({dict, list})


def _depth(value: Any) -> int:
    """How deep lists and objects lie in one another."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        level = [one for container in level for one in _inside(container)]
    return depth


def _inside(container: Any) -> list[Any]:
    """Lists and objects that lie in one; traces, which are long, hold numbers only."""
    values = container.values() if isinstance(container, dict) else container
    if _CONTAINERS.isdisjoint(map(type, values)):  # without a step of Python for each number
        return []
    return [value for value in values if type(value) in _CONTAINERS]
