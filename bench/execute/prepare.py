"""Everything decided before the first clock starts, in a process of its own.

Data is opened once (``opened``) and models matched (``sizing``), cells that cannot run are named
(``refusals``), and one step of every model is timed so that the plan can say how long it will take
(``estimates``). What is to be pretrained first is named (``pretrainings``).
"""

import json
from collections.abc import Callable
from typing import Any

import torch

from bench import tasks
from bench.execute import estimates, pretrainings, refusals
from bench.execute.opened import Opened
from bench.execute.sizing import positions, sized
from bench.outcome import CellError
from bench.study import Cell
from models import kernels

_POSITIONS = ("max_position_embeddings", "n_positions")  # in Hugging Face's configurations


def run(job: dict[str, Any], step: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Decide about every cell of a plan.

    Args:
        job: ``cells`` (the plan), ``corpus`` (its fingerprint) and ``threads``.
        step: called whenever something has been decided or timed.

    Returns:
        ``corpus`` (what it holds), and ``cells``: key to what ``sizing.sized`` says of its model
        and to ``estimate_s``, or to ``failed`` (a status) and ``reason``; and
        ``pretrainings``, what is to be made before them, see ``pretrainings.add``.
    """
    torch.set_num_threads(job["threads"])
    cells = {fields["key"]: Cell.model_validate(fields["cell"]) for fields in job["cells"]}
    data = Opened(job["corpus"])
    decide = Decisions(data)
    needless = refusals.of_flushing(cells)
    decided = {}
    for key, cell in cells.items():
        decided[key] = needless.get(key) or decide(cell)
        step()
    estimates.add(cells, decided, data, step)
    missing = pretrainings.add(cells, decided, data, step)
    return {"corpus": data.described(), "cells": decided, "pretrainings": missing}


class Decisions:
    """What becomes of each cell, every model matched and every kernel checked once.

    Args:
        data: gives what the rows of a cell are cut from.
    """

    def __init__(self, data: Callable[[Cell], Any]) -> None:
        self._data = data
        self._models: dict[str, dict[str, Any] | CellError] = {}
        self._refusals: dict[str, CellError | None] = {}

    def __call__(self, cell: Cell) -> dict[str, Any]:
        """The sized model, or the status in which the cell fails and why."""
        try:
            data = self._data(cell)
            model = self._model(cell, data)
            refusals.check(cell, model["config"], data)
            self._check_kernel(cell, model["config"])
        except CellError as error:
            return {"failed": error.status, "reason": str(error)}
        return dict(model)

    def _model(self, cell: Cell, data: Any) -> dict[str, Any]:
        most = positions(tasks.load(cell.task, cell.data), cell)  # which differs by probe
        parts = (cell.arm, cell.task, cell.data, cell.length, most, cell.dtype, _text(cell.model))
        name = " ".join(map(str, parts))
        if name not in self._models:
            try:
                self._models[name] = sized(cell, data)
            except CellError as error:
                self._models[name] = error
        found = self._models[name]
        if isinstance(found, CellError):
            raise found.with_traceback(None)  # it is kept, and its frames need not be
        return found

    def _check_kernel(self, cell: Cell, config: dict[str, Any]) -> None:
        head = tasks.load(cell.task, cell.data).HEAD
        # A table of positions is as long as the cell's window, and no kernel's business beyond
        # the tokens that it is proven on.
        own = {
            name: min(value, kernels.LENGTH) if name in _POSITIONS else value
            for name, value in config.items()
        }
        name = f"{cell.arm} {head} {cell.kernel} {cell.device} {cell.dtype} {_text(own)}"
        if name not in self._refusals:
            self._refusals[name] = refusals.of_kernel(cell, config)
        refusal = self._refusals[name]
        if refusal is not None:
            raise refusal.with_traceback(None)


def _text(value: Any) -> str:
    """A model or a table as text, equal for equal ones."""
    return json.dumps(value, sort_keys=True, default=lambda model: model.model_dump(mode="json"))
