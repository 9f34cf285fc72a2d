"""The offline corpus: the Python standard library that every interpreter carries.

Sources are read from the running interpreter, split by file, tokenized once with the pretrained
checkpoint's own tokenizer and cached as Arrow, the functions that say what they do beside them.
The hash covers every path, every byte and the split; results on different hashes are never mixed.
"""

import ast
import hashlib
import itertools
import json
import os
import shutil
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from models.checkpoints import WheelCheckpoint  # importing it imports torch

SPLITS = {"train": 0.70, "validation": 0.15, "test": 0.15}
_TESTS = frozenset({"test", "tests", "idle_test"})
_SPECIAL = "tokenizer.json"
_FUNCTIONS = "functions"
_FORMAT = "2"  # raised when what is cached, or how files are split, changes


class CorpusError(RuntimeError):
    """An interpreter whose standard library cannot serve as the corpus."""


@dataclass(frozen=True)
class Source:
    """One file: its path inside the library, its top-level package, its split and its text."""

    path: str
    package: str
    split: str
    text: str


@dataclass(frozen=True)
class Functions:
    """The functions that have a docstring and something beside it, in the order of their files.

    Args:
        file: (count,) index of each one's file.
        sources: token ids of every function from its ``def`` on, its own docstring taken out;
            function i is ``sources[source_offsets[i]:source_offsets[i + 1]]``.
        summaries: token ids of every docstring's first line, in the same way.
    """

    file: npt.NDArray[np.int64]
    sources: npt.NDArray[np.int32]
    source_offsets: npt.NDArray[np.int64]
    summaries: npt.NDArray[np.int32]
    summary_offsets: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """The tokenized library.

    Args:
        hash: what it was made of.
        path, package, split: one entry a file, the files in a fixed order.
        tokens: every file's token ids, one after the other; file i is
            ``tokens[offsets[i]:offsets[i + 1]]``.
        cls_id, sep_id, pad_id, vocab_size: of the tokenizer.
        source_bytes: UTF-8 bytes of the sources.
        functions: those of the files that are documented.
    """

    hash: str
    path: tuple[str, ...]
    package: tuple[str, ...]
    split: tuple[str, ...]
    tokens: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    cls_id: int
    sep_id: int
    pad_id: int
    vocab_size: int
    source_bytes: int
    functions: Functions

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Tokens of each file."""
        return np.diff(self.offsets)

    @property
    def tokens_per_byte(self) -> float:
        """Tokens for each byte of source, which the tokenizer drops white space of."""
        return len(self.tokens) / self.source_bytes

    def files(self, split: str, package: str) -> list[int]:
        """Indices of a package's files in a split."""
        return [
            index
            for index, pair in enumerate(zip(self.split, self.package, strict=True))
            if pair == (split, package)
        ]


def fingerprint() -> str:
    """Hash of this interpreter's library and of its split; reads files, needs no torch."""
    digest = hashlib.sha256(_FORMAT.encode())
    for source in _sources():
        digest.update(f"{source.path}\0{source.split}\0".encode())
        digest.update(hashlib.sha256(source.text.encode()).digest())
    return digest.hexdigest()


def load(identity: str, checkpoint: "WheelCheckpoint") -> Corpus:
    """The corpus from the cache, built first where the cache lacks it.

    Args:
        identity: what ``fingerprint`` returned.
        checkpoint: whose tokenizer to use, verified before it is.

    Raises:
        CheckpointError: the tokenizer is missing or is not what it should be.
    """
    from models.checkpoints import TOKENIZER

    tokenizer = "".join(checkpoint.sha256[name] for name in TOKENIZER)
    name = f"corpus-{identity[:16]}-{hashlib.sha256(tokenizer.encode()).hexdigest()[:8]}"
    folder = _cache_root() / name
    tokenizer_folder = checkpoint.verify(*TOKENIZER)
    if not folder.is_dir():
        _build(folder, tokenizer_folder)
    return _open(folder, identity)


def _cache_root() -> Path:
    default = Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "rnn-vs-transformer"


def _sources() -> Iterator[Source]:
    """The library's files, tests and machine-specific files left out, in order of their path."""
    root = Path(sysconfig.get_path("stdlib"))
    texts: dict[str, dict[str, str]] = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        top = parts[0].removesuffix(".py")
        if top not in sys.stdlib_module_names or top == "__phello__":
            continue
        if top.startswith("_sysconfigdata") or not _TESTS.isdisjoint(parts):
            continue
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue  # the few files in other encodings are fixtures of the decoder itself
        texts.setdefault(top, {})["/".join(parts)] = text
    if not texts:
        raise CorpusError(
            f"Expected Python sources in the standard library of {sys.executable}. Found none: "
            "this interpreter ships without them. Use a regular CPython 3.11 or newer."
        )
    for package, files in sorted(texts.items()):
        split = _split({path: len(text) for path, text in files.items()})
        for name, text in files.items():
            yield Source(name, package, split[name], text)


