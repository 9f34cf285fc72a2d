"""What the files of a report say to who reads them, and where two such files differ."""

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import PurePath

from bench.page.judgement import STATES

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
_STATE = re.compile("|".join(STATES), re.IGNORECASE)
_TOKEN = re.compile(r"[^\s,|<>\"]+")
_SPOKEN = ("alt", "title", "aria-label")  # attributes that a reader hears or sees
_FULL = 12  # digits with which a number is written out whole, not rounded for a reader
_MOST = 60  # characters of a difference that are shown

#: A line that says something: its number from 1, and what it says.
Line = tuple[int, str]


@dataclass(frozen=True)
class Difference:
    """One place where a file does not say what its records do.

    Args:
        file: inside the report's folder.
        line: in it; None for a file as a whole.
        printed: what it says there.
        recomputed: what follows from the records.
        decides: whether a verdict is another one.
    """

    file: str
    line: int | None
    printed: str
    recomputed: str
    decides: bool = False

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: printed {self.printed}, recomputed {self.recomputed}"


class _Said(HTMLParser):
    """Words and numbers of HTML or SVG, each with its line."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._style = tag in ("style", "script")
        for name, value in attrs:
            if name in _SPOKEN and value:
                self.lines.append((self.getpos()[0], value))

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style and (words := " ".join(data.split())):
            self.lines.append((self.getpos()[0], words))


def said(name: str, text: str) -> list[Line]:
    """What a file says to a reader, by its name's ending; nothing of how it looks."""
    if PurePath(name).suffix in (".html", ".svg"):
        parser = _Said()
        parser.feed(text)
        parser.close()
        return parser.lines
    return written(text)


def written(text: str) -> list[Line]:
    """Every line as it is."""
    return list(enumerate(text.splitlines(), 1))


def numbers(name: str, text: str) -> int:
    """How many numbers a reader finds in a file."""
    return sum(len(NUMBER.findall(words)) for _, words in said(name, text))


def differences(
    name: str, before: Sequence[Line], after: Sequence[Line], *, rounded: bool = False
) -> Iterator[Difference]:
    """Where a file says something else than what it should.

    Args:
        name: of the file.
        before, after: its lines, and those that it should have.
        rounded: whether numbers that are written out whole may differ in their last digits.
    """
    first, last = _common(before, after)
    old, new = before[first : len(before) - last], after[first : len(after) - last]
    if len(old) == len(new):
        for (line, printed), (_, right) in zip(old, new, strict=True):
            if printed != right and not (rounded and _agree(printed, right)):
                yield _difference(name, line, printed, right)
    else:  # lines are missing or too many, and the others are no pairs
        line = old[0][0] if old else before[first - 1][0] if first else 1
        whole = [" ".join(text for _, text in part) for part in (old, new)]
        yield _difference(name, line, *whole)


def _common(before: Sequence[Line], after: Sequence[Line]) -> tuple[int, int]:
    """How many lines two files begin and end with that are the same."""
    most, first, last = min(len(before), len(after)), 0, 0
    while first < most and before[first][1] == after[first][1]:
        first += 1
    while last < most - first and before[-1 - last][1] == after[-1 - last][1]:
        last += 1
    return first, last


def _difference(name: str, line: int, printed: str, right: str) -> Difference:
    states = [[s.lower() for s in _STATE.findall(text)] for text in (printed, right)]
    decides = states[0] != states[1]
    return Difference(name, line, *_shown(printed, right), decides=decides)


def _shown(printed: str, right: str) -> tuple[str, str]:
    """The words in which two lines differ, of long ones the beginning."""
    old, new = _TOKEN.findall(printed), _TOKEN.findall(right)
    blocks = difflib.SequenceMatcher(None, old[:400], new[:400], autojunk=False).get_opcodes()
    for what, a, b, c, d in blocks:
        if what != "equal":
            return _short(" ".join(old[a:b])), _short(" ".join(new[c:d]))
    return _short(printed), _short(right)


def _short(text: str) -> str:
    text = text if len(text) <= _MOST else text[: _MOST - 1] + "…"
    return f'"{text}"' if text else "nothing"


def _agree(printed: str, right: str) -> bool:
    """Whether two lines have the same words, and the same numbers to their printed digits."""
    if NUMBER.sub("0", printed) != NUMBER.sub("0", right):
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(right), strict=True)
    return all(a == b or _close(a, b) for a, b in pairs)


def _close(printed: str, right: str) -> bool:
    whole = all(sum(map(str.isdigit, number)) >= _FULL for number in (printed, right))
    values = [float(number.replace(",", "")) for number in (printed, right)]
    return whole and math.isclose(*values, rel_tol=1e-9)
