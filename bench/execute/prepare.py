"""Everything decided before the first clock starts, in a process of its own.

Checkpoints are verified, the corpus tokenized, models matched, cells that cannot run named, and
one step of every model timed so that the plan can say how long it will take.
"""

import contextlib
import functools
import json
import math
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from torch.utils._pytree import tree_leaves

import models.arms
from bench import registry, tasks
from bench.data import corpus
from bench.execute import turns
from bench.measure import contract, devices
from bench.measure.subject import DTYPES, Batch, Subject, optimizer, training_step
from bench.outcome import (
    FAILED,
    INVALID,
    UNAVAILABLE,
    UNSUPPORTED,
    CellError,
    Invalid,
    Unavailable,
    Unsupported,
)
from bench.probes.speed import measure as speed
from bench.store import environment
from bench.study import Cell, references
from bench.tasks import OFFLINE
from models import kernels
from models.checkpoints import CONFIG, MINILM, CheckpointError, find
from models.cost import Cost
from models.heads import GENERATING, IMAGE_TEXT
from models.matching import match

_TOKENIZER = "tokenizer.json"
_DECIDE_IDS = ("added_tokens", "normalizer", "pre_tokenizer", "model")
_FIXED_S = 0.4  # forking, opening the corpus, and writing the record
_FEW = 5  # steps below which a size is not timed beforehand


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Decide about every cell of a plan.

    Args:
        job: ``cells`` (the plan), ``corpus`` (its fingerprint) and ``threads``.

    Returns:
        ``corpus`` (what it holds), and ``cells``: key to ``config``, ``parameters``, ``match``,
        ``cost`` and ``estimate_s``, or to ``failed`` (a status) and ``reason``.
    """
    torch.set_num_threads(job["threads"])
    cells = {fields["key"]: Cell.model_validate(fields["cell"]) for fields in job["cells"]}
    data = _Data(job["corpus"])
    decide = _Decisions(data)
    decided = {key: decide(cell) for key, cell in cells.items()}
    _estimate(cells, decided, data)
    return {"corpus": data.described(), "cells": decided}


class _Data:
    """What the tasks' rows are cut from, each opened once and only where a cell needs it."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._opened: dict[tuple[str | None, str], Any] = {}
        self._reasons: dict[tuple[str | None, str], str] = {}

    def __call__(self, cell: Cell) -> Any:
        """What the rows of a cell are cut from.

        Raises:
            Unavailable: it cannot be had; the same answer each time, so that a hub is asked once.
        """
        name = (cell.task if cell.data != OFFLINE else tasks.needs(cell.task), cell.data)
        if name in self._reasons:
            raise Unavailable(self._reasons[name])
        if name not in self._opened:
            try:
                self._opened[name] = tasks.open_data(cell.task, cell.data, self._library)
            except (CheckpointError, corpus.CorpusError) as error:
                self._reasons[name] = str(error)
                raise Unavailable(str(error)) from None
        return self._opened[name]

    def described(self) -> dict[str, Any] | None:
        """What the library holds, None where no cell reads it."""
        library = self._opened.get(("library", OFFLINE))
        return None if library is None else _describe(library)


class _Decisions:
    """What becomes of each cell, every model matched and every kernel checked once."""

    def __init__(self, data: _Data) -> None:
        self._data = data
        self._models: dict[str, dict[str, Any]] = {}
        self._refusals: dict[str, CellError | None] = {}

    def __call__(self, cell: Cell) -> dict[str, Any]:
        """The sized model, or the status in which the cell fails and why."""
        name = f"{cell.arm} {cell.task} {cell.data} {cell.length} {cell.dtype} {_text(cell.model)}"
        try:
            data = self._data(cell)
        except Unavailable as error:
            return {"failed": error.status, "reason": str(error)}
        if name not in self._models:
            self._models[name] = _match(cell, data)
        model = self._models[name]
        if "failed" in model:
            return dict(model)
        try:
            _check(cell, model, data)
        except CellError as error:
            return {"failed": error.status, "reason": str(error)}
        refusal = self._refusal(cell, model["config"])
        if refusal is not None:
            return {"failed": refusal.status, "reason": str(refusal)}
        return dict(model)

    def _refusal(self, cell: Cell, config: dict[str, Any]) -> CellError | None:
        head = tasks.load(cell.task, cell.data).HEAD
        name = f"{cell.arm} {head} {cell.kernel} {cell.device} {cell.dtype} {_text(config)}"
        if name not in self._refusals:
            self._refusals[name] = _refusal(cell, config)
        return self._refusals[name]


