"""One point of a grid, what its group holds equal, and what others published of its like."""

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_serializer,
    model_validator,
)

from bench import registry
from bench.data.contract import CHECKPOINT, CORPUS, OFFLINE
from bench.study.fields import STRICT, Count, Seed, axis, one_of, wrong

INITIALIZATIONS = ("default", "orthogonal", "chrono")


class Recurrent(BaseModel):
    """Options of recurrent arms alone; what is left out stays as the models have it."""

    model_config = STRICT

    bidirectional: StrictBool = False
    attention: StrictBool = False  # of a sequence-to-sequence decoder
    initialization: one_of("initialization", INITIALIZATIONS) = "default"  # type: ignore[valid-type]
    forget_bias: Annotated[StrictFloat, Field(ge=-1e3, le=1e3, allow_inf_nan=False)] | None = (
        None  # of an LSTM
    )
    chrono_length: Count | None = None  # longest memory, in steps, that "chrono" provides for


class Pretraining(BaseModel):
    """How every arm of a comparison is pretrained here, on the training split's own text.

    Each step reads ``batch_size`` windows of ``length`` tokens, and there are as many steps as make
    ``tokens``. Of several ``learning_rates`` each is tried for a tenth of the steps, and the one
    with the lowest loss on the validation split's text is taken.
    """

    model_config = STRICT

    tokens: Annotated[StrictInt, Field(ge=1, le=10**12)] = 4_000_000
    length: Count = 128
    batch_size: Count = 32
    learning_rates: axis(Annotated[StrictFloat, Field(gt=0, le=1e3, allow_inf_nan=False)]) = [1e-3]  # type: ignore[valid-type]
    seed: Seed = 0

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return self.tokens // (self.batch_size * self.length)

    @model_validator(mode="after")
    def _has_steps(self) -> Self:
        """In the first step a rate that rises is zero, and a trial of one step tries nothing."""
        least, size = 1 if len(self.learning_rates) == 1 else 20, self.batch_size * self.length
        if self.steps < least:
            raise ValueError(
                f"expected tokens of at least {least} step{'s' * (least > 1)} of batch_size * "
                f"length = {size}, {least * size}. Got {self.tokens}"
            )
        return self


SELF = "self"
_Width = Annotated[StrictInt, Field(ge=1, le=65536)]  # four times what the largest models have


def _pretraining(value: Any) -> Any:
    """``"self"`` is short for a table of all defaults."""
    if isinstance(value, str):
        if value != SELF:
            raise wrong(f"expected {SELF!r} or a table. Got {value!r}.")
        return {}
    return value


