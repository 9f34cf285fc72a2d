"""What records must share to be compared: code, versions, processor, and what models start from."""

import functools
import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import tasks
from bench.data.contract import CORPUS
from bench.store import sources
from models.checkpoints import MINILM, MISSING, CheckpointError, find

if TYPE_CHECKING:
    from bench.study import Cell

PACKAGES = ("torch", "transformers", "datasets", "tokenizers", "numpy")
CHECKPOINT = "checkpoint "  #: begins the name of what a checkpoint adds
_ROOT = Path(__file__).parents[2]
#: Set by git for its hooks: with one of them it looks into another repository than it is sent to.
_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
)


def shared(cpu: str, threads: int) -> dict[str, str]:
    """What records must share to be compared: code, versions, processor and threads."""
    return {
        "code": code_hash(sources.begun().digests),
        "cpu": cpu,
        "threads": str(threads),
    } | versions()


@functools.cache
def versions() -> dict[str, str]:
    """Versions of the interpreter and of what can change a number, when first asked for."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version()} | found


def code_hash(digests: Mapping[str, str]) -> str:
    """Hash of every source file that can change a measurement; reports and doors cannot.

    Of a probe that is all but what its report is made of; installed extensions count as well.

    Args:
        digests: of the files by name, see ``sources.begun``.
    """
    text = "".join(f"{name}\0{digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def commit() -> tuple[str | None, bool | None]:
    """The checkout's commit and whether files differ from it; None outside a checkout.

    As they were when this process first asked: what is committed later is not what it runs.
    """
    if not (_ROOT / ".git").exists():
        return None, None
    try:
        head = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return head, bool(changes)


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(_ROOT), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in _ELSEWHERE},
    ).stdout.strip()


def used(cell: "Cell") -> set[str]:
    """Names of checkpoints that a cell's weights and token ids come from.

    None where a task has ids of its own, or is read through the corpus's tokenizer.
    """
    if cell.model.tokenizer == CORPUS or not tasks.reads_text(cell.task):
        return set()
    return {cell.model.checkpoint or MINILM.name}


def made_of(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Source, digest and every file's own digest of checkpoints as they are now.

    One that cannot be had is left out: nothing can be made with it.
    """
    made = {}
    for name in sorted(names):
        try:
            checkpoint = find(name)
        except CheckpointError:
            continue
        if (digest := checkpoint.digest()) != MISSING:
            made[name] = {
                "source": checkpoint.source,
                "digest": digest,
                "files": checkpoint.files(),
            }
    return made


def digests(made: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """The same as part of a provenance: ``checkpoint NAME`` -> digest."""
    return {CHECKPOINT + name: checkpoint["digest"] for name, checkpoint in made.items()}
