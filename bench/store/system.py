"""Small files in which Linux says what it is and does; elsewhere there are none."""

import re
from pathlib import Path

#: Of the system's files; tests have a folder of files that they write.
ROOT = Path("/")


def read(path: str | Path) -> str | None:
    """A system file's text; None where it is missing or not ours to read."""
    try:
        return _here(path).read_text().strip()
    except OSError:
        return None


def matching(folder: str, pattern: str) -> list[Path]:
    """The system files that a pattern below a folder has, sorted."""
    return sorted(Path("/") / path.relative_to(ROOT) for path in _here(folder).glob(pattern))


def chosen(path: str) -> str | None:
    """The bracketed one of a system file's choices."""
    found = re.search(r"\[(\w+)\]", read(path) or "")
    return found[1] if found else None


def _here(path: str | Path) -> Path:
    return ROOT / Path(path).relative_to("/")
