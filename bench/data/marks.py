"""The marks of a tokenizer: what begins a row, what ends it, and what fills it up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: Files that say which tokens they are; the later one counts.
FILES = ("tokenizer_config.json", "special_tokens_map.json")
_USUAL = {
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>", "<|endoftext|>"),
    "pad_token": ("[PAD]", "<pad>"),
}
_NAMES = ("bos_token", "cls_token", "sep_token", "eos_token", "pad_token")


@dataclass(frozen=True)
class Marks:
    """Token ids that a row is framed with.

    Args:
        begin: of what has no start of its own the end, as where GPT-2 was trained.
        end: ends a row, and stands between two documents.
        pad: of what was never padded the end.
    """

    begin: int
    end: int
    pad: int


def read(folder: Path, backend: "Tokenizer") -> Marks:
    """The marks of the tokenizer in a folder.

    Raises:
        ValueError: it has none that ends a text.
    """
    return chosen(named(folder, backend))


def named(folder: Path, backend: "Tokenizer") -> dict[str, int | None]:
    """Its marks by their names in transformers, None for what it has not.

    Where no file says which they are, those that they are usually called, if it has such tokens:
    the files of GPT-2 and RoBERTa say nothing.
    """
    said: dict[str, Any] = {}
    for file in FILES:
        path = folder / file
        said |= json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    marks: dict[str, Any] = {name: said.get(name) for name in _NAMES}
    if not any(marks.values()):
        there = backend.get_vocab().keys()
        marks = {
            name: next((mark for mark in usual if mark in there), None)
            for name, usual in _USUAL.items()
        }
    return {
        name: backend.token_to_id(mark["content"] if isinstance(mark, dict) else mark)
        if mark
        else None
        for name, mark in ((name, marks.get(name)) for name in _NAMES)
    }


def chosen(marks: Mapping[str, int | None]) -> Marks:
    """Which of them frame a row.

    Raises:
        ValueError: none ends a text.
    """
    end = _first(marks, "sep_token", "eos_token")
    if end is None:
        raise ValueError(
            "expected a tokenizer with a sep_token or an eos_token, to end a row with. Got "
            f"{', '.join(name for name in _NAMES if marks.get(name) is not None) or 'no mark'}."
        )
    begin, pad = _first(marks, "cls_token", "bos_token"), _first(marks, "pad_token")
    return Marks(end if begin is None else begin, end, end if pad is None else pad)


def _first(marks: Mapping[str, int | None], *names: str) -> int | None:
    return next((found for name in names if (found := marks.get(name)) is not None), None)
