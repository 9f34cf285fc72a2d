"""Stack, layer and kind in the names of parameter groups and of states, where they say them.

``layer 1 recurrent`` and ``encoder layer 2 attention`` are groups, see :mod:`models.groups`, and
``h, layer 1`` is a state. A model may have others, ``memory`` or ``layer 1`` alone: whatever it
calls them is drawn.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LAYER = re.compile(r"(?:(?P<before>.*\S)\s+)?layer (?P<number>\d+)(?:\s+(?P<after>\S.*))?")


@dataclass(frozen=True)
class Name:
    """The parts of a name.

    Args:
        stack: what stands in front of the layer, empty where nothing does.
        layer: its number, None where the name has none.
        kind: the rest; of a name without a layer all of it.
    """

    stack: str
    layer: int | None
    kind: str


def of_group(name: str) -> Name:
    """The parts of a parameter group's name."""
    found = _LAYER.fullmatch(name)
    if found is None:
        return Name("", None, name)
    return Name(found["before"] or "", int(found["number"]), found["after"] or "")


def of_state(name: str) -> Name:
    """The parts of a state's name, whose kind stands in front of the layer."""
    kind, _, rest = name.rpartition(", ")
    found = _LAYER.fullmatch(rest)
    if not kind or found is None:
        return Name("", None, name)
    return Name("", int(found["number"]), kind)


def layers(names: Sequence[Name]) -> list[tuple[str, int]]:
    """Stack and number of every layer, from the first to the last of one stack after the other."""
    stacks = list(dict.fromkeys(name.stack for name in names))
    found = {(name.stack, name.layer) for name in names if name.layer is not None}
    return sorted(found, key=lambda layer: (stacks.index(layer[0]), layer[1]))


def kinds(names: Sequence[Name]) -> list[str]:
    """Kinds in the order in which they come."""
    return list(dict.fromkeys(name.kind for name in names))
