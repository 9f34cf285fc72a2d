"""Which rows of a frame one figure shows, what that is called, and what its files are."""

import hashlib
import re
from collections.abc import Sequence

import pandas as pd

from bench.tasks import OFFLINE

#: What the rows of one figure have in common, unless it says otherwise.
FACET = ("comparison", "task", "data", "device", "dtype", "denormals", "threads")
_USUAL = {"data": OFFLINE, "denormals": "keep", "threads": "all", "clip_norm": 1.0}
_NAMED = {"threads": "threads", "clip_norm": "clipped at"}


def facets(frame: pd.DataFrame, by: Sequence[str] = FACET) -> list[tuple[str, pd.DataFrame]]:
    """Rows by what one figure has in common; the name keeps what is not the default.

    Batch sizes share a figure where each phase has one.
    """
    if frame.empty:
        return []
    found = []
    for values, rows in frame.groupby(list(by), sort=False):
        parts = [
            f"{_NAMED[name]} {value}" if name in _NAMED else str(value)
            for name, value in zip(by, values, strict=True)
            if _USUAL.get(name) != value
        ]
        name = ", ".join(parts)
        sizes = rows.groupby("phase")["batch_size"].nunique() if "phase" in rows.columns else None
        if sizes is None or sizes.max() == 1:
            found.append((name, rows))
        else:
            found += [
                (f"{name}, batch {size}", part)
                for size, part in rows.groupby("batch_size", sort=False)
            ]
    return found


#: What a file's name says as it is; the rest gets a hash, as `A` and `a` are one file to some.
_PLAIN = re.compile(r"[a-z0-9_]+|(threads|batch|clipped at) [0-9.]+( tokens)?")
_LONGEST = 100


def stem(picture: str, name: str) -> str:
    """What a figure's files are called: the same for the same facet in every report, for no other.

    Args:
        picture: its name.
        name: the facet's, as :func:`facets` gives it.
    """
    parts = [picture, *name.split(", ")] if name else [picture]
    text = "-".join(re.sub(r"[^a-z0-9_]+", "-", part.lower()).strip("-") for part in parts)
    if all(map(_PLAIN.fullmatch, parts)) and len(text) <= _LONGEST:
        return text
    told = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{text[:_LONGEST].strip('-')}-{told}".strip("-")


def usual(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rows of each task that have of these settings what most have, as pictures are many.

    What a varied setting does has a figure of its own.
    """
    for name in names:
        most = frame.groupby(["task", "data"], sort=False)[name].transform(
            lambda values: values.mode().iloc[0]
        )
        frame = frame[frame[name] == most]
    return frame


def same(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of another table that belong to the same facet."""
    if frame.empty:
        return frame
    names = [*FACET, "phase", "batch_size", "seed"]
    known = {tuple(row) for row in rows[names].itertuples(index=False)}
    return frame[[tuple(row) in known for row in frame[names].itertuples(index=False)]]