def _describe(library: corpus.Corpus) -> dict[str, Any]:
    return {
        "hash": library.hash,
        "files": len(library.path),
        "source_bytes": library.source_bytes,
        "tokens": len(library.tokens),
        **library.description,
    }


def _text(value: Any) -> str:
    """A model or a table as text, equal for equal ones."""
    return json.dumps(value, sort_keys=True, default=lambda model: model.model_dump(mode="json"))


@functools.lru_cache(maxsize=4)
def _reading(tokenizer: str) -> dict[str, Any]:
    """What of a ``tokenizer.json`` turns text into ids, in the tokenizers library's own form."""
    fields = json.loads(Tokenizer.from_str(tokenizer).to_str())
    return {name: fields[name] for name in _DECIDE_IDS}


def _refuse_tokenizer(name: str) -> None:
    """Refuse a checkpoint that was trained on other token ids than the corpus holds.

    Raises:
        CheckpointError: its tokenizer is another, or it has none to compare.
    """
    checkpoint, ours = find(name), MINILM.verify(_TOKENIZER)
    folder = checkpoint.verify(CONFIG)
    if (folder / _TOKENIZER).is_file():
        checkpoint.verify(_TOKENIZER)
    try:
        theirs = _reading((folder / _TOKENIZER).read_text(encoding="utf-8"))
    except Exception as error:
        raise CheckpointError(
            f"{name}: expected a {_TOKENIZER}, to know that the ids of the corpus are its own. Got "
            f"{type(error).__name__}. Put it beside the weights: tokenizer.save_pretrained(folder)."
        ) from None
    if theirs != _reading((ours / _TOKENIZER).read_text(encoding="utf-8")):
        raise CheckpointError(
            f"{name}: expected the tokenizer of {MINILM.name}, through which the corpus is read. "
            "Got another, whose ids mean other tokens. Choose a checkpoint that has it."
        )


def _weights(arm: str) -> str:
    found: str = registry.arms()[arm].literals["WEIGHTS"]
    return found


def _sees(task: tasks.Task) -> bool:
    """Whether a window is an image, whose length is its pixels."""
    return task.HEAD == IMAGE_TEXT


def _match(cell: Cell, data: Any) -> dict[str, Any]:
    """The sized configuration of a cell's model, with its exact counts and its costs."""
    task = tasks.load(cell.task, cell.data)
    target_length: int | None = getattr(task, "TARGET_LENGTH", None)
    vocabulary = tasks.vocabulary(task, data)
    images = {"image_size": math.isqrt(cell.length), "patch_size": 1} if _sees(task) else {}
    shape = models.arms.Shape(
        head=task.HEAD,
        num_labels=len(task.LABELS) or 1,  # a number, where there are no classes
        vocab_size=vocabulary.size,
        pad_token_id=vocabulary.pad,
        embedding_size=cell.model.hidden_size,
        num_layers=cell.model.num_layers,
        num_heads=cell.model.num_heads,
        max_positions=cell.model.max_positions,
        bos_token_id=vocabulary.bos,
        eos_token_id=vocabulary.eos,
        **images,
        target_length=target_length,
        recurrent=cell.model.recurrent.model_dump(exclude_defaults=True),
        embeddings=cast("Any", cell.model.embeddings),
        checkpoint=cell.model.checkpoint,
    )
    arm, reference = models.arms.load(cell.arm), models.arms.load(cell.model.match_to)
    if vocabulary.own and "pretrained" in (_weights(cell.arm), _weights(cell.model.match_to)):
        return {
            "failed": UNSUPPORTED,
            "reason": f"task {cell.task!r} has symbols of its own, which mean other tokens to a "
            "pretrained model; match it to an arm with random weights",
        }
    try:
        if cell.model.checkpoint is not None:
            _refuse_tokenizer(cell.model.checkpoint)
        quantity = cast("Any", cell.model.match)
        sized = match(arm, shape, reference, quantity, _read(task, cell))
    except ValueError as error:  # no such size, head or combination of options
        return {"failed": INVALID, "reason": f"{cell.arm} cannot be matched: {error}"}
    except CheckpointError as error:
        return {"failed": UNAVAILABLE, "reason": str(error)}
    except Exception as error:  # a configuration that no model can have, say: the others go on
        traceback.print_exception(error)
        return {"failed": FAILED, "reason": f"{type(error).__name__}: {error}".partition("\n")[0]}
    return {
        "config": sized.config.to_dict(),
        "parameters": asdict(sized.parameters),
        "match": {
            "quantity": sized.quantity,
            "target": sized.target,
            "got": sized.got,
            "error": sized.error,
        },
        "cost": _cost(sized.cost, cell, task),
    }


