"""Every head of every arm at one size, matched to the transformer, with what it costs."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench import registry
from models import arms
from models.checkpoints import CheckpointError, for_head
from models.cost import Cost
from models.matching import MatchError, match

LENGTH = 512
REFERENCE = "transformer"
SHAPE = arms.Shape(
    head="AutoModel",
    num_labels=8,
    vocab_size=30522,  # and the marks of the bundled tokenizer
    pad_token_id=0,
    bos_token_id=101,
    eos_token_id=102,
    embedding_size=128,
    num_layers=2,
    num_heads=2,
    max_positions=LENGTH,
)
CAPTION = (
    f"hidden size {SHAPE.embedding_size}, {SHAPE.num_layers} layers, vocabulary "
    f"{SHAPE.vocab_size:,}, T={LENGTH} (source and target each), float32; body parameters matched "
    f"to the {REFERENCE} of the same head"
)


@dataclass(frozen=True)
class Row:
    """One line of ``rvt ls arms``, as text; what cannot be had says why in ``note``."""

    head: str
    arm: str
    parameters: str = ""
    body: str = ""
    flops_per_token: str = ""
    training_flops_per_token: str = ""
    state_bytes: str = ""
    match_error: str = ""
    note: str = ""


COLUMNS = (
    "head",
    "arm",
    "parameters",
    "body",
    "FLOPs/token",
    "training FLOPs",
    "state bytes",
    "match error",
    "note",
)


def rows() -> Iterator[Row]:
    """The table, head by head."""
    for head in arms.HEADS:
        for name in registry.arms():
            yield _row(head, name)


def _row(head: str, name: str) -> Row:
    shape = arms.Shape(**(vars(SHAPE) | {"head": head}))
    arm = arms.load(name)
    if head not in arm.heads:
        pretrained = registry.arms()[name].literals["WEIGHTS"] == "pretrained"
        named = f"name a checkpoint: {', '.join(for_head(head))}"
        return Row(head, name, note=named if pretrained else "has no such head")
    try:
        sized = match(arm, shape, arms.load(REFERENCE), length=LENGTH)
    except CheckpointError as error:
        return Row(head, name, note=f"unavailable: {error}")
    except MatchError as error:
        if arm.free_dimension("params") is not None:
            return Row(head, name, note=str(error))
        cost = arm.cost(arm.config(shape), head)
        return _filled(head, name, cost, "", "its own size; match others to it")
    dimension = arm.free_dimension("params")
    note = f"{dimension} {sized.size}" if sized.size is not None else "sets the budget"
    return _filled(head, name, sized.cost, f"{sized.error:+.2%}", note)


def _filled(head: str, name: str, cost: Cost, error: str, note: str) -> Row:
    return Row(
        head,
        name,
        f"{cost.parameters.total:,}",
        f"{cost.parameters.body:,}",
        f"{cost.forward_flops_per_token(LENGTH):,.0f}",
        f"{cost.training_flops_per_token(LENGTH):,.0f}",
        f"{cost.state_bytes(LENGTH):,}",
        error,
        note,
    )
