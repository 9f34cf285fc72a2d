"""What a study file may hold: models of its tables, made from what is registered."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    create_model,
)
from pydantic_core import PydanticCustomError

from bench import registry
from bench.data.contract import OFFLINE, TOKENIZERS
from bench.data.hub import catalogue
from bench.study.cell import Comparison, Published
from bench.study.fields import MOST, STRICT, Count, Seed, axis, one_of, wrong
from bench.study.words import shown
from models.checkpoints import CheckpointError, find

HUB = "hub"  # every data set that stands beside a task
DEVICES = ("cpu", "cuda", "mps", "xpu")
#: ``models.precision`` says what each means; that needs torch.
DTYPES = ("float32", "float64", "tf32", "bfloat16", "float16", "pure_bfloat16", "pure_float16")
DENORMALS = ("keep", "flush")
MATCHES = ("params", "flops", "state")
EMBEDDINGS = ("scratch", "checkpoint")
_MOST_THREADS = 4096


def _checkpoint(name: str) -> str:
    """Its own name, by which the same checkpoint is one whatever it was called."""
    try:
        return find(name).name
    except CheckpointError as error:
        raise wrong(str(error)) from None


def _data(name: str) -> str:
    if name not in (OFFLINE, HUB):
        try:
            catalogue.find(name)
        except ValueError as error:
            raise wrong(str(error)) from None
    return name


def wrong_data(name: str) -> str | None:
    """What is wrong with the name of a data set, None where it is one."""
    try:
        _data(name)
    except PydanticCustomError as error:
        return error.message()
    return None


def _threads(value: Any) -> Any:
    if value != "all" and (type(value) is not int or not 1 <= value <= _MOST_THREADS):
        raise wrong(
            f"expected a number of threads, from 1 to {_MOST_THREADS:,}, or 'all'. "
            f"Got {shown(value)}."
        )
    return value


_Threads = Annotated[Any, AfterValidator(_threads)]
_Data = Annotated[StrictStr, AfterValidator(_data)]
_Checkpoint = Annotated[StrictStr, Field(min_length=1), AfterValidator(_checkpoint)]


class Head(BaseModel):
    """The top of a study file."""

    model_config = STRICT

    title: Annotated[StrictStr, Field(min_length=1, max_length=200)]
    question: Annotated[StrictStr, Field(max_length=200)] = ""  # what the report asks on top
    summary: StrictStr
    #: Longest silence of a worker before it is killed; no system waits longer than 24 days.
    timeout_s: Annotated[StrictInt, Field(ge=1, le=2_000_000)] = 3600
    comparison: dict[str, Any] = Field(min_length=1)
    grid: list[Any] = Field(min_length=1)
    published: list[Any] = []


def comparison_model() -> type[Comparison]:
    """The model of a ``[comparison.NAME]``: arms and checkpoints are those there are.

    Its tokenizer is None where it says none, until its grids have told which arms it has.
    """
    tokenizer: Any = one_of("tokenizer", TOKENIZERS)
    return create_model(
        "Comparison",
        __base__=Comparison,
        match=(one_of("match", MATCHES), "params"),
        embeddings=(one_of("embeddings", EMBEDDINGS), "scratch"),
        match_to=(one_of("arm", list(registry.arms())), ...),
        checkpoint=(_Checkpoint | None, None),
        tokenizer=(tokenizer | None, None),
    )


def published_model(comparisons: tuple[str, ...]) -> type[Published]:
    """The model of a ``[[published]]`` in a study of these comparisons."""
    named: Any = one_of("comparison", comparisons) if comparisons else StrictStr
    return create_model(
        "Published",
        __base__=Published,
        task=(one_of("task", list(registry.tasks())), ...),
        arm=(one_of("arm", list(registry.arms())), ...),
        comparison=(named | None, None),
    )


def grid_model(probe: str | None, comparisons: tuple[str, ...]) -> Any:
    """The model of a ``[[grid]]``: the common axes, then what its probe declares.

    Without a known probe the rest is allowed, so that one mistake is not reported as many.
    """
    fields: dict[str, Any] = {
        "probe": (one_of("probe", list(registry.probes())), ...),
        # Without any, which is a mistake of its own, every name would be one more.
        "comparison": (one_of("comparison", comparisons) if comparisons else StrictStr, ...),
        "task": (axis(one_of("task", list(registry.tasks()))), ...),
        "data": (axis(_Data), [OFFLINE]),
        "length": (axis(Count), ...),
        "arm": (axis(one_of("arm", list(registry.arms()))), ...),
        "kernel": (axis(one_of("kernel", ["default", *_kernels()])), ["default"]),
        "device": (axis(one_of("device", DEVICES)), ["cpu"]),
        "dtype": (axis(one_of("dtype", DTYPES)), ["float32"]),
        "denormals": (axis(one_of("denormals", DENORMALS)), ["keep"]),
        "threads": (axis(_Threads), ["all"]),
        "seed": (axis(Seed), [0]),
    }
    if probe is not None:
        literals = registry.probes()[probe].literals
        for name, own in literals["AXES"].items():
            fields[name] = (axis(one_of(name, own["choices"])), own["default"])
        for name, field in literals["PROTOCOL"].items():
            kind = one_of(name, field["choices"]) if "choices" in field else _number(field)
            fields[name] = (kind, field["default"])
    config = ConfigDict(extra="forbid" if probe is not None else "allow", frozen=True)
    return create_model("Grid", __config__=config, **fields)


def _number(field: dict[str, Any]) -> Any:
    """The type of a protocol field, after its default and its ends."""
    default, most = field["default"], field.get("most", MOST)
    if default == [] or (isinstance(default, list) and type(default[0]) is int):
        return list[Annotated[StrictInt, Field(ge=field["least"], le=most)]]
    ends = Field(gt=field["least"], le=most, allow_inf_nan=False)
    if isinstance(default, list):
        return axis(Annotated[StrictFloat, ends])
    if isinstance(default, float):
        return Annotated[StrictFloat, ends]
    return Annotated[StrictInt, Field(ge=field["least"], le=most)]


def _kernels() -> list[str]:
    return sorted({k for entry in registry.arms().values() for k in entry.literals["KERNELS"]})
