"""Colours: one an arm, the same in every figure, and no two alike."""

import colorsys
import functools
import zlib
from collections.abc import Callable, Iterable

from bench import registry
from bench.drawing import colours

#: Colours for arms without one of their own: what of Okabe and Ito's palette, which colour-blind
#: readers can tell apart, is left, as dark as a line on white paper must be, and grey.
SPARE = ("#2A90C8", "#1B1B1B", "#8A8200", "#7F7F7F")
#: What is of no arm: levels, limits, kinds of lines in a legend.
GREY = colours.MUTED
_TURN = 0.61803398875  # of the colour circle: successive hues are far from one another


def label(arm: str) -> str:
    """An arm's name in a figure."""
    return registry.label(arm)


def labels(arms: Iterable[str], named: Callable[[str], str] = label) -> str:
    """Their names as a title says them, in the order of a legend: ``A, B and C``.

    Args:
        arms: whose.
        named: makes a name of an arm; ``bench.page.words.an`` gives it an article.
    """
    *others, last = (named(arm) for arm in sorted(set(arms), key=rank))
    return f"{', '.join(others)} and {last}" if others else last


def colour(arm: str) -> str:
    """An arm's colour in every figure: its file's, else one that no other registered arm has.

    An arm of somebody else's records has one that no registered arm has.
    """
    known = _colours()
    if arm in known:
        return known[arm]
    taken = {shade.upper() for shade in known.values()}
    spare = [shade for shade in SPARE if shade.upper() not in taken]
    number = zlib.crc32(arm.encode())
    return spare[number % len(spare)] if spare else _hue(number % 997, taken)


def ink(arm: str) -> str:
    """The same, as dark as text must be."""
    return colours.text(colour(arm))


@functools.cache
def _colours() -> dict[str, str]:
    entries = registry.arms()
    found = {name: e.literals["COLOUR"] for name, e in entries.items() if "COLOUR" in e.literals}
    taken = {shade.upper() for shade in found.values()}
    spare = [shade for shade in SPARE if shade.upper() not in taken]
    for name in sorted(entries.keys() - found.keys()):
        found[name] = spare.pop(0) if spare else _hue(len(found), set(found.values()))
    return found


def _hue(number: int, taken: set[str]) -> str:
    """A colour that is not taken, of the same lightness as the others."""
    while True:
        red, green, blue = colorsys.hls_to_rgb(number * _TURN % 1.0, 0.4, 0.7)
        shade = "#" + "".join(f"{round(255 * part):02X}" for part in (red, green, blue))
        if shade not in {other.upper() for other in taken}:
            return shade
        number += 1


def rank(arm: str) -> tuple[int, str]:
    """Where an arm stands in a legend: as ``RANK`` of its file says, then by name."""
    entry = registry.arms().get(arm)
    place = None if entry is None else entry.literals.get("RANK")
    return (len(registry.arms()) + 1000 if place is None else int(place), arm)
