"""The records that hold a flow of gradients, and where each of their measurements stands."""

import math
from collections.abc import Sequence
from typing import Any

from bench.outcome import DIVERGED, DONE
from bench.store.records import Record, coordinates


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
        "layers": model["num_layers"],
        "initialization": _initialization(model.get("recurrent") or {}),
        "matched_to": model["match_to"],
        "width": model["hidden_size"],
        "batch_size": protocol["batch_size"],
        "rows": protocol["rows"],
        "training_steps": protocol["steps"],
        "learning_rate": protocol["learning_rate"],
        "clip_norm": protocol["clip_norm"],
    }


def _initialization(recurrent: dict[str, Any]) -> str:
    """How recurrent arms start, in words."""
    parts = [str(recurrent.get("initialization", "default"))]
    if recurrent.get("chrono_length") is not None:
        parts.append(f"to {recurrent['chrono_length']}")
    if recurrent.get("forget_bias") is not None:
        parts.append(f"forget bias {recurrent['forget_bias']:g}")
    return ", ".join(parts)
