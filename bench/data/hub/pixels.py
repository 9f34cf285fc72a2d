"""Photographs as squares of pixels, decoded once for every size and memory-mapped from then on."""

import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.contract import LengthError
from bench.data.hub.fetch import DataUnavailable, unwritable

SIDES = (16, 32, 64, 128, 224)
CHANNELS = 3  # red, green and blue
MEAN = STD = 0.5  # of pixels from 0 to 1, as a processor's image_mean and image_std


def side(name: str, length: int) -> int:
    """Pixels of a side, of a window of side * side.

    Raises:
        LengthError: no image has that many pixels.
    """
    found = math.isqrt(length)
    if found * found != length or found not in SIDES:
        valid = ", ".join(str(one * one) for one in SIDES)
        raise LengthError(
            f"data {name!r}: an image of {length} pixels is no square of "
            f"{', '.join(map(str, SIDES))}; its lengths are {valid}, its longest is "
            f"{SIDES[-1] ** 2}."
        )
    return found


def scaled(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(count, side, side, 3) pixels from 0 to 255 as (count, 3, side, side) from -1 to 1."""
    shares = np.moveaxis(images, -1, 1).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray((shares - np.float32(MEAN)) / np.float32(STD), dtype=np.float32)


def squares(name: str, path: Path, column: Any, size: int) -> npt.NDArray[np.uint8]:
    """(images, size, size, 3) middle squares of a split's images, on disk.

    Args:
        name: of the data set.
        path: of the file that keeps them.
        column: files of images.
        size: pixels of a side.

    Raises:
        DataUnavailable: a file of an image is none, or there is no room for the squares.
    """
    if not path.is_file():
        try:
            _write(name, path, column, size)
        except OSError as error:
            raise unwritable(name, error) from None
    found: npt.NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return found


def _write(name: str, path: Path, column: Any, size: int) -> None:
    """Squares one after the other: a full disk is an error here, through a memory map a crash."""
    part = path.with_suffix(f".{os.getpid()}.part")
    shape = (len(column), size, size, 3)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    try:
        with part.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for image in column:
                file.write(_square(name, image.as_py(), size).tobytes())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _square(name: str, image: bytes, size: int) -> npt.NDArray[np.uint8]:
    """The middle square, scaled by the filter of CLIP's processor (bicubic)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(image)) as opened:
            whole = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise DataUnavailable(
            f"data {name!r}: expected an image file in column image. Got none "
            f"({type(error).__name__}). Give a commit that has them: "
            f"{name.partition('@')[0]}@<40 hex digits>."
        ) from None
    short = min(whole.size)
    left, top = (whole.width - short) // 2, (whole.height - short) // 2
    middle = whole.crop((left, top, left + short, top + short))
    return np.asarray(middle.resize((size, size), Image.Resampling.BICUBIC))