def _read(task: tasks.Task, cell: Cell) -> int:
    """Tokens of the text that a row feeds a model: a caption's, where the window is an image.

    The image is in the model's own size, and its cost counts it apart.
    """
    return _query(task) if _sees(task) else cell.length


def _query(task: tasks.Task) -> int:
    """Tokens of a row's query or caption, 0 where it has none."""
    return getattr(task, "QUERY_LENGTH", None) or 0


def _cost(cost: Cost, cell: Cell, task: tasks.Task) -> dict[str, Any]:
    """What a row of the task costs; a model that finds reads the row's query as well."""
    target: int | None = getattr(task, "TARGET_LENGTH", None)
    at, query = _read(task, cell), _query(task)
    forward, training = cost.forward_flops(at, target), cost.training_flops(at, target)
    if query and not _sees(task):
        forward += cost.forward_flops(query)
        training += cost.training_flops(query)
    if query:  # shared among what throughput counts: the window's tokens or pixels alone
        shares = forward / cell.length, training / cell.length
    else:
        shares = (
            cost.forward_flops_per_token(at, target),
            cost.training_flops_per_token(at, target),
        )
    itemsize = DTYPES[cell.dtype].itemsize
    return {
        "length": cell.length,
        "forward_flops": forward,
        "training_flops": training,
        "forward_flops_per_token": shares[0],
        "training_flops_per_token": shares[1],
        "state_bytes": cost.state_bytes(at, target, itemsize=itemsize),
        **(_generation(cost, cell) if task.HEAD in GENERATING else {}),
    }


def _generation(cost: Cost, cell: Cell) -> dict[str, int]:
    """What a row's prefill costs, and the weights that each further token reads."""
    return {
        "prefill_flops": cost.prefill_flops(cell.length),
        "step_weight_bytes": DTYPES[cell.dtype].itemsize * cost.step_weights(),
    }


def _refusal(cell: Cell, fields: dict[str, object]) -> CellError | None:
    """Why a kernel's numbers are not to be trusted, None where they agree with the reference's."""
    arm, head = models.arms.load(cell.arm), tasks.load(cell.task, cell.data).HEAD
    config, dtype = models.arms.config_from_dict(fields), DTYPES[cell.dtype]
    try:
        kernels.check_kernel(arm, config, head, cell.kernel, cell.device, dtype)
    except kernels.KernelUnavailable as error:
        return Unsupported(str(error))
    except kernels.KernelError as error:
        return Invalid(str(error))
    except CheckpointError as error:
        return Unavailable(str(error))
    except Exception as error:
        # Out of memory, say: what cannot be built here is for its own worker to report.
        traceback.print_exception(error)
    return None


