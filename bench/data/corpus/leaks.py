"""What two splits share is cut out of the later one, so that none is scored on what it trained on.

The rule against leakage is simple enough to prove. Where ``SHINGLE`` consecutive tokens of a
document stand in an earlier split too, as it is or with its docstrings taken out, they are cut out
of it (validation is compared with train, test with both), and so are remains of fewer than
``SHINGLE`` tokens; ``[SEP]`` marks the cut. So no ``SHINGLE`` tokens in a row are in two splits,
and no window of twice as many, as such a window holds that many in a row. Licence headers,
boilerplate and copied files are what is cut. A function that shares as much is dropped. Idioms that
are shorter stay: of CPython 3.11's test split one window of 64 tokens in 200 is made to four
fifths of runs of 16 that train has too.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.contract import SPLITS

SHINGLE = 32

_BLOCK = 1 << 18  # shingles that are looked at at once

Ids = npt.NDArray[np.int32]
Places = npt.NDArray[np.integer[Any]]


def shingles(ids: npt.NDArray[Any], length: int = SHINGLE) -> npt.NDArray[np.uint64]:
    """Hash of every ``length`` consecutive ids, ``length`` a power of two; 64 bits.

    Two hashes of one another's halves, mixed, so that a place costs log2(length) operations. Where
    two different runs had the same hash, one more would be cut: never one less.
    """
    hashes = ids.astype(np.uint64)
    step = 1
    while step < length:
        hashes = hashes[:-step] * np.uint64(0x9E3779B97F4A7C15) + hashes[step:]
        hashes ^= hashes >> np.uint64(29)
        hashes *= np.uint64(0xBF58476D1CE4E5B9)
        hashes ^= hashes >> np.uint64(32)
        step *= 2
    return hashes


def shared(
    streams: Sequence[tuple[Ids, npt.NDArray[np.int8]]], separator: int
) -> list[npt.NDArray[np.bool_]]:
    """Which tokens stand in a shingle that an earlier split has too, stream by stream.

    Args:
        streams: token ids, every text ended by the separator, and the split of every token; a
            shingle of any stream is looked up in all of them.
        separator: no shingle contains it.
    """
    masks = [np.zeros(len(ids), dtype=bool) for ids, _ in streams]
    for number in range(len(SPLITS) - 1):
        known = [h for ids, split in streams for _, h in _whole(ids, split == number, separator)]
        earlier = np.concatenate([np.zeros(0, dtype=np.uint64), *known])
        if not len(earlier):
            continue
        earlier.sort()
        for mask, (ids, split) in zip(masks, streams, strict=True):
            starts = []
            for here, hashes in _whole(ids, split > number, separator):
                nearest = np.searchsorted(earlier, hashes).clip(max=len(earlier) - 1)
                starts.append(here[earlier[nearest] == hashes])
            begins = np.concatenate([np.zeros(0, dtype=np.int64), *starts])
            mask |= _filled(begins, begins + SHINGLE, len(mask))
    return masks


def _whole(
    ids: Ids, asked: npt.NDArray[np.bool_], separator: int
) -> Iterator[tuple[Places, npt.NDArray[np.uint64]]]:
    """Where the shingles that are asked for and have no separator begin, with their hashes.

    A block at a time: hashing once more takes less time than keeping all hashes takes memory.
    """
    count = max(0, len(ids) - SHINGLE + 1)
    for first in range(0, count, _BLOCK):
        last = min(first + _BLOCK, count)
        block = ids[first : last + SHINGLE - 1]
        ends = places(block == separator)
        here = np.flatnonzero(asked[first:last] & (ends[SHINGLE:] == ends[:-SHINGLE]))
        yield here + first, shingles(block)[here]


def places(stays: npt.NDArray[np.bool_]) -> Places:
    """(places + 1,): of every place, how many before it stay, which is where it is without them."""
    found = np.zeros(len(stays) + 1, dtype=np.int32)
    np.cumsum(stays, out=found[1:])
    return found


def _filled(starts: Places, stops: Places, size: int) -> npt.NDArray[np.bool_]:
    """A mask that is true from every start to its stop; no two start or stop at one place."""
    steps = np.zeros(size + 1, dtype=np.int32)
    steps[starts] += 1
    steps[stops] -= 1
    np.cumsum(steps, out=steps)
    return np.asarray(steps[:size] > 0)


def cut(
    ids: Ids, split: npt.NDArray[np.int8], gone: npt.NDArray[np.bool_], separator: int
) -> tuple[npt.NDArray[np.bool_], Ids]:
    """What stays of the tokens, and the tokens with a separator wherever a piece was cut out.

    What is left between two cuts goes too where it is shorter than a shingle.
    """
    ends = np.flatnonzero(gone | (ids == separator))
    begins = np.concatenate([[0], ends[:-1] + 1])
    short = (ends - begins < SHINGLE) & (split[ends] > 0)
    gone = gone | _filled(begins[short], ends[short], len(ids))
    marked = np.where(gone, separator, ids)
    stays = marked != separator
    stays[1:] |= marked[:-1] != separator
    return stays, marked
