"""What a task asks for at least: the scores of two ways to answer that learn next to nothing.

``majority`` answers without looking at its row, as training rows are answered most often. ``bag of
tokens`` looks at what stands in a row but not at its order, or at one token at a time. A model that
does no better has not learnt what the task is about.

They are scored by the task's own metric on its own test rows, on this machine, once: scores are
cached by what they were computed from. How each head is answered stands in
:mod:`bench.tools.scorers`.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import registry, tasks
from bench.data import cache
from bench.tasks import LengthError, Rows
from bench.tasks.search import chance
from bench.tools import scorers

LENGTH = 64  #: tokens of the windows, or the nearest that the task has
TRAINED, TESTED = 4096, 1000  #: rows, or half of that, and so on, where a split has not as many


class BaselineError(ImportError):
    """What baselines are computed with is not installed."""


@dataclass(frozen=True)
class Baselines:
    """Scores of a task by its metric.

    Args:
        length: tokens of the windows.
        floor: what the task says of the best guess without looking.
        majority, bag_of_tokens: what the two were seen to score.
    """

    length: int
    floor: float | None
    majority: float
    bag_of_tokens: float


def cached(name: str, library: str, say: Callable[[str], None] | None = None) -> Baselines:
    """The baselines of a task from the cache, scored first where it lacks them.

    Args:
        name: of the task.
        library: what :func:`bench.data.corpus.fingerprint` returned.
        say: told when they are scored, and where the cache cannot be written.

    Raises:
        BaselineError: and what :func:`bench.tasks.open_data` raises.
    """
    folder = cache.root() / "baselines"
    key = hashlib.sha256("\0".join([name, _data(name, library), _code(name)]).encode())
    path = folder / f"{name}-{key.hexdigest()[:16]}.json"
    if path.is_file():
        return Baselines(**json.loads(path.read_text(encoding="utf-8")))
    if say is not None:
        say(f"{name}: scoring its baselines, once")
    found = score(name, tasks.open_data(name, tasks.OFFLINE, library))
    try:
        _keep(path, found)
    except OSError as error:  # what was found is as good, if it is to be found again each time
        if say is not None:
            say(f"{name}: its baselines cannot be cached ({error.strerror})")
    return found


def _keep(path: Path, found: Baselines) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".scoring-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(found), file)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def score(
    name: str, data: Any, length: int | None = None, trained: int = TRAINED, tested: int = TESTED
) -> Baselines:
    """The baselines of a task.

    Args:
        name, data: of the task.
        length: tokens of a window, None for ``LENGTH`` or the nearest that the task has.
        trained, tested: rows to learn from and to be scored on, or half as many, and so on, where
            a split has fewer.

    Raises:
        BaselineError: scikit-learn is not installed.
        LengthError: the data has no such window.
    """
    try:
        import sklearn  # noqa: F401  # an extra of the package
    except ImportError:
        raise BaselineError(
            "baselines expected scikit-learn. It is not installed: "
            "pip install 'rnn-vs-transformer[offline]'."
        ) from None
    task = tasks.load(name)
    if length is None:
        least, most = task.LENGTHS
        length = min(max(LENGTH, least), most)
    train = _drawn(name, data, "train", length, trained)
    test = _drawn(name, data, "test", length, tested)
    majority, bag_of_tokens = scorers.SCORERS[task.HEAD](scorers.Setting(task, data, train, test))
    floor = tasks.floor(task, length)
    if task.METRIC == "MRR":  # which falls with the number of candidates
        floor = chance(tasks.size(test))
    return Baselines(length, floor, majority, bag_of_tokens)


def _data(name: str, library: str) -> str:
    """What the rows of a task are cut from, as text."""
    need = tasks.needs(name)
    if need == "digits":
        from bench.data import digits

        return digits.SHA256  # which is verified before they are used
    return library if need else "generated"


def _code(name: str) -> str:
    """Hash of the files that decide a task's rows and their scores."""
    here = Path(__file__).parents[1]
    files = [Path(__file__), Path(scorers.__file__), here / "data" / "metrics.py"]
    files += [registry.tasks()[name].path, *sorted((here / "data").rglob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _drawn(name: str, data: Any, split: str, length: int, count: int) -> Rows:
    """``count`` rows, or half as many, and so on down to one."""
    while True:
        try:
            return tasks.draw(name, data, split, length, count, seed=0)
        except LengthError:
            if count == 1:
                raise
            count //= 2