class Comparison(BaseModel):
    """What is held equal between the arms of a group.

    ``match_to`` names the arm whose canonical size sets the budget, in body parameters, forward
    FLOPs or state (``match``; the last two at each cell's length). ``hidden_size`` is the width of
    a transformer whose shape is ours, and of the embeddings of everything matched to it.
    ``checkpoint`` names the weights of a pretrained arm, the bundled ones where there is none;
    with ``embeddings = "checkpoint"`` recurrent arms start from its word embeddings.

    ``tokenizer`` says through whose token ids text is read, ``corpus`` or ``checkpoint``, which is
    the bundled one where none is named. A study's comparison that says nothing has the checkpoint's
    where one takes part and the corpus's where none does; a record that says nothing was read
    through the bundled checkpoint's.

    ``multiple_of`` is what the width of a matched arm is a multiple of: tensor cores take 8.

    ``max_positions`` is the length of tables of learned positions; without it as many as a cell
    needs, as what is never looked up is paid for in every training step, by one arm alone.

    With ``pretraining`` no arm starts from random weights: each is pretrained here first, all on
    the same text for the same number of tokens.
    """

    model_config = STRICT

    summary: StrictStr
    match: StrictStr = "params"
    match_to: StrictStr
    hidden_size: _Width = 128
    num_layers: Annotated[StrictInt, Field(ge=1, le=1000)] = 2
    num_heads: _Width = 2
    max_positions: Count | None = None
    multiple_of: _Width = 1
    recurrent: Recurrent = Recurrent()
    embeddings: StrictStr = "scratch"
    checkpoint: Annotated[StrictStr, Field(min_length=1)] | None = None
    tokenizer: StrictStr = CHECKPOINT
    pretraining: Annotated[Pretraining | None, BeforeValidator(_pretraining)] = None

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is not asked for: cells of before there was pretraining keep their keys."""
        fields: dict[str, Any] = write(self)
        if fields.get("pretraining") is None:
            fields.pop("pretraining", None)
        return fields

    @property
    def reads_through(self) -> str:
        """Whose tokenizer that is: ``corpus``, ``checkpoint`` for the bundled one, or its name."""
        return CORPUS if self.tokenizer == CORPUS else self.checkpoint or CHECKPOINT

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size must be a multiple of num_heads={self.num_heads}. "
                f"Got {self.hidden_size}"
            )
        return self

    @model_validator(mode="after")
    def _embeddings_are_the_references(self) -> Self:
        arms = registry.arms()
        pretrained = [name for name in arms if arms[name].literals["WEIGHTS"] == "pretrained"]
        if self.embeddings == "checkpoint" and self.match_to not in pretrained:
            raise ValueError(
                "embeddings = 'checkpoint' needs a pretrained arm as match_to, one of: "
                f"{', '.join(pretrained)}. Got {self.match_to!r}"
            )
        return self


class Published(BaseModel):
    """What others have published, for the report to set ours beside: a score, or who solves what.

    ``length`` is that of the cells that are its like, trained on; ``tested`` the least and largest
    length that it is a mean over, where it was tested on others.
    """

    model_config = STRICT

    task: StrictStr
    arm: StrictStr
    length: Count
    tested: tuple[Count, Count] | None = None
    comparison: StrictStr | None = None
    score: Annotated[StrictFloat, Field(allow_inf_nan=False)] | None = None
    solves: StrictBool | None = None  # where the source gives no figure
    source: Annotated[StrictStr, Field(min_length=1)]

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.score is None) == (self.solves is None):
            raise ValueError(
                f"expected a score, or solves = true or false. Got score={self.score} and "
                f"solves={self.solves}"
            )
        return self


class Cell(BaseModel):
    """One point of a grid. Its key is the hash of all it says, so equal cells are one cell."""

    model_config = STRICT

    probe: str
    comparison: str
    task: str
    data: str = OFFLINE
    length: int
    arm: str
    kernel: str
    device: str
    dtype: str
    denormals: str
    threads: int | Literal["all"]
    seed: int
    axes: dict[str, str]
    model: Comparison
    protocol: dict[str, Any]

    @property
    def key(self) -> str:
        """Sixteen hex digits that name this cell in a store."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def alike(self) -> str:
        """The same for the cells of a group, which differ in arm, kernel or denormals only.

        Subnormal floats are a setting of the process that a cell has to itself, so that the cells
        which keep and which flush them can take turns; the number of threads is one of the machine.
        """
        return self.model_dump_json(exclude={"arm", "kernel", "denormals"})

    @property
    def group(self) -> str:
        """The group in words."""
        own = [value for value in self.axes.values() if value != self.probe]
        parts = [self.probe, *own, self.comparison, self.task, f"T={self.length}"]
        if self.data != OFFLINE:
            parts.insert(-1, self.data)
        parts += [self.device, self.dtype]
        if self.threads != "all":
            parts.append(f"threads={self.threads}")
        return " ".join([*parts, f"seed={self.seed}"])

    @property
    def name(self) -> str:
        """The group and what differs in it."""
        setting = "" if self.denormals == "keep" else f" {self.denormals}"
        return f"{self.group} {self.arm}/{self.kernel}{setting}"


def reference(cells: Sequence[Cell]) -> Cell:
    """The cell that a group's ratios are to: the arm that set the budget, else the first."""
    return next((cell for cell in cells if cell.arm == cell.model.match_to), cells[0])


def references(cells: Sequence[Cell]) -> list[Cell]:
    """The reference of each setting of subnormal floats that a group has.

    Arms are compared under one setting, so each needs a reference, and an A/A control, of its own.
    """
    settings = dict.fromkeys(cell.denormals for cell in cells)
    return [reference([c for c in cells if c.denormals == setting]) for setting in settings]
