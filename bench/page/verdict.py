"""A verdict in words: who is faster at what, by how much, and all that it holds for."""

from typing import Any

from bench import phases, registry
from bench.page.numbers import between, times
from bench.statistics.verdicts import Verdict

_FLUSHED = "subnormals flushed"


def sentence(verdict: Verdict) -> str:
    """The verdict with everything it holds for."""
    cell, base = verdict.record["cell"], verdict.reference["cell"]
    arm, other = _called(cell, base)
    ratio, comparison = verdict.ratio, "faster"
    if verdict.difference == "slower":
        ratio, comparison = ratio.map(lambda value: 1 / value), "slower"
    number = times(ratio)
    task = registry.named(cell["task"], cell.get("data", "offline"))
    where = f"at T={cell['length']} on {cell['device']}, task {task}"
    # Of two settings each side has named its own.
    named = () if cell["denormals"] == base["denormals"] else (_FLUSHED,)
    where += "".join(f", {text}" for text in _unusual(cell) if text not in named)
    noise = "no A/A" if verdict.canary is None else f"A/A {between(verdict.canary)}"
    said, what = _done(cell)
    if verdict.difference is not None:
        return f"{arm} {said} {number} {comparison}{what} than {other} {where}; {noise}"
    known = "unstable, so no claim" if verdict.unstable else "no difference beyond noise"
    return f"{arm} {said} {number} as fast{what} as {other} {where}: {known}; {noise}"


def _done(cell: dict[str, Any]) -> tuple[str, str]:
    """What an arm does in a phase, and what follows the number.

    A phase that only another package's probe knows is called by its own name.
    """
    phase = cell["axes"].get("phase", cell["probe"])
    verb = phases.verb(phase)
    return ("is", f" in {phase}") if verb is None else (verb, "")


def _called(cell: dict[str, Any], base: dict[str, Any]) -> tuple[str, str]:
    """Names of the two arms, with their kernels or settings where only these tell them apart."""
    arm, other = registry.label(cell["arm"]), registry.label(base["arm"])
    if cell["arm"] != base["arm"]:
        return arm, other
    if cell["denormals"] != base["denormals"]:
        return f"{arm}/{cell['kernel']} with {_FLUSHED}", "with them kept"
    return f"{arm}/{cell['kernel']}", f"{other}/{base['kernel']}"


def _unusual(cell: dict[str, Any]) -> list[str]:
    """Coordinates that are not the usual ones."""
    texts = []
    if cell["dtype"] != "float32":
        texts.append(cell["dtype"])
    if cell["denormals"] != "keep":
        texts.append(_FLUSHED)
    if cell["threads"] != "all":
        texts.append(f"{cell['threads']} thread{'' if cell['threads'] == 1 else 's'}")
    return texts
