"""The model of a cell: sized to what its group holds equal, with its exact counts and its costs."""

import math
import traceback
from typing import Any, cast

import torch

import models.arms
from bench import registry, tasks
from bench.data.contract import CHECKPOINT
from bench.measure import contract, objective
from bench.outcome import CellError, Invalid, Unavailable, Unsupported
from bench.study import Cell
from models.autoclasses import IMAGE_TEXT
from models.checkpoints import MINILM, CheckpointError
from models.cost import Cost, Parameters, count_parameters
from models.heads import GENERATING, on_meta
from models.matching import Match, match
from models.precision import PRECISIONS


def _weights(arm: str) -> str:
    found: str = registry.arms()[arm].literals["WEIGHTS"]
    return found


def _sees(task: tasks.Task) -> bool:
    """Whether a window is an image, whose length is its pixels."""
    return task.HEAD == IMAGE_TEXT


def sized(cell: Cell, data: Any) -> dict[str, Any]:
    """The configuration of a cell's model, with its exact counts and its costs.

    Returns:
        ``config``, ``parameters``, ``match`` with the size that was solved for, ``cost``,
        ``layers`` (of the encoder where there are two stacks; None where its configuration counts
        none), ``positions`` that its tables end at (None where it has no such table),
        ``tokenizer`` (None where a task has ids of its own).

    Raises:
        Unsupported: the arm, or the one it is matched to, has no such head or knows other symbols.
        Unavailable: a checkpoint cannot be had, or reads other token ids.
        Invalid: no size of the arm is close enough.
        CellError: a configuration that no model can have.
    """
    task = tasks.load(cell.task, cell.data)
    target_length: int | None = getattr(task, "TARGET_LENGTH", None)
    vocabulary = tasks.vocabulary(task, data)
    images = {"image_size": math.isqrt(cell.length), "patch_size": 1} if _sees(task) else {}
    if (channels := getattr(task, "CHANNELS", None)) is not None:
        images["num_channels"] = channels
    shape = models.arms.Shape(
        head=task.HEAD,
        num_labels=len(task.LABELS) or 1,  # a number, where there are no classes
        vocab_size=vocabulary.size,
        pad_token_id=vocabulary.pad,
        embedding_size=cell.model.hidden_size,
        num_layers=cell.model.num_layers,
        num_heads=cell.model.num_heads,
        max_positions=cell.model.max_positions or positions(task, cell),
        bos_token_id=vocabulary.bos,
        eos_token_id=vocabulary.eos,
        **images,
        target_length=target_length,
        recurrent=cell.model.recurrent.model_dump(exclude_defaults=True),
        embeddings=cast("Any", cell.model.embeddings),
        checkpoint=cell.model.checkpoint,
    )
    arm, reference = models.arms.load(cell.arm), models.arms.load(cell.model.match_to)
    if "pretrained" in (_weights(cell.arm), _weights(cell.model.match_to)):
        _refuse_ids(cell, vocabulary)
    try:
        found = match(
            arm,
            shape,
            reference,
            cast("Any", cell.model.match),
            reads(task, cell),
            multiple_of=cell.model.multiple_of,
        )
    except models.arms.HeadError as error:
        both = " and ".join(dict.fromkeys((cell.arm, cell.model.match_to)))
        raise Unsupported(f"task {cell.task!r} needs {task.HEAD} of {both}: {error}") from None
    except ValueError as error:  # no such size or combination of options
        raise Invalid(f"{cell.arm} cannot be matched: {error}") from None
    except CheckpointError as error:
        raise Unavailable(str(error)) from None
    except Exception as error:  # a configuration that no model can have, say: the others go on
        traceback.print_exception(error)
        text = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise CellError(text) from None
    return {
        "config": found.config.to_dict(),
        "parameters": _parameters(found, task).as_dict(),
        "match": {
            "quantity": found.quantity,
            "dimension": found.dimension,
            "size": found.size,
            "target": found.target,
            "got": found.got,
            "error": found.error,
        },
        "cost": _cost(found.cost, cell, task),
        "layers": getattr(found.config.get_text_config(), "num_hidden_layers", None),
        "weights": str(PRECISIONS[cell.dtype].weights).removeprefix("torch."),
        "positions": arm.max_length(found.config),
        "tokenizer": None if vocabulary.own else _tokenizer(cell, data),
    }


def _refuse_ids(cell: Cell, vocabulary: tasks.Vocabulary) -> None:
    """Refuse to give a checkpoint token ids that mean others to it.

    Raises:
        Unsupported: they are a task's own, or those of the corpus's tokenizer.
    """
    if vocabulary.own:
        raise Unsupported(
            f"task {cell.task!r} has symbols of its own, which mean other tokens to a "
            "pretrained model; match it to an arm with random weights"
        )
    if cell.model.tokenizer != CHECKPOINT:
        raise Unsupported(
            f"tokenizer {cell.model.tokenizer!r} has ids that mean other tokens to a pretrained "
            f"model; leave it out, or ask for {CHECKPOINT!r}"
        )


def _parameters(found: Match, task: tasks.Task) -> Parameters:
    """The counts of a model as it will be built: with the projection of a task of numbers."""
    features: int | None = getattr(task, "FEATURES", None)
    if features is None:
        return found.parameters
    with torch.device("meta"):
        model = on_meta(found.config, task.HEAD)
        objective.add_features(model, features)
    return count_parameters(model)


def _tokenizer(cell: Cell, data: Any) -> dict[str, Any]:
    """Whose token ids a cell's rows have, and how many there are."""
    whose = cell.model.reads_through
    return {
        "name": MINILM.name if whose == CHECKPOINT else whose,
        "vocab_size": data.vocab_size,
        "sha256": getattr(data, "tokenizer_digest", None),  # of the library's
    }


def positions(task: tasks.Task, cell: Cell) -> int:
    """Tokens of the longest text that a cell's model is given.

    A table of positions is made as long: the optimizer moves all of it at every step, so one that
    is longer costs the arm that has it time for what is never looked up.
    """
    measure: Any = contract.load(cell.probe)
    lengths = [reads(task, cell), _query(task)]
    if cell.model.pretraining is not None:
        lengths.append(cell.model.pretraining.length)
    if hasattr(measure, "windows") and not _sees(task):
        lengths += [length for _, length in measure.windows(cell)]
    if hasattr(measure, "positions"):
        lengths.append(measure.positions(cell, task.HEAD))
    return max(lengths)


def reads(task: tasks.Task, cell: Cell) -> int:
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
    at, query = reads(task, cell), _query(task)
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
    itemsize = PRECISIONS[cell.dtype].compute.itemsize  # in which states and caches are kept
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
        "step_weight_bytes": PRECISIONS[cell.dtype].compute.itemsize * cost.step_weights(),
    }
