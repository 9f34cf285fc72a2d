"""A verdict in words: who is faster at what, by how much, and all that it holds for."""

from typing import Any

from bench import phases, registry
from bench.page.numbers import between, times
from bench.page.words import FLUSHED, unusual
from bench.statistics.directions import DELTA
from bench.statistics.intervals import Estimate
from bench.statistics.verdicts import Verdict


def sentence(verdict: Verdict) -> str:
    """The verdict with everything it holds for."""
    cell, base = verdict.record["cell"], verdict.reference["cell"]
    arm, other = _called(cell, base)
    ratio, noise, comparison = verdict.ratio, verdict.canary, "faster"
    if verdict.difference == "slower":  # both, so that one can be held against the other
        ratio, comparison = _inverse(ratio), "slower"
        noise = None if noise is None else _inverse(noise)
    number = times(ratio)
    task = registry.named(cell["task"], cell.get("data", "offline"))
    where = f"at T={cell['length']} on {cell['device']}, task {task}"
    # Of two settings each side has named its own.
    named = () if cell["denormals"] == base["denormals"] else ("denormals",)
    where += "".join(f", {text}" for text in unusual(cell, without=named))
    control = "no A/A" if noise is None else f"A/A {between(noise)}"
    said, what = _done(cell)
    if verdict.difference is not None:
        return f"{arm} {said} {number} {comparison}{what} than {other} {where}; {control}"
    known = f"undecided, {verdict.why}" if verdict.why else "no difference beyond noise"
    known = f"the same within {DELTA:.0%}" if verdict.alike else known
    return f"{arm} {said} {number} as fast{what} as {other} {where}: {known}; {control}"


def _inverse(ratio: Estimate) -> Estimate:
    return ratio.map(lambda value: 1 / value)


def _done(cell: dict[str, Any]) -> tuple[str, str]:
    """What an arm does in a phase, and what follows the number.

    A phase that only another package's probe knows is called by its own name.
    """
    phase = cell["axes"].get("phase", cell["probe"])
    verb = phases.verb(phase)
    return ("is", f" in {phase}") if verb is None else (verb, "")


def _called(cell: dict[str, Any], base: dict[str, Any]) -> tuple[str, str]:
    """Names of the two arms, with their kernels or settings where these tell them apart.

    A kernel that is not the arm's first is named too: its group may have both.
    """
    if cell["arm"] != base["arm"]:
        return _arm(cell), _arm(base)
    arm, other = (f"{registry.label(c['arm'])}/{c['kernel']}" for c in (cell, base))
    if cell["denormals"] != base["denormals"]:
        return f"{arm} with {FLUSHED}", "with them kept"
    return arm, other


def _arm(cell: dict[str, Any]) -> str:
    """Its label, with its kernel where that is not the one it has by default."""
    entry = registry.arms().get(cell["arm"])
    usual = entry is None or cell["kernel"] == entry.literals["KERNELS"][0]
    return registry.label(cell["arm"]) + ("" if usual else f"/{cell['kernel']}")
