"""The phases that are timed, in words, in the order in which pages tell of them."""

from collections.abc import Iterable

#: Of what a generation does: reading its prompt, up to the token that follows.
FIRST = "first_token"

#: Phase -> what is done, what an arm does, and what a step of it is.
_WORDS = {
    "training": ("training step", "trains", "training step"),
    "forward": ("forward pass", "runs forward", "forward pass"),
    "prefill": ("prefill", "prefills", "prefill"),
    FIRST: ("first token", "reads to a first token", "first token"),
    "decode": ("decoding", "decodes", "decoded token"),
    "decode_passes": (
        "decoding by bare passes",
        "decodes by bare passes",
        "token decoded by a bare pass",
    ),
    "decode_graph": (
        "decoding from a CUDA graph",
        "decodes from a CUDA graph",
        "token decoded from a CUDA graph",
    ),
}

#: Phase -> what the sentence that people say calls slow, which has several ways.
_KINDS = (
    {"training": "training"}
    | dict.fromkeys(("forward", "prefill", FIRST), "reading")
    | dict.fromkeys(("decode", "decode_passes", "decode_graph"), "decoding")
)


def noun(phase: str) -> str:
    """What is done; of one that only another package's probe knows, its own name."""
    return _WORDS[phase][0] if phase in _WORDS else phase


def verb(phase: str) -> str | None:
    """What an arm does; None of a phase that is not known here."""
    return _WORDS[phase][1] if phase in _WORDS else None


def step(phase: str) -> str:
    """What its times are of; of one that is not known here, its own name."""
    return _WORDS[phase][2] if phase in _WORDS else phase


def one(phase: str) -> str:
    """One of its steps: ``a training step``; of one that is not known here, its own name."""
    return f"a {step(phase)}" if phase in _WORDS else phase


def taking(phase: str) -> str:
    """What takes time, up to the verb: ``a training step takes``."""
    return f"{one(phase)} takes"


def begins(phase: str) -> str:
    """The same where a sentence begins with it: ``A training step takes``."""
    text = taking(phase)
    return f"{text[:1].upper()}{text[1:]}"


def in_order(phases: Iterable[str]) -> list[str]:
    """Each once, those not known here last."""
    there = dict.fromkeys(phases)
    known = [phase for phase in _WORDS if phase in there]
    return known + [phase for phase in there if phase not in known]


def kind(phase: str) -> str:
    """Training, reading or decoding; of one that is not known here, its own name."""
    return _KINDS.get(phase, phase)
