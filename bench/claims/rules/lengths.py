"""One state from those at several lengths, and the lengths at which it turns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.page import judgement
from bench.page.captions import EXPLORATORY

#: Fewer than ``EXPLORATORY``, in words that can be read aloud behind a count.
FEW_SEEDS = "fewer than six seeds"


@dataclass(frozen=True)
class Decided:
    """What can be said at one length, or at all of them.

    Args:
        state: one of ``judgement.STATES``.
        why: of what is undecided, what it lacks; of what depends, where it holds.
    """

    state: str
    why: str = ""


def together(at: Mapping[int, Decided]) -> Decided:
    """The state over lengths: those that cannot be decided are silent where others can.

    Args:
        at: by length, in tokens, one or more.
    """
    decided = {length: at[length] for length in sorted(at) if _told(at[length])}
    if not decided:
        reasons = Counter(each.why for each in at.values())
        return Decided(judgement.UNDECIDED, reasons.most_common(1)[0][0])
    states = {each.state for each in decided.values()}
    if len(states) == 1:
        return Decided(states.pop())
    holds = [each.state == judgement.SUPPORTED for each in decided.values()]
    return Decided(judgement.DEPENDS, where(list(decided), holds))


def used(at: Mapping[int, Decided]) -> list[int]:
    """The lengths that decided: those a scope holds; all where none did."""
    return [length for length, each in at.items() if _told(each)] or list(at)


def where(lengths: Sequence[int], holds: Sequence[bool]) -> str:
    """``from T=256 on`` or ``up to T=64`` where it turns once, else ``at some lengths only``.

    Args:
        lengths: in tokens, growing.
        holds: whether it does at each; somewhere it does, and somewhere it does not.
    """
    turns = [n for n in range(1, len(lengths)) if holds[n] != holds[n - 1]]
    if len(turns) > 1:
        return "at some lengths only"
    turn = turns[0]
    return f"from T={lengths[turn]:,} on" if holds[turn] else f"up to T={lengths[turn - 1]:,}"


def quoted(at: Mapping[int, Decided], found: Decided, seeds: Mapping[int, int]) -> int:
    """The longest length that says what all say, before any that has too few seeds for it.

    Args:
        at: by length, in tokens.
        found: what these say ``together``; where it depends, a length at which it holds is quoted.
        seeds: by length, how many.
    """
    wanted = judgement.SUPPORTED if found.state == judgement.DEPENDS else found.state
    return max(
        (length for length, each in at.items() if each.state == wanted),
        key=lambda length: (seeds[length] >= EXPLORATORY, length),
    )


def _told(decided: Decided) -> bool:
    return decided.state != judgement.UNDECIDED
