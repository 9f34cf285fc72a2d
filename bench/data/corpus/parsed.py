"""What Python's own parser says of every source, kept in the cache for the next tokenizer.

Parsing is most of what building takes, and the same for all of them. A file of the cache that is
missing, damaged or of another parser is made anew.
"""

import contextlib
import hashlib
import json
import os
import platform
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data import cache
from bench.data.corpus import labels
from bench.data.corpus.library import Source

_PARSER = Path(labels.__file__).read_bytes()  # now: what is imported, if it is edited later
_DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)


class Parsed:
    """The readings of all sources, each put together when it is asked for.

    Args:
        arrays: ``begins`` and ``roles`` of all tokens, ``counts`` of tokens of each source, and
            ``rest``, its functions and questions as JSON, one line a source.
    """

    def __init__(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self._begins, self._roles = arrays["begins"], arrays["roles"]
        self._edges = np.concatenate([[0], np.cumsum(arrays["counts"])])
        self._rest = arrays["rest"].tobytes().splitlines()

    def reading(self, n: int) -> labels.Reading | None:
        """Of the source of this index; None of a page of the manual, and what does not parse."""
        rest = json.loads(self._rest[n])
        if rest is None:
            return None
        here = slice(*self._edges[n : n + 2])
        return labels.Reading(
            self._begins[here].astype(np.int64),
            self._roles[here],
            [
                labels.Function(name, _span(whole), _span(called), doc and _span(doc), summary)
                for name, whole, called, doc, summary in rest["functions"]
            ],
            [
                labels.Question(function, parameter and _span(parameter), _span(answer))
                for function, parameter, answer in rest["questions"]
            ],
        )


def _span(pair: Sequence[int]) -> labels.Span:
    return pair[0], pair[1]


def parsed(sources: Sequence[Source]) -> Parsed:
    """The readings of these sources, from the cache where it has them."""
    path = cache.root() / f"parsed-{_name(sources)}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Parsed({name: arrays[name] for name in ("begins", "roles", "counts", "rest")})
    except _DAMAGE:
        made = _parse(sources)
    with contextlib.suppress(OSError):  # the corpus is put there next, and says so
        _put(path, made)
    return Parsed(made)


def _name(sources: Sequence[Source]) -> str:
    """What is parsed, and the parser."""
    digest = hashlib.sha256(f"1 {platform.python_version()}".encode())
    digest.update(_PARSER)
    for source in sources:
        digest.update(hashlib.sha256(source.text.encode()).digest() + bytes([source.prose]))
    return digest.hexdigest()[:16]


def _parse(sources: Sequence[Source]) -> dict[str, npt.NDArray[Any]]:
    begins, roles, counts, rest = [], [], [], []
    for source in sources:
        reading = _read(source)
        counts.append(0 if reading is None else len(reading.begins))
        if reading is None:
            rest.append("null")
            continue
        begins.append(reading.begins.astype(np.int32))
        roles.append(reading.roles)
        functions = [astuple(function) for function in reading.functions]
        questions = [astuple(question) for question in reading.questions]
        rest.append(json.dumps({"functions": functions, "questions": questions}))
    return {
        "begins": np.concatenate([np.zeros(0, dtype=np.int32), *begins]),
        "roles": np.concatenate([np.zeros(0, dtype=np.int8), *roles]),
        "counts": np.asarray(counts, dtype=np.int64),
        "rest": np.frombuffer("\n".join(rest).encode(), dtype=np.uint8),
    }


def _read(source: Source) -> labels.Reading | None:
    if source.prose:
        return None
    try:
        return labels.read(source.text)
    except SyntaxError:
        return None


def _put(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Write beside its place, and move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".parsing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(
                file,
                begins=arrays["begins"],
                roles=arrays["roles"],
                counts=arrays["counts"],
                rest=arrays["rest"],
            )
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
