"""What is wrong in a study file, in this suite's words and each with its line."""

import re
from collections.abc import Sequence

from pydantic import ValidationError

from bench import registry
from bench.study.cell import Pretraining, Recurrent
from bench.study.words import Detail, printable, sentence

#: Tables inside a comparison's, and their fields.
_TABLES = {
    "recurrent": list(Recurrent.model_fields),
    "pretraining": list(Pretraining.model_fields),
}

_MOST = 100  # mistakes that are written out: nobody reads more

Place = tuple[str | int, ...]  #: keys and indices that lead to a value: ``("grid", 1, "arm", 0)``


class StudyError(ValueError):
    """A study that cannot be planned; the message lists every mistake."""


class Mistakes:
    """The mistakes of one study file, all of them.

    Args:
        name: of the file.
        text: what it holds.
    """

    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text
        self._found: dict[tuple[Place, str], None] = {}
        self._senseless: set[Place] = set()

    def add(self, where: Place, what: str) -> None:
        """What is wrong at a place."""
        self._found[where, what] = None

    def senseless(self, where: Place, what: str) -> None:
        """What is wrong at a place whatever is meant to be there: no more is said of it."""
        self._senseless.add(where)
        self.add(where, what)

    def take(self, error: ValidationError, table: Place, names: Sequence[str]) -> None:
        """All that pydantic found wrong in the table at a place, whose fields have these names."""
        for detail in error.errors(include_url=False):
            where = (*table, *detail["loc"])
            # An axis that stands by itself is a list of one to pydantic.
            if self._senseless.isdisjoint(where[:depth] for depth in range(1, len(where) + 1)):
                self.add(where, _worded(detail, names))

    def refuse(self) -> None:
        """Raise them, where there are any, in the order of their lines.

        Raises:
            StudyError: all of them.
        """
        told = list(self._found)[:_MOST]
        found = sorted({(_line_of(self._text, at), f"{_dotted(at)}: {what}") for at, what in told})
        lines = [printable(f"{self._name}:{line}: {what}") for line, what in found]
        if (more := len(self._found) - len(told)) > 0:
            lines.append(f"{self._name}: {more:,} more mistakes: mend these first.")
        if lines:
            raise StudyError("\n".join(lines))


def _worded(detail: Detail, names: Sequence[str]) -> str:
    """One of pydantic's complaints in this suite's words."""
    if detail["type"] == "extra_forbidden":
        names = _TABLES.get(str(detail["loc"][-2:][0]), names)
        return registry.unknown("field", str(detail["loc"][-1]), names)
    return sentence(detail)


def _dotted(location: Place) -> str:
    """``('grid', 1, 'arm', 0)`` as ``grid[1].arm[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".")


def _line_of(text: str, location: Place) -> int:
    """The line of a key in a study file: its own, else its table's, else the first."""
    lines = text.splitlines()
    start, keys = 0, list(location)
    index = location[1] if len(location) > 1 else None
    if location[0] in ("grid", "published") and isinstance(index, int):
        pattern = rf"\s*\[\[\s*{location[0]}\s*\]\]"
        headers = [n for n, line in enumerate(lines) if re.match(pattern, line)]
        if index < len(headers):
            start, keys = headers[index], keys[2:]
    elif location[:1] == ("comparison",) and len(location) > 1:
        for depth in (2, 3):  # a comparison's own table, and [comparison.NAME.recurrent]
            dotted = r"\s*\.\s*".join(_quoted(part) for part in location[:depth])
            headers = [n for n, li in enumerate(lines) if re.match(rf"\s*\[\s*{dotted}\s*\]", li)]
            if headers and len(location) >= depth:
                start, keys = headers[0], list(location[depth:])
    if keys:
        for number in range(start, len(lines)):
            if number > start and lines[number].lstrip().startswith("["):
                break
            if re.match(rf"\s*{_quoted(keys[0])}\s*=", lines[number]):
                return number + 1
    if len(location) == 1:  # tables that are not what they should be, the first of them
        headers = [n for n, li in enumerate(lines) if re.match(rf"\s*\[+\s*{_quoted(keys[0])}", li)]
        return headers[0] + 1 if headers else 1
    return start + 1


def _quoted(key: str | int) -> str:
    """A pattern for a key, which may stand in quotes."""
    return rf"[\"']?{re.escape(str(key))}[\"']?"