def _split(sizes: dict[str, int]) -> dict[str, str]:
    """Assign whole files to splits, the largest first, each to the split that lacks most."""
    total = sum(sizes.values())
    lacking = {name: share * total for name, share in SPLITS.items()}
    assigned = {}
    for path in sorted(sizes, key=lambda path: (-sizes[path], path)):
        name = max(lacking, key=lacking.__getitem__)
        assigned[path] = name
        lacking[name] -= sizes[path]
    return assigned


def documented(text: str) -> Iterator[tuple[str, str]]:
    """Source without the docstring, and the docstring's first line, of every function with both.

    Functions inside another are there twice: in its source, with their docstrings, and by
    themselves. A text that is not Python to this interpreter has none.
    """
    raw = text.encode()  # the parser counts columns in bytes
    starts = [0, *itertools.accumulate(map(len, raw.splitlines(keepends=True)))]
    try:
        with warnings.catch_warnings(action="ignore"):  # the library's own odd escapes
            tree = ast.parse(raw)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or len(node.body) < 2:
            continue
        summary = (ast.get_docstring(node) or "").strip().partition("\n")[0]
        if summary:
            begin, stop = _span(node, starts)
            first, last = _span(node.body[0], starts)
            yield (raw[begin:first] + raw[last:stop]).decode(), summary


def _span(node: Any, starts: list[int]) -> tuple[int, int]:
    """First byte of a piece of syntax and the one after its last; lines begin at ``starts``."""
    end = starts[node.end_lineno - 1] + node.end_col_offset
    return starts[node.lineno - 1] + node.col_offset, end


def _build(folder: Path, tokenizer_folder: Path) -> None:
    """Tokenize every file and put the Arrow files in place in one step."""
    from datasets import Dataset  # here, because fingerprints are taken without it
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, local_files_only=True)
    sources = list(_sources())

    def encode(texts: list[str]) -> list[npt.NDArray[np.int32]]:
        encoded = tokenizer(
            texts,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        return [np.asarray(ids, dtype=np.int32) for ids in encoded["input_ids"]]

    dataset = Dataset.from_dict(
        {
            "path": [source.path for source in sources],
            "package": [source.package for source in sources],
            "split": [source.split for source in sources],
            "bytes": [len(source.text.encode()) for source in sources],
            "input_ids": encode([source.text for source in sources]),
        }
    )
    found = [(n, *pair) for n, source in enumerate(sources) for pair in documented(source.text)]
    functions = Dataset.from_dict(
        {
            "file": [file for file, _, _ in found],
            "source_ids": encode([source for _, source, _ in found]),
            "summary_ids": encode([summary for _, _, summary in found]),
        }
    )
    special = {
        "cls_id": tokenizer.cls_token_id,
        "sep_id": tokenizer.sep_token_id,
        "pad_id": tokenizer.pad_token_id,
        "vocab_size": len(tokenizer),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    try:
        dataset.save_to_disk(temporary / "data")
        functions.save_to_disk(temporary / "data" / _FUNCTIONS)
        (temporary / "data" / _SPECIAL).write_text(json.dumps(special), encoding="utf-8")
        (temporary / "data").rename(folder)
    except OSError:
        if not folder.is_dir():  # unless another process was first
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _open(folder: Path, identity: str) -> Corpus:
    from datasets import load_from_disk

    table = load_from_disk(str(folder)).data.table
    found = load_from_disk(str(folder / _FUNCTIONS)).data.table
    tokens, offsets = _flat(table, "input_ids")
    sources, source_offsets = _flat(found, "source_ids")
    summaries, summary_offsets = _flat(found, "summary_ids")
    return Corpus(
        hash=identity,
        path=tuple(table.column("path").to_pylist()),
        package=tuple(table.column("package").to_pylist()),
        split=tuple(table.column("split").to_pylist()),
        tokens=tokens,
        offsets=offsets,
        source_bytes=sum(table.column("bytes").to_pylist()),
        functions=Functions(
            file=found.column("file").to_numpy(),
            sources=sources,
            source_offsets=source_offsets,
            summaries=summaries,
            summary_offsets=summary_offsets,
        ),
        **json.loads((folder / _SPECIAL).read_text(encoding="utf-8")),
    )


def _flat(table: Any, column: str) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """A column of lists as all their items, and the offsets of each list."""
    lists = table.column(column).combine_chunks()
    return lists.values.to_numpy(), lists.offsets.to_numpy().astype(np.int64)
