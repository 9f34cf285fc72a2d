"""A report takes its place when it is whole, and what somebody changed there is kept aside.

Parts of two reports never lie there without a sign: until the last part is in its place the first
page says that it is not, ``claim.json`` is gone, and the next writer completes it.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

#: What was written last, a digest a file: what differs from it now was changed by hand.
LIST = ".written.json"
#: The same of the report that is taking its place.
_NEXT = ".placing.json"
_WORK = ".report-"
_SIGN = (
    "This report is being replaced, or that was stopped: parts of it may be missing or of another "
    "report. Run the study again, or rvt report on this folder, to complete it.\n"
)


class Busy(Exception):
    """Another process is writing the report of this folder."""


@contextmanager
def work(folder: Path) -> Iterator[Path]:
    """A folder in which a report is made before it takes its place; gone afterwards.

    What writers left that were killed is removed.

    Raises:
        Busy: another process is at it.
        OSError: the folder cannot be written.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _locked(lock):
            for left in folder.glob(f"{_WORK}*"):
                shutil.rmtree(left)
        made = Path(tempfile.mkdtemp(dir=folder, prefix=_WORK))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    """Whether nobody else writes here; False where the file system cannot tell."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy from None
    except OSError:
        return False
    return True


def place(work: Path, folder: Path, parts: Sequence[str], signs: Sequence[str] = ()) -> None:
    """Move the parts of a finished report to where they are read.

    Files there that no report wrote as they are now are kept in a folder ``kept-DATE``, which is
    said on standard error.

    Args:
        work: the finished report.
        folder: where it is to be.
        parts: files and folders of a report; other files of ``folder`` stay as they are.
        signs: of these, the pages that say meanwhile that the report is not whole, and JSON that
            is gone meanwhile; the last to take their place, the first of them at the very end.

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
    # All that takes room on the disk, before anything is moved.
    (work / _NEXT).write_text(json.dumps(new, indent=0, sort_keys=True) + "\n", "utf-8")
    before = Path(tempfile.mkdtemp(dir=work))
    pages = [name for name in signs if not name.endswith(".json")]
    for name in pages:
        (work / f"sign-{name}").write_text(_SIGN, "utf-8")
    (work / _NEXT).replace(folder / _NEXT)
    for name in signs:
        if name in pages:
            (work / f"sign-{name}").replace(folder / name)
        else:  # no program takes a sign for an answer
            (folder / name).unlink(missing_ok=True)
    for name in [name for name in parts if name not in signs] + list(reversed(signs)):
        _replace(work / name, folder / name, before)
    (folder / _NEXT).replace(folder / LIST)


def _replace(made: Path, target: Path, before: Path) -> None:
    """Put a part where the one of before is; a folder of before goes where it is removed later."""
    if target.is_dir() or (target.exists() and made.is_dir()):
        target.rename(before / made.name)
    elif not made.exists():
        target.unlink(missing_ok=True)
    if made.exists():
        made.replace(target)


def interrupted(folder: Path) -> bool:
    """Whether a report was taking its place here, and did not get to the end."""
    return (folder / _NEXT).exists()


def _files(folder: Path, parts: Sequence[str]) -> Iterator[str]:
    for name in parts:
        for path in sorted([folder / name, *(folder / name).rglob("*")]):
            if path.is_file():
                yield path.relative_to(folder).as_posix()


def _changed(folder: Path, parts: Sequence[str], new: dict[str, str]) -> Iterator[str]:
    """Files that would be lost: neither as they were written nor as they will be."""
    sign = hashlib.sha256(_SIGN.encode()).hexdigest()[:16]
    before, stopped = written(folder), written(folder, _NEXT)
    for path in _files(folder, parts):
        ours = (before.get(path), stopped.get(path), new.get(path), sign)
        if digest(folder / path) not in ours:
            yield path


def written(folder: Path, name: str = LIST) -> dict[str, str]:
    """What the last report wrote, a digest a file; nothing where no list of it is left."""
    try:
        found = json.loads((folder / name).read_text("utf-8"))
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
