"""All documents one after the other, less what two splits share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.contract import IGNORED, SPLITS
from bench.data.corpus import labels
from bench.data.corpus.documents import Document
from bench.data.corpus.leaks import Ids, Places, cut, places, shared


class Text:
    """One array of every document, one after the other, before and after the cut.

    Attributes:
        origin: of every document, its place before the cut.
        ids, split: of every token before the cut, separators included.
        plain: of every token before the cut, whether it stays; separators are no such token.
        place: of every place before the cut, the one after it.
        tokens, offsets: what is left, and where in it every document begins.
    """

    plain: npt.NDArray[np.bool_]
    place: Places
    tokens: Ids
    offsets: Places

    def __init__(self, pieces: Sequence[Ids], split: npt.NDArray[np.int8], separator: int) -> None:
        sizes = np.asarray([len(piece) + 1 for piece in pieces])
        self.origin: Places = np.concatenate([[0], np.cumsum(sizes)])
        self.ids, self.split = _ended(pieces, separator), np.repeat(split, sizes)

    def cut(self, gone: npt.NDArray[np.bool_], separator: int) -> npt.NDArray[np.bool_]:
        """Cut out what is gone and return what stays, separators included."""
        stays, marked = cut(self.ids, self.split, gone, separator)
        self.plain = stays & (marked != separator)
        self.place = places(stays)
        self.offsets = self.place[self.origin]
        self.tokens = marked[stays].astype(np.int32, copy=False)
        return stays


class Stream:
    """The documents and, beside them, their code: the sources less all docstrings.

    Args:
        documents, separator: what it is made of, and what ends each.

    Attributes:
        whole, code: the two, before and after the cut.
        bare: of every document, for a place in it the one in its code.
        split: of every document, its number in ``SPLITS``.
        kept, number: documents of which something is left; of every document its index there.
    """

    def __init__(self, documents: list[Document], separator: int) -> None:
        self.documents, self.separator = documents, separator
        names = [document.source.split for document in documents]
        self.split = np.asarray([list(SPLITS).index(name) for name in names], dtype=np.int8)
        shown = [_shown(document) for document in documents]
        self.bare: list[Places] = [places(mask) for mask in shown]
        code = [d.ids[mask] for d, mask in zip(documents, shown, strict=True)]
        self.whole = whole = Text([d.ids for d in documents], self.split, separator)
        self.code = Text(code, self.split, separator)

        gone, code_gone = shared(
            [(whole.ids, whole.split), (self.code.ids, self.code.split)], separator
        )
        stays = whole.cut(gone, separator)
        left = np.diff(whole.offsets) > 0
        self.kept, self.number = np.flatnonzero(left), np.cumsum(left) - 1
        self.code.cut(code_gone | np.repeat(~left, np.diff(self.code.origin)), separator)
        roles = _ended([np.where(d.blank, IGNORED, d.roles) for d in documents], IGNORED)
        self._roles = np.where(whole.plain, roles, IGNORED)[stays].astype(np.int8)
        self.bytes = sum(
            int(document.bytes[whole.plain[first : first + len(document.bytes)]].sum())
            for document, first in zip(documents, whole.origin.tolist(), strict=False)
        )
        self._left = [int((whole.plain & (whole.split == n)).sum()) for n in range(len(SPLITS))]

    def table(self) -> dict[str, list[Any]]:
        """What is left of the documents."""
        sources = [self.documents[n].source for n in self.kept]
        pieces = [slice(*self.whole.offsets[n : n + 2]) for n in self.kept]
        code = [slice(*self.code.offsets[n : n + 2]) for n in self.kept]
        return {
            "path": [source.path for source in sources],
            "package": [source.package for source in sources],
            "split": [source.split for source in sources],
            "prose": [source.prose for source in sources],
            "input_ids": [self.whole.tokens[piece] for piece in pieces],
            "roles": [self._roles[piece] for piece in pieces],
            "code_ids": [self.code.tokens[piece] for piece in code],
        }

    def counted(self) -> dict[str, Any]:
        """Documents, and tokens of each split, that were cut out, and the tokens that are left."""
        whole = sum(len(document.ids) > 0 for document in self.documents)
        tokens = np.bincount(self.split, [len(d.ids) for d in self.documents], len(SPLITS))
        return {
            "duplicate_documents": whole - len(self.kept),
            "split_tokens": dict(zip(SPLITS, self._left, strict=True)),
            "duplicate_tokens": {
                name: int(all_) - left
                for name, all_, left in zip(SPLITS, tokens, self._left, strict=True)
            },
        }


def _shown(document: Document) -> npt.NDArray[np.bool_]:
    """Which tokens of a document are code: all of a source but docstrings, of the manual none."""
    if document.source.prose:
        return np.zeros(len(document.ids), dtype=bool)
    mask: npt.NDArray[np.bool_] = document.roles != labels.ROLES.index("docstring")
    for function in document.functions:
        if function.docstring is not None:  # with brackets, where it stands in some
            mask[slice(*function.docstring)] = False
    return mask


def _ended(pieces: Sequence[npt.NDArray[Any]], end: int) -> npt.NDArray[Any]:
    """All pieces, one after the other, each with an end."""
    last = np.asarray([end], dtype=pieces[0].dtype)
    return np.concatenate([part for piece in pieces for part in (piece, last)])
