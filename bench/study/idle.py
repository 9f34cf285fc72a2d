"""What a comparison asks for and its grids have not: a record would name what was never done.

An arm refuses these too, a cell at a time and with torch; a study's are found before anything runs.
What is wrong with a comparison shows only beside its grids, so their tables are read as they are.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bench import registry
from bench.data.contract import CORPUS, LIBRARY
from bench.study.cell import Comparison
from bench.study.mistakes import Place

_SEQ2SEQ, _CAUSAL = "AutoModelForSeq2SeqLM", "AutoModelForCausalLM"
_LEAST_CHRONO = 3  # steps of memory, below which the gates' biases are not defined
_OWN = "a comparison of their own"

_Wrong = tuple[Place, str]


def options(name: str, comparison: Comparison, grids: Sequence[Any]) -> Iterator[_Wrong]:
    """What is wrong with the options of a comparison, each with its place.

    Args:
        name: of the comparison.
        comparison: which is valid by itself.
        grids: tables of the study, whatever else is wrong with them.
    """
    place: Place = ("comparison", name, "recurrent")
    own = [grid for grid in grids if isinstance(grid, dict) and grid.get("comparison") == name]
    given = comparison.recurrent.model_dump(exclude_defaults=True)
    for option, what in _at_odds(given):
        yield (*place, option), what
    for task, head in _heads(own):
        if given.get("attention") and head != _SEQ2SEQ:
            yield (
                place,
                f"attention is of a decoder that reads a source ({_SEQ2SEQ}). Task {task!r} has "
                f"{head}: leave attention out, or give such tasks {_OWN}.",
            )
        if given.get("bidirectional") and head == _CAUSAL:
            yield (
                (*place, "bidirectional"),
                f"task {task!r} has {_CAUSAL}, which must read from left to right: leave "
                f"bidirectional out, or give such tasks {_OWN}.",
            )
    for where, what in _pretraining(comparison, own):
        yield ("comparison", name, "pretraining", *where), what
    arms = _arms(own)
    if comparison.tokenizer == CORPUS and (known := pretrained(comparison, arms or ())):
        yield (
            ("comparison", name, "tokenizer"),
            f"{' and '.join(known)} of this comparison came with the checkpoint's token ids. Got "
            f"{CORPUS!r}: leave tokenizer out, or give arms with random weights {_OWN}.",
        )
    if arms is not None:
        for option, what in _without_takers(given, {*arms, comparison.match_to}):
            yield (*place, option), what
        if comparison.embeddings == "checkpoint" and (lost := sorted(filter(_ignores, arms))):
            yield (
                ("comparison", name, "embeddings"),
                f"recurrent arms start from a checkpoint's. {', '.join(lost)} would ignore it: "
                f"leave embeddings out, or give such arms {_OWN}.",
            )


def _pretraining(comparison: Comparison, grids: Sequence[dict[str, Any]]) -> Iterator[_Wrong]:
    """What keeps arms from being pretrained on their tasks' own text, or all of a window from it.

    Positions beyond the windows of pretraining would be pretrained in name only.
    """
    asked = comparison.pretraining
    if asked is None:
        return
    for task in sorted(
        {t for grid in grids for t in _listed(grid.get("task")) if isinstance(t, str)}
    ):
        entry = registry.tasks().get(task)
        if entry is not None and entry.literals.get("NEEDS") != LIBRARY:
            yield (
                (),
                f"task {task!r} is not cut from the library's text, on which the arms are "
                f"pretrained: leave pretraining out, or give such tasks {_OWN}.",
            )
    for arm in sorted(_arms(grids) or ()):
        if registry.arms()[arm].literals["WEIGHTS"] == "pretrained":
            yield (
                (),
                f"arm {arm} has weights of its own, and would not be pretrained here: give it "
                f"{_OWN}.",
            )
    if comparison.embeddings == "checkpoint":
        yield (
            (),
            "starts every arm from weights made here. Got embeddings = 'checkpoint', which come "
            "from elsewhere: leave one of the two out.",
        )
    lengths = [n for grid in grids for n in _listed(grid.get("length")) if type(n) is int]
    if lengths and max(lengths) > asked.length:
        yield (
            ("length",),
            f"expected at least the longest window of its grids, {max(lengths)} tokens, as "
            f"positions beyond it would not be pretrained. Got {asked.length}.",
        )
    if comparison.max_positions is not None and comparison.max_positions < asked.length:
        yield (
            ("length",),
            f"expected at most max_positions, {comparison.max_positions}. Got {asked.length}.",
        )


def pretrained(comparison: Comparison, arms: Collection[str]) -> list[str]:
    """What of a comparison of these arms comes from a checkpoint, and with it its token ids."""
    found = [
        f"arm {arm}"
        for arm in sorted({*arms, comparison.match_to})
        if registry.arms()[arm].literals["WEIGHTS"] == "pretrained"
    ]
    if comparison.embeddings == "checkpoint":
        found.append("the embeddings")
    return found or (["the checkpoint"] if comparison.checkpoint else [])


def _at_odds(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Options that need one another, or that no two of can be."""
    chrono, length = given.get("initialization") == "chrono", given.get("chrono_length")
    if chrono and length is None:
        yield (
            "initialization",
            "'chrono' needs chrono_length, the longest memory in steps, of at least "
            f"{_LEAST_CHRONO}.",
        )
    elif chrono and length is not None and length < _LEAST_CHRONO:
        yield "chrono_length", f"expected at least {_LEAST_CHRONO} steps. Got {length}."
    elif length is not None and not chrono:
        yield (
            "chrono_length",
            "is what initialization = 'chrono' provides for. Got "
            f"{given.get('initialization', 'default')!r}: leave it out, or ask for 'chrono'.",
        )
    if chrono and "forget_bias" in given:
        yield "forget_bias", "initialization = 'chrono' sets the forget gate: leave it out."


def _without_takers(given: dict[str, Any], arms: set[str]) -> Iterator[tuple[str, str]]:
    """Options that no arm takes, or that one takes and another of its like does not."""
    takes = {arm: registry.arms()[arm].literals.get("OPTIONS", ()) for arm in sorted(arms)}
    for option in given:
        if not any(option in taken for taken in takes.values()):
            having = [
                arm
                for arm, entry in registry.arms().items()
                if option in entry.literals.get("OPTIONS", ())
            ]
            yield (
                option,
                f"no arm of this comparison has it ({', '.join(takes)}): leave it out. Arms that "
                f"have it: {', '.join(having) or 'none'}.",
            )
        elif lacking := [arm for arm, taken in takes.items() if taken and option not in taken]:
            yield (
                option,
                f"{', '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no such option: "
                f"give those that have it {_OWN}.",
            )


def _heads(grids: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Tasks of these grids with their heads; what is no task is said elsewhere."""
    for grid in grids:
        for task in _listed(grid.get("task")):
            entry = registry.tasks().get(task) if isinstance(task, str) else None
            if entry is not None:
                yield task, entry.literals["HEAD"]


def _arms(grids: Sequence[dict[str, Any]]) -> set[str] | None:
    """Arms of these grids, None where there are none or one is unknown: it may be meant to take."""
    arms = [arm for grid in grids for arm in _listed(grid.get("arm"))]
    known = all(isinstance(arm, str) and arm in registry.arms() for arm in arms)
    return set(arms) if arms and known else None


def _ignores(arm: str) -> bool:
    """Whether an arm has no word embeddings to start from: it is neither recurrent nor loaded."""
    literals = registry.arms()[arm].literals
    return literals["WEIGHTS"] == "random" and "OPTIONS" not in literals


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