def _check(cell: Cell, model: dict[str, Any], data: Any) -> None:
    """Refuse what cannot run.

    Raises:
        Unsupported: the device is absent, the arm has no such kernel, the window is longer than
            the model's positions or than the corpus holds, or the protocol asks for windows that
            the task has not.
        Unavailable: what the rows are cut from is not what it should be.
    """
    devices.check(cell.device)
    task = tasks.load(cell.task, cell.data)
    head = task.HEAD
    heads = registry.probes()[cell.probe].literals["HEADS"]
    if head not in heads:
        raise Unsupported(
            f"probe {cell.probe!r} cannot measure {head} (task {cell.task!r}); it can: "
            f"{', '.join(heads)}"
        )
    if cell.threads != "all" and cell.threads > environment.threads():
        raise Unsupported(
            f"threads={cell.threads} on a machine that gives this process {environment.threads()}"
        )
    kernels = registry.arms()[cell.arm].literals["KERNELS"]
    if cell.kernel not in kernels:
        raise Unsupported(f"{cell.arm} has no kernel {cell.kernel!r}; it has {', '.join(kernels)}")
    config = models.arms.config_from_dict(model["config"])
    limit = models.arms.load(cell.arm).max_length(config)
    longest = getattr(task, "QUERY_LENGTH", 0) if _sees(task) else cell.length
    if limit is not None and longest > limit:
        raise Unsupported(f"T={longest} is beyond the {limit} positions of {cell.arm}")
    refuse = getattr(contract.load(cell.probe), "refuse", None)
    if refuse is not None:
        refuse(cell, head, limit)
    shortest, others = cell.protocol.get("shortest", 0), cell.protocol.get("test_lengths", [])
    if _sees(task) and {shortest or cell.length, *others} != {cell.length}:
        raise Unsupported(
            f"{head} reads images of one size, the cell's T={cell.length}. Leave shortest and "
            "test_lengths out."
        )
    if shortest > cell.length:
        raise Unsupported(
            f"expected shortest to be at most the cell's length, {cell.length}. Got {shortest}: "
            "it is the least window to train on."
        )
    windows = [(split, cell.length) for split in tasks.SPLITS]
    windows += [("train", shortest)] if shortest else []
    windows += [("test", length) for length in others]
    try:
        for split, length in windows:
            tasks.draw(task, data, split, length, 1, seed=0)
    except tasks.LengthError as error:
        raise Unsupported(str(error)) from None
    except corpus.CorpusError as error:  # images are decoded when they are first drawn
        raise Unavailable(str(error)) from None


def _estimate(cells: dict[str, Cell], decided: dict[str, dict[str, Any]], data: _Data) -> None:
    """Add ``estimate_s`` to every cell that will run; a failing model fails its cells here."""
    spent: dict[str, tuple[float, float]] = {}
    alike: dict[tuple[str, ...], list[str]] = {}
    for key, cell in cells.items():
        if "failed" not in decided[key]:
            name = _text(decided[key]["config"])
            setting = (cell.device, cell.dtype, cell.denormals, str(cell.threads))
            alike.setdefault(
                (cell.arm, cell.task, cell.data, cell.kernel, *setting, name), []
            ).append(key)
    for keys in alike.values():

        def timed(keys: list[str] = keys) -> dict[str, tuple[float, float]]:
            first = cells[keys[0]]
            with _set(first):
                pace = _Pace(first, decided[keys[0]]["config"], data(first))
                by_repeats = sorted(keys, key=lambda key: -_repeats(cells[key]))
                return {key: _spent(cells[key], pace) for key in by_repeats}

        try:
            # A thread starts a pool of its own, and with it what its setting does to floats.
            with ThreadPoolExecutor(1) as thread:
                spent |= thread.submit(timed).result()
        except CheckpointError as error:
            for key in keys:
                decided[key] = {"failed": UNAVAILABLE, "reason": str(error)}
        except Exception as error:
            # Out of memory, say: what cannot be timed here is for its own worker to report.
            traceback.print_exception(error)
            for key in keys:
                decided[key].setdefault("estimate_s", _FIXED_S)
    for key, seconds in _shares(cells, spent).items():
        decided[key]["estimate_s"] = seconds


@contextlib.contextmanager
def _set(cell: Cell) -> Iterator[None]:
    """A cell's threads and subnormal floats as its worker will have them; then as they were."""
    threads = torch.get_num_threads()
    if cell.threads != "all":
        torch.set_num_threads(cell.threads)
    torch.set_flush_denormal(cell.denormals == "flush")  # its worker says if it cannot
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


def _repeats(cell: Cell) -> float:
    """How often something is to run that is timed; endlessly, of cells that take turns."""
    if _in_turn(cell):
        return math.inf
    return sum(contract.load(cell.probe).work(cell.protocol, cell.axes))


def _in_turn(cell: Cell) -> bool:
    return bool(registry.probes()[cell.probe].literals["INTERLEAVED"])


def _spent(cell: Cell, pace: "_Pace") -> tuple[float, float]:
    """Seconds of a process of the cell until its first turn, and those of a turn, or of it all."""
    probe, started_s = contract.load(cell.probe), _FIXED_S + pace.build_s
    if not _in_turn(cell):
        steps, passes = probe.work(cell.protocol, cell.axes)
        return started_s, pace.seconds(cell, steps, passes)
    warmup_s, turn_s = probe.pace(
        cell.protocol, cell.axes, lambda name: pace.once(name, cell, math.inf)
    )
    return started_s + warmup_s, turn_s


