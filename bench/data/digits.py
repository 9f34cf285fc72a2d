"""scikit-learn's handwritten digits: which images there are, the split of each, and captions."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data import marks
from bench.data.corpus import CorpusError

SHARES = {"train": 70, "validation": 15, "test": 15}  # of a hundred images
SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
SIDE, INK = 8, 16  # pixels of a side, and the largest value of one


class DigitsError(CorpusError):
    """Images that are missing, or not the ones they should be."""


@dataclass(frozen=True)
class Digits:
    """The images of every split and the captions of every digit.

    Args:
        hash: what they were made of, ``identity()``.
        images: (count, 8, 8) from 0, paper, to 16, ink; no two are the same.
        labels: (count,) which digit each one is.
        split: (count,) the split of each one.
        captions, masks: (10, length) token ids of every digit's caption, padded, and which are no
            padding.
        words: how the tokenizer prints the ids of the captions.
        cls_id, sep_id, pad_id, vocab_size: of the tokenizer.
    """

    hash: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    split: npt.NDArray[np.str_]
    captions: npt.NDArray[np.int64]
    masks: npt.NDArray[np.int64]
    words: Mapping[int, str]
    cls_id: int
    sep_id: int
    pad_id: int
    vocab_size: int

    def symbols(self, ids: Sequence[int]) -> list[str]:
        """Tokens of a caption as the tokenizer prints them."""
        return [self.words[index] for index in ids]


def identity() -> str:
    """SHA-256 of the images and their labels, once it is what it should be.

    Raises:
        DigitsError: scikit-learn is missing, or brings other images.
    """
    _images()
    return SHA256


def open_digits(captions: Sequence[str], length: int, tokenizer: Path) -> Digits:
    """The images, split, with captions through a tokenizer.

    Args:
        captions: of every digit from zero on.
        length: tokens that each is padded to.
        tokenizer: folder of its ``tokenizer.json``, proven.

    Raises:
        DigitsError: scikit-learn is missing, or brings other images, or a caption has more tokens.
    """
    from tokenizers import Tokenizer

    images, labels = _images()
    _, first = np.unique(images.reshape(len(images), -1), axis=0, return_index=True)
    kept = np.sort(first)  # what is there twice would stand in one split, but twice
    backend = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    try:
        framed = marks.read(tokenizer, backend)
    except (OSError, ValueError) as error:
        raise DigitsError(f"task 'digits' cannot be read through this tokenizer: {error}") from None
    backend.no_truncation()
    backend.no_padding()
    encoded = backend.encode_batch(list(captions), add_special_tokens=False)
    rows = [[framed.begin, *caption.ids, framed.end] for caption in encoded]
    if (most := max(map(len, rows))) > length:
        raise DigitsError(
            f"task 'digits' expected captions of at most {length} tokens. Got {most} through "
            "this tokenizer: choose one with longer words, as the bundled checkpoint's."
        )
    ids = np.full((len(rows), length), framed.pad, dtype=np.int64)
    masks = np.zeros_like(ids)
    for row, caption in enumerate(rows):
        ids[row, : len(caption)], masks[row, : len(caption)] = caption, 1
    return Digits(
        hash=SHA256,
        images=images[kept],
        labels=labels[kept],
        split=np.array([_split(image) for image in images[kept]]),
        captions=ids,
        masks=masks,
        words={index: str(backend.id_to_token(index)) for index in np.unique(ids).tolist()},
        cls_id=framed.begin,
        sep_id=framed.end,
        pad_id=framed.pad,
        vocab_size=framed.size,
    )


def _images() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """(1797, 8, 8) pixels and (1797,) digits as scikit-learn has them, verified."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DigitsError(
            "task 'digits' expected scikit-learn, which brings the images. It is not installed: "
            "pip install 'rnn-vs-transformer[offline]'."
        ) from None
    found = load_digits()
    images, labels = found.images.astype(np.uint8), found.target.astype(np.int64)
    digest = hashlib.sha256(images.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()
    if digest != SHA256:
        raise DigitsError(
            f"task 'digits' expected scikit-learn's images with SHA-256 {SHA256}. Got {digest}: "
            "this version brings others."
        )
    return images, labels


def _split(image: npt.NDArray[np.uint8]) -> str:
    """The split of an image, by the hash of its bytes: equal images are never in two."""
    place = int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:8], "big") % 100
    for name, share in SHARES.items():
        if place < share:
            return name
        place -= share
    raise AssertionError("the shares make a hundred")
