"""How many rows a step has: as many at every length, or as many as so many tokens make.

A probe of rows has the setting ``batch_size``. One whose protocol has ``tokens_per_step`` too may
hold that constant over lengths instead: a step at T then has ``tokens_per_step // T`` rows, so that
a curve by length shows the length, and not how a fixed cost is shared among more and more tokens. A
cell's own protocol has the rows of its length either way, and 0 tokens where rows were asked for.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

ROWS, TOKENS = "batch_size", "tokens_per_step"


def mistakes(
    protocol: Mapping[str, Any], given: Collection[str], lengths: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """What is wrong with the size of a grid's steps: the setting, and what to do.

    Args:
        protocol: of the grid, defaults included.
        given: settings that the study file itself says.
        lengths: of its windows.
    """
    if TOKENS not in given or TOKENS not in protocol:
        return
    if ROWS in given:
        yield (
            TOKENS,
            f"holds tokens constant over lengths, and {ROWS} rows. Got both: leave one out.",
        )
    tokens, longest = protocol[TOKENS], max(lengths)
    if tokens < longest:
        yield (
            TOKENS,
            f"expected at least the longest window, {longest} tokens, so that a step has a row. "
            f"Got {tokens}.",
        )


def at(protocol: Mapping[str, Any], length: int) -> dict[str, Any]:
    """The protocol of a cell of this length, with the rows of its step."""
    tokens = protocol.get(TOKENS)
    return dict(protocol) | ({ROWS: tokens // length} if tokens else {})
