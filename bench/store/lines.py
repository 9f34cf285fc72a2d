"""Lines of a file, one JSON object each, neither too long nor too deep; a bad one is named."""

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn


class StoreError(RuntimeError):
    """A store or a file of records that is locked, damaged, or not to be written."""


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
        StoreError: it is none, see ``decoded``.
    """
    try:
        return decoded(text.decode())
    except ValueError as error:
        raise StoreError(f"{path}: line {number} is no record: {error}"[:300]) from None


def decoded(text: str) -> dict[str, Any]:
    """The object that a text is, every number in it finite.

    Raises:
        ValueError: it is no JSON, no object, nested too deep, or a number is beyond a float.
    """
    decoder = _CAREFUL if _may_be_huge(text) else _DECODER
    try:
        value = decoder.decode(text)
    except RecursionError:
        raise ValueError(f"nested deeper than {_DEEPEST}") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {type(value).__name__}")
    if _depth(value) > _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST}")
    return value


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"{digits[:40]}... is beyond a float")
    return int(digits)


def _may_be_huge(text: str) -> bool:
    """Whether there may be a whole number of very many digits: one would fill such a block."""
    block = _MOST_DIGITS // 2
    return any(text[at : at + block].isdigit() for at in range(0, len(text), block))


_MOST_DIGITS = 300
_DECODER = json.JSONDecoder(parse_constant=_no_number)
#: A step of Python for each whole number is slow, and seldom needed.
_CAREFUL = json.JSONDecoder(parse_constant=_no_number, parse_int=_whole)


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
    values = list(container.values()) if isinstance(container, dict) else container
    if math.inf in values or -math.inf in values:  # what is written as 1e999
        raise ValueError("a number is beyond a float")
    if _CONTAINERS.isdisjoint(map(type, values)):  # without a step of Python for each number
        return []
    return [value for value in values if type(value) in _CONTAINERS]
