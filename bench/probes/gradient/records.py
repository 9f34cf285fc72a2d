"""The records that hold a flow of gradients, and where each of their measurements stands."""

import math
import re
from collections.abc import Sequence
from typing import Any

from bench import registry
from bench.outcome import DIVERGED, DONE
from bench.store.records import Record, coordinates, tokenizer

_LAYER = re.compile(r"layer (\d+)$")  # of a state's name: ``h, layer 2``


def of_flow(records: Sequence[Record]) -> list[Record]:
    """The gradient records that hold a flow, of trainings that diverged as far as they went."""
    return [
        record
        for record in records
        if record["cell"]["probe"] == "gradient"
        and record["status"] in (DONE, DIVERGED)
        and record["samples"].get("steps")
    ]


def stage(record: Record, number: int) -> str:
    """``init``, or the share of the training that is over."""
    step, steps = record["samples"]["steps"][number], record["cell"]["protocol"]["steps"]
    return f"{step / steps:.0%}" if step else "init"


def clip_norm(record: Record) -> float:
    """The norm above which a training's gradient was scaled down; infinite where it never is."""
    threshold: float = record["cell"]["protocol"].get("clip_norm", math.inf)
    return threshold


def where(record: Record) -> dict[str, Any]:
    """Where a measurement stands: all that its seeds have in common."""
    cell = record["cell"]
    protocol, model = cell["protocol"], cell["model"]
    return coordinates(cell) | {
        "layers": _layers(record),
        "initialization": "pretrained here"
        if model.get("pretraining")
        else _initialization(cell["arm"], model.get("recurrent") or {}),
        "matched_to": model["match_to"],
        "width": model["hidden_size"],
        "batch_size": protocol["batch_size"],
        "rows": protocol["rows"],
        "training_steps": protocol["steps"],
        "learning_rate": protocol["learning_rate"],
        "clip_norm": protocol["clip_norm"],
        **tokenizer(record),
    }


def _layers(record: Record) -> int:
    """Layers of the model that was built, 0 where nobody knows.

    As its configuration says, or else the names of its states. A record that has neither is of an
    arm that has as many as the study asks for, unless a checkpoint decides.
    """
    built: int | None = (record.get("model") or {}).get("layers")
    states = record["samples"].get("states") or ()
    named = [int(found[1]) for name in states if (found := _LAYER.search(name))]
    cell = record["cell"]
    decided = _literals(cell["arm"]).get("WEIGHTS") == "pretrained"
    return built or max(named, default=0 if decided else int(cell["model"]["num_layers"]))


def _initialization(arm: str, recurrent: dict[str, Any]) -> str:
    """How an arm starts, in words: of a comparison's options those that the arm takes."""
    literals = _literals(arm)
    if literals.get("WEIGHTS") == "pretrained":
        return "pretrained"
    taken = {name: recurrent.get(name) for name in literals.get("OPTIONS", ())}
    parts = [str(taken.get("initialization") or "default")]
    if taken.get("chrono_length") is not None:
        parts.append(f"to {taken['chrono_length']}")
    if taken.get("forget_bias") is not None:
        parts.append(f"forget bias {taken['forget_bias']:g}")
    return ", ".join(parts)


def _literals(arm: str) -> dict[str, Any]:
    """What an arm says of itself; nothing where it is not, or no longer, here."""
    entry = registry.arms().get(arm)
    return {} if entry is None else entry.literals