def _shares(cells: dict[str, Cell], spent: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Seconds that each cell will take.

    A group in turn has a canary of each reference, and starts everyone anew every few rounds; its
    budget ends it after any round, and counts all starts but the first.
    """
    groups: dict[str, list[str]] = {}
    for key in spent:
        groups.setdefault(cells[key].alike, []).append(key)
    shares = {key: sum(seconds) for key, seconds in spent.items()}
    for keys in groups.values():
        first = cells[keys[0]]
        if not _in_turn(first):
            width = min(len(keys), turns.abreast(first, environment.threads()))
            shares |= {key: shares[key] / width for key in keys}
            continue
        rounds = min(first.protocol["rounds"], registry.EXPECTED_ROUNDS)
        seats = [*keys, *(c.key for c in references([cells[key] for key in keys]))]  # run twice
        start_s = sum(spent[key][0] for key in seats)
        round_s = sum(2 * (turns.SETTLE_S + spent[key][1]) for key in seats)
        together_s = start_s
        for number in range(rounds):
            if together_s - start_s >= first.protocol["budget_s"]:
                break
            together_s += round_s + (start_s if number and not number % turns.LAUNCH else 0.0)
        for key in keys:
            of_rounds = 2 * (turns.SETTLE_S + spent[key][1]) / round_s
            shares[key] = seats.count(key) * together_s * (spent[key][0] / start_s + of_rounds) / 2
    return shares


def _tokens(cell: Cell) -> int:
    size: int = cell.protocol["batch_size"] * cell.length
    return size


class _Pace:
    """How long a model takes to build, to train a step and to run forward, measured here.

    Each size that many steps are to be made of is timed. One that is hardly used is scaled from
    the nearest by its tokens, as timing it might take longer than running it.
    """

    def __init__(self, cell: Cell, config: dict[str, object], data: Any) -> None:
        self._config, self._data = config, data
        start = time.perf_counter()
        subject = Subject(cell, config, data)
        model = subject.build()
        self.build_s = time.perf_counter() - start
        step = training_step(model, subject.head, optimizer(model, 1e-5), 1.0)

        def train(batch: Batch) -> None:
            float(step(batch)[0])  # reading a number waits for the device

        read = subject.forward(model)

        def forward(batch: Batch) -> None:
            with torch.inference_mode():
                _first(read(batch))

        self._functions = {"training": train, "forward": forward}
        if subject.head in GENERATING:
            fill = speed.prefill(model, subject.head)

            def prefill(batch: Batch) -> None:
                with torch.inference_mode():
                    _first(fill(batch))

            self._functions["prefill"] = prefill
            self._functions["token"] = lambda batch: prefill(
                {"input_ids": batch["input_ids"][:, :1]}
            )
        self._known: dict[str, dict[tuple[int, int], float]] = {n: {} for n in self._functions}

    def seconds(self, cell: Cell, steps: float, passes: float) -> float:
        """Seconds of so many training steps and forward passes of the cell's size."""
        return sum(
            count * self.once(name, cell, count)
            for name, count in (("training", steps), ("forward", passes))
            if count
        )

    def once(self, name: str, cell: Cell, count: float) -> float:
        """Seconds of one of what is to run so often: see ``Probe.pace`` for the names."""
        known, tokens = self._known[name], _tokens(cell)
        size = (cell.length, cell.protocol["batch_size"])
        if size not in known and known and count < _FEW:
            nearest = min(known, key=lambda s: abs(math.log(s[0] * s[1] / tokens)))
            return known[nearest] * tokens / (nearest[0] * nearest[1])
        if size not in known:
            subject = Subject(cell, self._config, self._data)
            batches = subject.batches(2 if known else 3, cell.protocol["batch_size"])
            known[size] = min(_seconds(self._functions[name], batch) for batch in batches)
        return known[size]


def _first(outputs: Any) -> float:
    """A number of what a model put out, which waits for the device."""
    tensor: torch.Tensor = tree_leaves(dict(outputs) if hasattr(outputs, "keys") else outputs)[0]
    return float(tensor.reshape(-1)[0])


def _seconds(function: Callable[[Batch], None], batch: Batch) -> float:
    start = time.perf_counter()
    function(batch)
    return time.perf_counter() - start
