"""The offline corpus's sources: the Python standard library that every interpreter carries.

They are read from the running interpreter and split by file; the manual that the library carries
is split by its pages. The hash covers every path, every byte and the split; results on different
hashes are never mixed.
"""

import ast
import contextlib
import hashlib
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.data import cache
from bench.data.contract import SPLITS

#: The environment variable that names a corpus built elsewhere.
ELSEWHERE = "RVT_CORPUS"

#: Of the text; each split has more than 1,000 documented functions to search among.
SHARES = dict(zip(SPLITS, (0.60, 0.20, 0.20), strict=True))
_TESTS = frozenset({"test", "tests", "idle_test"})
_MANUAL = "pydoc_data/topics.py"
_FORMAT = "5"  # raised when what is cached, or how files are split, changes


class CorpusError(RuntimeError):
    """An interpreter whose standard library cannot serve as the corpus."""


@dataclass(frozen=True)
class Source:
    """One document: a file of the library, or a page of the manual.

    Args:
        path: inside the library; a page's is its file's, ``#`` and its name.
        package: top-level package.
        split: one of ``SPLITS``.
        text: all of it.
        prose: whether it is a page of the manual and no source.
    """

    path: str
    package: str
    split: str
    text: str
    prose: bool


def fingerprint() -> str:
    """Hash of this interpreter's library and of its split; reads files, needs no torch.

    ``RVT_CORPUS`` names another, which was built elsewhere and copied into the cache: machines
    whose interpreters differ then read the same rows.

    Raises:
        CorpusError: the library cannot serve, or what is named is no hash.
    """
    if (named := elsewhere()) is not None:
        return named
    digest = hashlib.sha256(_FORMAT.encode())
    for source in read()[0]:
        digest.update(f"{source.path}\0{source.split}\0".encode())
        digest.update(hashlib.sha256(source.text.encode()).digest())
    return digest.hexdigest()


def elsewhere() -> str | None:
    """The hash of a corpus that is read and not built here; None where there is none.

    Raises:
        CorpusError: what is given is no such hash.
    """
    named = os.environ.get(ELSEWHERE)
    if named and not re.fullmatch(r"[0-9a-f]{64}", named):
        raise CorpusError(
            f"{ELSEWHERE}: expected the 64 hex digits of a corpus, which rvt doctor says where it "
            f"was built. Got {named!r}."
        )
    return named or None


def only(pattern: str) -> Path:
    """What of a corpus from elsewhere lies in the cache by this name.

    Raises:
        CorpusError: nothing does, or more than one.
    """
    found = sorted(cache.root().glob(pattern))
    if len(found) == 1:
        return found[0]
    do = (
        "Keep the one that came with it."
        if found
        else "Copy the corpus-* and tokenizer-* folders of that hash there from where they were "
        "built, or unset it to build this interpreter's own."
    )
    raise CorpusError(
        f"{ELSEWHERE}={elsewhere()}: expected one {pattern} in {cache.root()}. Found "
        f"{', '.join(path.name for path in found) or 'none'}. {do}"
    )


def discard(folder: Path) -> None:
    """Remove a damaged folder of the cache, to be made again.

    Raises:
        CorpusError: it cannot be removed.
    """
    try:
        with contextlib.suppress(FileNotFoundError):  # another process was first
            shutil.rmtree(folder)
    except OSError as error:
        raise CorpusError(
            f"{folder.name} in the cache is damaged and cannot be removed "
            f"({error.strerror or type(error).__name__}). Delete it."
        ) from None


def read() -> tuple[tuple[Source, ...], tuple[str, ...], tuple[str, ...]]:
    """The library's documents, the paths that are not UTF-8, and a manual's that cannot be parsed.

    Tests and machine-specific files are left out. Documents are in the order of :class:`Corpus`.
    """
    root = Path(sysconfig.get_path("stdlib"))
    texts: dict[str, dict[str, str]] = {}
    undecodable, unparsable = [], []
    for path in sorted(_files(root)):
        parts = path.relative_to(root).parts
        top = parts[0].removesuffix(".py")
        if not _TESTS.isdisjoint(parts):
            continue
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            undecodable.append("/".join(parts))
            continue
        try:
            documents = dict(_documents("/".join(parts), text))
        except (SyntaxError, ValueError):
            unparsable.append("/".join(parts))
            continue
        texts.setdefault(top, {}).update(documents)
    if not texts:
        raise CorpusError(
            f"Expected Python sources in the standard library of {sys.executable}. Found none: "
            "this interpreter ships without them. Use a regular CPython 3.11 or newer."
        )
    split = _split(
        {
            package: {path: len(text) for path, text in files.items()}
            for package, files in texts.items()
        }
    )
    found = [
        Source(name, package, split[name], text, prose="#" in name)
        for package, files in texts.items()
        for name, text in files.items()
    ]
    order = list(SPLITS)
    found.sort(key=lambda s: (order.index(s.split), s.prose, s.package, s.path))
    return tuple(found), tuple(undecodable), tuple(unparsable)


def _files(root: Path) -> Iterator[Path]:
    """Python files of the library; what else is installed there is not even listed."""
    for entry in root.iterdir():
        top = entry.name.removesuffix(".py")
        if top in sys.stdlib_module_names - {"__phello__"} and not top.startswith("_sysconfig"):
            yield from [entry] if entry.is_file() else entry.rglob("*.py")


def _documents(path: str, text: str) -> Iterator[tuple[str, str]]:
    """A file; or the pages of the manual, which the library stores as one dictionary.

    Raises:
        SyntaxError, ValueError: the manual is no such thing.
    """
    if path == _MANUAL:
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                for name, page in ast.literal_eval(node.value).items():
                    yield f"{path}#{name}", page
    else:
        yield path, text


def _split(packages: dict[str, dict[str, int]]) -> dict[str, str]:
    """The split of every file, given the sizes of each package's files.

    Every package is shared out by itself, as far as its files allow. One of fewer files than
    there are splits cannot be, and most modules are a file of their own: those are shared out
    together, last, so that they even out what the others left uneven.
    """
    assigned: dict[str, str] = {}
    small: dict[str, int] = {}
    lacking = dict.fromkeys(SPLITS, 0.0)
    for sizes in packages.values():
        due = {name: share * sum(sizes.values()) for name, share in SHARES.items()}
        if len(sizes) < len(SPLITS):
            small |= sizes
        else:
            assigned |= _shared_out(sizes, due)
        for name in SPLITS:
            lacking[name] += due[name]
            lacking[name] -= sum(size for path, size in sizes.items() if assigned.get(path) == name)
    return assigned | _shared_out(small, lacking)


def _shared_out(sizes: dict[str, int], lacking: dict[str, float]) -> dict[str, str]:
    """Assign whole files to splits, the largest first, each to the split that lacks most.

    A file that no split has room for goes to train, so that it is not all that another has.
    """
    left = dict(lacking)
    assigned = {}
    for path in sorted(sizes, key=lambda path: (-sizes[path], path)):
        name = max(left, key=left.__getitem__)
        if left[name] < sizes[path]:
            name = "train"
        assigned[path] = name
        left[name] -= sizes[path]
    return assigned
