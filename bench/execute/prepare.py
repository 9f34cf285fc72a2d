"""Everything decided before the first clock starts, in a process of its own.

Checkpoints are verified, the corpus tokenized, models matched, cells that cannot run named, and
one step of every model timed so that the plan can say how long it will take.
"""

import math
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

import models.arms
from bench import probes, registry, tasks
from bench.outcome import INVALID, UNAVAILABLE, CellError, Unsupported
from bench.probes.subject import Batch, Subject, check_device, optimizer, training_step
from bench.study import Cell
from bench.tasks import corpus
from models.checkpoints import MINILM, CheckpointError
from models.matching import MatchError, match_parameters

_FIXED_S = 0.8  # forking, opening the corpus, and writing the record
_FEW = 5  # steps below which a size is not timed beforehand


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Decide about every cell of a plan.

    Args:
        job: ``cells`` (the plan), ``corpus`` (its fingerprint) and ``threads``.

    Returns:
        ``corpus`` (what it holds), and ``cells``: key to ``config``, ``parameters``, ``match``
        and ``estimate_s``, or to ``failed`` (a status) and ``reason``.
    """
    torch.set_num_threads(job["threads"])
    cells = {fields["key"]: Cell.model_validate(fields["cell"]) for fields in job["cells"]}
    try:
        library = corpus.load(job["corpus"], MINILM)
    except (CheckpointError, corpus.CorpusError) as error:
        failure = {"failed": UNAVAILABLE, "reason": str(error)}
        return {"corpus": None, "cells": dict.fromkeys(cells, failure)}
    models_of: dict[str, dict[str, Any]] = {}
    decided: dict[str, dict[str, Any]] = {}
    for key, cell in cells.items():
        try:
            name = f"{cell.arm} {cell.task} {cell.model.model_dump_json()}"
            if name not in models_of:
                models_of[name] = _match(cell, library)
            model = models_of[name]
            if "failed" not in model:
                _check(cell, model, library)
            decided[key] = dict(model)
        except CellError as error:
            decided[key] = {"failed": error.status, "reason": str(error)}
    _estimate(cells, decided, library)
    return {"corpus": _describe(library), "cells": decided}


def _describe(library: corpus.Corpus) -> dict[str, Any]:
    return {
        "hash": library.hash,
        "files": len(library.path),
        "source_bytes": library.source_bytes,
        "tokens": len(library.tokens),
    }


def _match(cell: Cell, library: corpus.Corpus) -> dict[str, Any]:
    """The sized configuration of a cell's model, with its exact counts."""
    task = tasks.load(cell.task)
    shape = models.arms.Shape(
        head=task.HEAD,
        num_labels=len(task.LABELS),
        vocab_size=library.vocab_size,
        pad_token_id=library.pad_id,
        embedding_size=cell.model.hidden_size,
        num_layers=cell.model.num_layers,
        num_heads=cell.model.num_heads,
        max_positions=cell.model.max_positions,
    )
    arm, reference = models.arms.load(cell.arm), models.arms.load(cell.model.match_to)
    try:
        match = match_parameters(arm, shape, reference)
    except MatchError as error:
        return {"failed": INVALID, "reason": f"{cell.arm} cannot be matched: {error}"}
    except CheckpointError as error:
        return {"failed": UNAVAILABLE, "reason": str(error)}
    return {
        "config": match.config.to_dict(),
        "parameters": asdict(match.parameters),
        "match": {"target": match.target, "error": match.error},
    }


def _check(cell: Cell, model: dict[str, Any], library: corpus.Corpus) -> None:
    """Refuse what cannot run.

    Raises:
        Unsupported: the device is absent, the arm has no such kernel, the window is longer than
            the model's positions or than the corpus holds.
    """
    check_device(cell.device)
    kernels = registry.arms()[cell.arm].literals["KERNELS"]
    if cell.kernel not in kernels:
        raise Unsupported(f"{cell.arm} has no kernel {cell.kernel!r}; it has {', '.join(kernels)}")
    config = models.arms.config_from_dict(model["config"])
    limit = models.arms.load(cell.arm).max_length(config)
    if limit is not None and cell.length > limit:
        raise Unsupported(f"T={cell.length} is beyond the {limit} positions of {cell.arm}")
    task = tasks.load(cell.task)
    try:
        for split in corpus.SPLITS:
            task.rows(library, split, cell.length, len(task.LABELS), seed=0)
    except tasks.LengthError as error:
        raise Unsupported(str(error)) from None


def _estimate(
    cells: dict[str, Cell], decided: dict[str, dict[str, Any]], library: corpus.Corpus
) -> None:
    """Add ``estimate_s`` to every cell that will run; a failing model fails its cells here."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for key, cell in cells.items():
        if "failed" not in decided[key]:
            name = cell.model.model_dump_json()
            alike.setdefault((cell.arm, cell.kernel, cell.device, cell.dtype, name), []).append(key)
    for keys in alike.values():
        try:
            pace = _Pace(cells[keys[0]], decided[keys[0]]["config"], library)
            work = {
                key: probes.load(cells[key].probe).work(cells[key].protocol, cells[key].axes)
                for key in keys
            }
            for key in sorted(keys, key=lambda key: -sum(work[key])):
                seconds = pace.seconds(cells[key], *work[key])
                decided[key]["estimate_s"] = _FIXED_S + pace.build_s + seconds
        except CheckpointError as error:
            for key in keys:
                decided[key] = {"failed": UNAVAILABLE, "reason": str(error)}
        except Exception as error:
            # Out of memory, say: what cannot be timed here is for its own worker to report.
            traceback.print_exception(error)


def _tokens(cell: Cell) -> int:
    size: int = cell.protocol["batch_size"] * cell.length
    return size


class _Pace:
    """How long a model takes to build, to train a step and to run forward, measured here.

    Each size that many steps are to be made of is timed. One that is hardly used is scaled from
    the nearest by its tokens, as timing it might take longer than running it.
    """

    def __init__(self, cell: Cell, config: dict[str, object], library: corpus.Corpus) -> None:
        self._config, self._library = config, library
        start = time.perf_counter()
        model = Subject(cell, config, library).build()
        self.build_s = time.perf_counter() - start
        step = training_step(model, optimizer(model, 1e-5), 1.0)

        def train(batch: Batch) -> None:
            float(step(batch)[0])  # reading a number waits for the device

        def forward(batch: Batch) -> None:
            with torch.inference_mode():
                float(model(input_ids=batch.input_ids).logits.sum())

        self._functions = (train, forward)
        self._known: tuple[dict[tuple[int, int], float], ...] = ({}, {})

    def seconds(self, cell: Cell, steps: float, passes: float) -> float:
        """Seconds of so many training steps and forward passes of the cell's size."""
        return sum(
            count * self._once(which, cell, count)
            for which, count in enumerate((steps, passes))
            if count
        )

    def _once(self, which: int, cell: Cell, count: float) -> float:
        known, tokens = self._known[which], _tokens(cell)
        size = (cell.length, cell.protocol["batch_size"])
        if size not in known and known and count < _FEW:
            nearest = min(known, key=lambda s: abs(math.log(s[0] * s[1] / tokens)))
            return known[nearest] * tokens / (nearest[0] * nearest[1])
        if size not in known:
            subject = Subject(cell, self._config, self._library)
            batches = subject.batches(2 if known else 3, cell.protocol["batch_size"])
            known[size] = min(_seconds(self._functions[which], batch) for batch in batches)
        return known[size]


def _seconds(function: Callable[[Batch], None], batch: Batch) -> float:
    start = time.perf_counter()
    function(batch)
    return time.perf_counter() - start
