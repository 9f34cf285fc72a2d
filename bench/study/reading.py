"""A study file as the table that it holds, or one sentence why it holds none.

What no study can mean is found here, once for all of its values, before any is read as a setting:
numbers that no machine counts with, dates, tables in tables in tables, and characters that would
write over a terminal.
"""

import datetime
import re
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.study.mistakes import Place, StudyError
from bench.study.words import printable

_MOST_BYTES = 1_000_000
_DEEPEST = 8  # a comparison's own tables are the fourth
_LONGEST_NAME = 60  # characters, of what is printed beside every number and may be a folder's
_LONGEST_TEXT = 2000
_LARGEST = 2**63 - 1
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNPRINTABLE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDI}]")
_BY_NAME = ("comparison",)  # tables whose keys a study makes up
_NO_FOLDER = re.compile(r"""[.~ -].*|.*[. ]|.*[/\\:*?"<>|].*|""", re.DOTALL)


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a study file, and the table that it holds.

    Raises:
        StudyError: it cannot be read, or is no TOML; the line is named where there is one.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise StudyError(f"{called(path)}: expected a TOML file. Got something else.")
        if found.st_size > _MOST_BYTES:
            raise StudyError(
                f"{called(path)}: expected at most {_MOST_BYTES:,} bytes. Got {found.st_size:,}."
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StudyError(f"{called(path)}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{called(path)}: cannot be read as TOML: expected UTF-8. Got another byte at "
            f"{error.start}."
        ) from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line (\d+), (column \d+)", place)
        where, at = (f":{line[1]}", f", at {line[2]}") if line else ("", ", at the end of the file")
        raise StudyError(
            printable(f"{called(path)}{where}: cannot be read as TOML: {what}{at}.")[:300]
        ) from None
    except RecursionError:
        line_of = _first(text, lambda row: row.count("[") + row.count("{") > _DEEPEST)
        raise StudyError(
            f"{called(path)}:{line_of}: cannot be read as TOML: expected tables and lists at most "
            f"{_DEEPEST} deep. Got hundreds."
        ) from None
    except ValueError:  # of int(), which refuses thousands of digits
        line_of = _first(text, lambda row: re.search(r"\d(?:_?\d){4000}", row) is not None)
        raise StudyError(
            f"{called(path)}:{line_of}: cannot be read as TOML: expected a number of at most "
            f"{_LARGEST:,}. Got thousands of digits."
        ) from None


def named(path: Path) -> str:
    """What a study of this file is called, as its folder of records is.

    Raises:
        StudyError: no folder can be called so everywhere.
    """
    name = path.stem
    if len(name) > _LONGEST_NAME or not name.isprintable() or _NO_FOLDER.fullmatch(name):
        raise StudyError(
            f"{called(path)}: expected a file's name that a folder can have too, as the study's "
            f"records lie in one: at most {_LONGEST_NAME} characters before '.toml', of them none "
            """of / \\ : * ? " < > | and no '.', '~', '-' or space first, no '.' or space last. """
            "Rename it."
        )
    return name


def called(path: Path) -> str:
    """The file's name, as messages begin with it."""
    name = printable(path.name)
    return name if len(name) <= _LONGEST_NAME + 16 else f"{name[:_LONGEST_NAME]}…"


def senseless(content: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Values that no setting can have, each with its place."""
    todo: list[tuple[Place, Any]] = [((key,), value) for key, value in content.items()]
    for key in content:
        yield from _wrong_name((key,), key)
    while todo:
        place, value = todo.pop()
        if len(place) > _DEEPEST:
            yield place[:_DEEPEST], f"expected tables and lists at most {_DEEPEST} deep."
        elif isinstance(value, dict):
            todo += [((*place, key), inner) for key, inner in value.items()]
            for key in value:
                yield from _wrong_name((*place, key), key)
        elif isinstance(value, list):
            todo += [((*place, index), inner) for index, inner in enumerate(value)]
        elif (wrong := _wrong_value(value)) is not None:
            yield place, wrong


def _wrong_name(place: Place, key: str) -> Iterator[tuple[Place, str]]:
    """A key that cannot be printed; a longer one only where a study makes it up."""
    if _UNPRINTABLE.search(key) or "\n" in key or "\t" in key:
        yield place, "expected a name without control characters."
    elif place[0] in _BY_NAME and len(place) == 2:
        if not key.strip():
            yield place, "expected a name. Got an empty one."
        elif len(key) > _LONGEST_NAME:
            yield (
                place,
                f"expected a name of at most {_LONGEST_NAME} characters. Got {len(key):,}.",
            )


def _wrong_value(value: Any) -> str | None:
    """What makes a value one that no setting can have; None for all others."""
    if isinstance(value, datetime.date | datetime.time):
        return f"expected text, a number, true or false. Got the date or time {value}: quote it."
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        digits = int(value.bit_length() * 0.30103) + 1
        return f"expected a number of at most {_LARGEST:,}. Got one of about {digits:,} digits."
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            return f"expected at most {_LONGEST_TEXT:,} characters. Got {len(value):,}."
        if found := _UNPRINTABLE.search(value):
            return f"expected text without control characters. Got {found[0]!r} in it."
    return None


def _first(text: str, found: Callable[[str], bool]) -> int:
    """The first line that is such a one, or the first of all."""
    return next((n for n, row in enumerate(text.splitlines(), 1) if found(row)), 1)
