"""Where a report lies, and what others call that place."""

from pathlib import Path
from urllib.parse import urlsplit

from bench.report import answers
from bench.report.answers import AnswersError


def folder(place: Path) -> Path:
    """The folder of a report, of which this is the folder or a file.

    Raises:
        AnswersError: it is none.
    """
    if not place.exists():
        raise AnswersError(
            f"no report at {place}: expected its folder or one of its pages. There is no such file"
        )
    inside = [place] if place.is_dir() else [place.parent, place.parent.parent]
    for candidate in inside:
        if (candidate / answers.FILE).is_file():
            return candidate
    raise AnswersError(
        f"no report at {place}: expected a folder with {answers.FILE}, or a page in one; "
        "rvt report RECORDS writes it from a store or a file of records"
    )


def spoken(place: Path) -> str:
    """How others name a report's folder: as it was named here, unless that is of this machine."""
    if place.is_absolute() or ".." in place.parts or not place.name:
        return place.resolve().name
    return place.as_posix()


def address(text: str) -> str:
    """A URL as it can be cited.

    Raises:
        AnswersError: it is none.
    """
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        fine = None
    if not fine or not text.isascii() or set(text) & set(' "<>\\^`{|}') or not text.isprintable():
        raise AnswersError(
            f"expected an address, https://example.org/report, its special characters as %XX. "
            f"Got {text!r}"
        )
    return text
