"""Small files in which Linux says what it is and does; elsewhere there are none."""

import re
from pathlib import Path


def read(path: str | Path) -> str | None:
    """A system file's text; None where it is missing or not ours to read."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def chosen(path: str) -> str | None:
    """The bracketed one of a system file's choices."""
    found = re.search(r"\[(\w+)\]", read(path) or "")
    return found[1] if found else None
