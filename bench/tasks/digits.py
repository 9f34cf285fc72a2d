"""Which image does this caption describe? Real handwritten digits, enlarged to grow the sequence.

scikit-learn's digits (Alpaydin & Kaynak, UCI, 1998): 1,797 images of 8x8 pixels. An image is
enlarged to side x side by linear interpolation and read pixel by pixel, row by row, so that
T = side * side: what is to be seen stays the same while the sequence grows. One row at T=64, its
caption as the tokenizer prints it; pixels are from -1, paper, to 1, ink:

    input_ids     [CLS] a hand ##written eight [SEP] [PAD] [PAD]
    pixel_values      -1 -0.875  0.625   0.75  -0.75     -1     -1     -1
                      -1 -0.125   0.75  0.125 -0.375     -1     -1     -1
                      -1  -0.25  0.625 -0.625    0.5  -0.25   -0.5     -1
                      -1 -0.875   0.75    0.5   0.75      1   -0.5     -1
                      -1     -1  -0.75      1      1 -0.125     -1     -1
                      -1     -1  0.375   0.75      0  0.625     -1     -1
                      -1   -0.5      1   -0.5  -0.75   0.75  -0.75     -1
                      -1 -0.875    0.5   0.75  0.625  -0.25     -1     -1

Every ten rows hold every digit once, so that in a batch of ten the other nine captions are false.
By chance a caption finds an image of its digit in a tenth of all cases, an image its caption too.
What counts as solved is ours.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.data.corpus import CorpusError
from bench.tasks import LengthError, Rows

HEAD = "AutoProcessor"
KIND = "real"
NEEDS = "digits"
METRIC = "recall@1"
FLOOR = 0.1
SOLVED = 0.95
LENGTHS = (64, 4096)
QUERY_LENGTH = 8
GROUP = 10
LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
EXPECTED = (
    "transformer, by little: of MNIST read pixel by pixel 98.9%, the best LSTM 98.4% "
    "(Trinh et al., 2018, arXiv:1803.00144)"
)

CAPTION = "a handwritten {}"
SHARES = {"train": 70, "validation": 15, "test": 15}  # of a hundred images
MEAN = STD = 0.5  # of pixels from 0 to 1, as a processor's image_mean and image_std
SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
_SIDE, _INK = 8, 16  # pixels of a side, and the largest value of one


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
        captions: (10, ``QUERY_LENGTH``) token ids of every digit's caption, padded.
        words: how the tokenizer prints the ids of the captions.
        cls_id, sep_id, pad_id, vocab_size: of the tokenizer.
    """

    hash: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    split: npt.NDArray[np.str_]
    captions: npt.NDArray[np.int64]
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


def open_digits() -> Digits:
    """The images, split, with captions through the bundled tokenizer.

    Raises:
        DigitsError: scikit-learn is missing, or brings other images.
        CheckpointError: the tokenizer is missing or is not what it should be.
    """
    from tokenizers import Tokenizer

    from models.checkpoints import MINILM

    images, labels = _images()
    _, first = np.unique(images.reshape(len(images), -1), axis=0, return_index=True)
    kept = np.sort(first)  # what is there twice would stand in one split, but twice
    name = "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(MINILM.verify(name) / name))
    marks = tokenizer.get_vocab()
    tokenizer.enable_padding(length=QUERY_LENGTH, pad_id=marks["[PAD]"])
    captions = [tokenizer.encode(CAPTION.format(word)) for word in LABELS]
    return Digits(
        hash=SHA256,
        images=images[kept],
        labels=labels[kept],
        split=np.array([_split(image) for image in images[kept]]),
        captions=np.array([caption.ids for caption in captions], dtype=np.int64),
        words={n: word for one in captions for n, word in zip(one.ids, one.tokens, strict=True)},
        cls_id=marks["[CLS]"],
        sep_id=marks["[SEP]"],
        pad_id=marks["[PAD]"],
        vocab_size=tokenizer.get_vocab_size(),
    )


def rows(data: Digits, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """Images of side * side = ``length`` pixels and their captions.

    Rows 10 k to 10 k + 9 hold every digit once. No image comes again before every one of its digit
    has come.

    Returns:
        ``pixel_values`` (count, 1, side, side); ``input_ids`` and ``attention_mask``
        (count, ``QUERY_LENGTH``).

    Raises:
        LengthError: an image cannot have that many pixels.
    """
    side = _side(length)
    tens = -(-count // len(LABELS))
    order, *streams = generator.spawn(1 + len(LABELS))
    labels = order.permuted(np.tile(np.arange(len(LABELS)), (tens, 1)), axis=1).reshape(-1)[:count]
    chosen = np.empty((tens, len(LABELS)), dtype=np.int64)
    for digit, stream in enumerate(streams):
        mine = np.flatnonzero((data.split == split) & (data.labels == digit))
        cycles = np.tile(mine, (-(-tens // len(mine)), 1))
        chosen[:, digit] = stream.permuted(cycles, axis=1).reshape(-1)[:tens]
    images, back = np.unique(chosen[np.arange(count) // len(LABELS), labels], return_inverse=True)
    input_ids = data.captions[labels]
    return {
        "pixel_values": enlarge(data.images[images], side)[back][:, None],
        "input_ids": input_ids,
        "attention_mask": (input_ids != data.pad_id).astype(np.int64),
    }


def enlarge(images: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float32]:
    """(count, 8, 8) pixels from 0 to 16 as (count, side, side) from -1 to 1."""
    from scipy.ndimage import zoom

    scaled = ((images / _INK - MEAN) / STD).astype(np.float32)
    factor = side // _SIDE
    if factor == 1:
        return scaled
    # A pixel is an area, not a point, and beyond the edge the edge goes on: as image libraries do.
    enlarged = zoom(scaled, (1, factor, factor), order=1, mode="nearest", grid_mode=True)
    return np.asarray(enlarged, dtype=np.float32)


def _side(length: int) -> int:
    """Pixels of a side, of a window of side * side."""
    least, most = LENGTHS
    side = math.isqrt(length)
    valid = [least << 2 * n for n in range(32) if least << 2 * n <= most]
    if length not in valid:
        raise LengthError(
            f"task 'digits': an image of {length} pixels is no square of 8, 16, 32 or 64; "
            f"its lengths are {', '.join(map(str, valid))}, its longest is {most}."
        )
    return side


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
