"""Bodies that a plan's cells start from and that are pretrained here, each once.

Cells of one body share it, whatever their task and seed. What lies in the cache whole is not made
again, so that a sweep that was stopped goes on with the next body.
"""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from bench.execute import estimates
from bench.measure import pretrained, pretraining
from bench.measure.subject import PRETRAINED
from bench.outcome import CellError
from bench.study import Cell


def add(
    cells: Mapping[str, Cell],
    decided: dict[str, dict[str, Any]],
    data: Callable[[Cell], Any],
    step: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """Tell every cell that asks for it which weights its body starts from.

    Args:
        cells: of a plan.
        decided: what is known of each, changed in place: ``pretraining`` is how its weights were
            made, None where they are still to be.
        data: what a cell's rows are cut from.
        step: called after each cell.

    Returns:
        What is to be made: its ``key``, ``arm``, ``objective``, ``tokens``, ``estimate_s``, the
        keys of its ``cells``, and ``job`` for a worker.
    """
    missing: dict[str, dict[str, Any]] = {}
    for name, cell in cells.items():
        answer = decided[name]
        if cell.model.pretraining is None or "failed" in answer:
            continue
        try:
            recipe = pretraining.recipe(cell, answer["config"], data(cell))
        except CellError as error:
            decided[name] = {"failed": error.status, "reason": str(error)}
            continue
        made = pretrained.read(recipe.key)
        if made is None and recipe.key not in missing:
            with estimates.as_set(cell.model_copy(update={"threads": 1})):
                estimate_s = pretraining.steps(recipe.settings) * _step_s(recipe)
            missing[recipe.key] = {
                "key": recipe.key,
                "arm": cell.arm,
                "objective": recipe.said["objective"],
                "tokens": recipe.said["tokens"],
                "estimate_s": estimate_s,
                "cells": [],
                "job": {
                    "job": "pretrain",
                    "cell": cell.model_dump(mode="json"),
                    "config": answer["config"],
                },
            }
        if made is None:
            missing[recipe.key]["cells"].append(name)
        config = answer["config"] | {PRETRAINED: recipe.key}
        decided[name] = answer | {"config": config, "pretraining": made}
        step()
    return list(missing.values())


def _step_s(recipe: pretraining.Recipe) -> float:
    """Seconds of a step; 0 where it cannot be timed here, which is for its own worker to report."""
    try:
        return pretraining.step_s(recipe)
    except Exception as error:  # out of memory, say
        traceback.print_exception(error)
        return 0.0
