"""The phases that are timed, in words, in the order in which pages tell of them."""

from collections.abc import Iterable

#: Phase -> what is done, and what an arm does.
_WORDS = {
    "training": ("training step", "trains"),
    "forward": ("forward pass", "runs forward"),
    "prefill": ("prefill", "prefills"),
    "decode": ("decoding", "decodes"),
}


def noun(phase: str) -> str:
    """What is done; of one that only another package's probe knows, its own name."""
    return _WORDS[phase][0] if phase in _WORDS else phase


def verb(phase: str) -> str | None:
    """What an arm does; None of a phase that is not known here."""
    return _WORDS[phase][1] if phase in _WORDS else None


def in_order(phases: Iterable[str]) -> list[str]:
    """Each once, those not known here last."""
    there = dict.fromkeys(phases)
    known = [phase for phase in _WORDS if phase in there]
    return known + [phase for phase in there if phase not in known]
