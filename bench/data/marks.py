"""The marks of a tokenizer: what begins a row, what ends it, and what fills it up."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.checkpoints.tokenizers import MARKS, said

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_USUAL = {
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>", "<|endoftext|>"),
    "pad_token": ("[PAD]", "<pad>"),
}


@dataclass(frozen=True)
class Marks:
    """Token ids that a row is framed with.

    Args:
        begin: of what has no start of its own the end, as where GPT-2 was trained.
        end: ends a row, and stands between two documents.
        pad: ends no row. Of what was never padded, or with its end, the last id that is no mark:
            where a classifier looks for a row's last token, it looks for the last that is not this.
        size: of the vocabulary, one more than its last id.
    """

    begin: int
    end: int
    pad: int
    size: int


def read(folder: Path, backend: "Tokenizer") -> Marks:
    """The marks of the tokenizer in a folder.

    Raises:
        ValueError: it has none that ends a text, or its files name something else than texts.
    """
    return chosen(named(folder, backend), max(backend.get_vocab().values()) + 1)


def named(folder: Path, backend: "Tokenizer") -> dict[str, int | None]:
    """Its marks by their names in transformers, None for what it has not.

    Where no file says which they are, those that they are usually called, if it has such tokens:
    the files of GPT-2 and RoBERTa say nothing.
    """
    marks: Mapping[str, str | None] = said(folder)
    if not marks:
        there = backend.get_vocab().keys()
        marks = {
            name: next((mark for mark in usual if mark in there), None)
            for name, usual in _USUAL.items()
        }
    return {
        name: backend.token_to_id(mark) if (mark := marks.get(name)) else None for name in MARKS
    }


def chosen(marks: Mapping[str, int | None], size: int) -> Marks:
    """Which of them frame a row.

    Args:
        marks: id of each by its name in transformers, None where there is none.
        size: one more than the last id.

    Raises:
        ValueError: none ends a text.
    """
    end = _first(marks, "sep_token", "eos_token")
    if end is None:
        raise ValueError(
            "expected a tokenizer with a sep_token or an eos_token, to end a row with. Got "
            f"{', '.join(name for name in MARKS if marks.get(name) is not None) or 'no mark'}."
        )
    begin, pad = _first(marks, "cls_token", "bos_token"), marks.get("pad_token")
    begin = end if begin is None else begin
    if pad is None or pad == end:
        pad = next(index for index in range(size - 1, -1, -1) if index not in (begin, end))
    return Marks(begin, end, pad, size)


def _first(marks: Mapping[str, int | None], *names: str) -> int | None:
    return next((found for name in names if (found := marks.get(name)) is not None), None)
