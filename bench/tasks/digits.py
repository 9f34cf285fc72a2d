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

import math

import numpy as np
import numpy.typing as npt

from bench.data.digits import INK, SIDE, Digits
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

CAPTIONS = tuple(f"a handwritten {word}" for word in LABELS)
MEAN = STD = 0.5  # of pixels from 0 to 1, as a processor's image_mean and image_std


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
    return {
        "pixel_values": enlarge(data.images[images], side)[back][:, None],
        "input_ids": data.captions[labels],
        "attention_mask": data.masks[labels],
    }


def enlarge(images: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float32]:
    """(count, 8, 8) pixels from 0 to 16 as (count, side, side) from -1 to 1."""
    from scipy.ndimage import zoom

    scaled = ((images / INK - MEAN) / STD).astype(np.float32)
    factor = side // SIDE
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
