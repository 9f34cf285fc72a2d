"""A report takes its place when it is whole, and what somebody changed there is kept aside."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

#: What was written last, a digest a file: what differs from it now was changed by hand.
LIST = ".written.json"


def place(work: Path, folder: Path, parts: Sequence[str]) -> None:
    """Move the parts of a finished report to where they are read.

    Files there that no report wrote as they are now are kept in a folder ``kept-DATE``, which is
    said on standard error.

    Args:
        work: the finished report.
        folder: where it is to be.
        parts: files and folders of a report; other files of ``folder`` stay as they are.

    Raises:
        OSError: the folder cannot be written.
    """
    new = {path: digest(work / path) for path in _files(work, parts)}
    changed = list(_changed(folder, parts, new))
    if changed:
        aside = _aside(folder)
        for path in changed:
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / path, aside / path)
        print(
            f"{folder}: not as a report wrote it: {changed[0]}"
            f"{f' and {len(changed) - 1} more' if len(changed) > 1 else ''}. Kept in {aside}.",
            file=sys.stderr,
        )
    (work / LIST).write_text(json.dumps(new, indent=0, sort_keys=True) + "\n", "utf-8")
    for name in (*parts, LIST):
        target = folder / name
        if target.is_dir():
            shutil.rmtree(target)
        elif target.exists():
            target.unlink()
        if (work / name).exists():
            (work / name).replace(target)


def _files(folder: Path, parts: Sequence[str]) -> Iterator[str]:
    for name in parts:
        for path in sorted([folder / name, *(folder / name).rglob("*")]):
            if path.is_file():
                yield path.relative_to(folder).as_posix()


def _changed(folder: Path, parts: Sequence[str], new: dict[str, str]) -> Iterator[str]:
    """Files that would be lost: neither as they were written nor as they will be."""
    before = written(folder)
    for path in _files(folder, parts):
        if digest(folder / path) not in (before.get(path), new.get(path)):
            yield path


def written(folder: Path) -> dict[str, str]:
    """What the last report wrote, a digest a file; nothing where no list of it is left."""
    try:
        found = json.loads((folder / LIST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _aside(folder: Path) -> Path:
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    names = [f"kept-{today}", *(f"kept-{today}-{number}" for number in range(2, 1000))]
    return next(folder / name for name in names if not (folder / name).exists())


def digest(path: Path) -> str:
    """Of a file as it is now."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
