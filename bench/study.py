"""Studies: a named grid with its protocol, from a TOML file to a plan of cells.

Validation names every mistake at once, with its line, and imports neither torch nor transformers.
"""

import hashlib
import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from bench import registry
from bench.data.hub import catalogue
from bench.store import checkpoints
from bench.tasks import OFFLINE

HUB = "hub"  # every data set that stands beside a task
DEVICES = ("cpu", "cuda", "mps", "xpu")
DTYPES = ("float32", "float64", "bfloat16", "float16")
DENORMALS = ("keep", "flush")
MATCHES = ("params", "flops", "state")
EMBEDDINGS = ("scratch", "checkpoint")
_SEQ2SEQ = "AutoModelForSeq2SeqLM"
INITIALIZATIONS = ("default", "orthogonal", "chrono")


class StudyError(ValueError):
    """A study that cannot be planned; the message lists every mistake."""


def _one_of(kind: str, choices: Sequence[str]) -> Any:
    """A string that must be one of ``choices``."""

    def check(value: str) -> str:
        if value not in choices:
            raise PydanticCustomError(
                "unknown", "{hint}", {"hint": registry.unknown(kind, value, choices)}
            )
        return value

    return Annotated[StrictStr, AfterValidator(check)]


def _checkpoint(name: str) -> str:
    wrong = checkpoints.mistake(name)
    if wrong is not None:
        raise PydanticCustomError("unknown", "{hint}", {"hint": wrong})
    return name


def _data(name: str) -> str:
    if name not in (OFFLINE, HUB):
        try:
            catalogue.find(name)
        except ValueError as error:
            raise PydanticCustomError("unknown", "{hint}", {"hint": str(error)}) from None
    return name


def _axis(item: Any) -> Any:
    """A non-empty list of distinct items; a single one may stand by itself."""

    def distinct(values: list[Any]) -> list[Any]:
        repeated = sorted({str(value) for value in values if values.count(value) > 1})
        if repeated:
            raise PydanticCustomError(
                "repeated", "repeats {names}: name each once.", {"names": ", ".join(repeated)}
            )
        return values

    return Annotated[
        list[item],
        BeforeValidator(lambda value: value if isinstance(value, list) else [value]),
        Field(min_length=1),
        AfterValidator(distinct),
    ]


_Count = Annotated[StrictInt, Field(ge=1)]
_DATA = Annotated[StrictStr, AfterValidator(_data)]
_NAMED = Annotated[StrictStr, Field(min_length=1), AfterValidator(_checkpoint)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Recurrent(BaseModel):
    """Options of recurrent arms alone; what is left out stays as the models have it."""

    model_config = _STRICT

    bidirectional: StrictBool = False
    attention: StrictBool = False  # of a sequence-to-sequence decoder
    initialization: _one_of("initialization", INITIALIZATIONS) = "default"  # type: ignore[valid-type]
    forget_bias: Annotated[StrictFloat, Field(allow_inf_nan=False)] | None = None  # of an LSTM
    chrono_length: _Count | None = None  # longest memory, in steps, that "chrono" provides for


class Comparison(BaseModel):
    """What is held equal between the arms of a group.

    ``match_to`` names the arm whose canonical size sets the budget, in body parameters, forward
    FLOPs or state (``match``; the last two at each cell's length). ``hidden_size`` is the width of
    a transformer whose shape is ours, and of the embeddings of everything matched to it.
    ``checkpoint`` names the weights of a pretrained arm, the bundled ones where there is none;
    with ``embeddings = "checkpoint"`` recurrent arms start from its word embeddings.
    """

    model_config = _STRICT

    summary: StrictStr
    match: StrictStr = "params"
    match_to: StrictStr
    hidden_size: _Count = 128
    num_layers: _Count = 2
    num_heads: _Count = 2
    max_positions: _Count = 512
    recurrent: Recurrent = Recurrent()
    embeddings: StrictStr = "scratch"
    checkpoint: Annotated[StrictStr, Field(min_length=1)] | None = None

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

    model_config = _STRICT

    task: StrictStr
    arm: StrictStr
    length: _Count
    tested: tuple[_Count, _Count] | None = None
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

    model_config = _STRICT

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
        parts = [self.probe, *self.axes.values(), self.comparison, self.task, f"T={self.length}"]
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


@dataclass(frozen=True)
class Study:
    """A validated study and its plan, cells of a group standing together.

    ``source`` is what to write after ``rvt run``: a shipped study's name, or the file's; and
    ``options`` after that, where the grids' own devices or data were not taken.
    """

    name: str
    source: str
    title: str
    summary: str
    timeout_s: int
    comparisons: dict[str, Comparison]
    cells: tuple[Cell, ...]
    published: tuple[Published, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def groups(self) -> list[list[Cell]]:
        """The cells in groups, in the order of the study."""
        return [list(cells) for _, cells in itertools.groupby(self.cells, lambda cell: cell.alike)]


def reference(cells: Sequence[Cell]) -> Cell:
    """The cell that a group's ratios are to: the arm that set the budget, else the first."""
    return next((cell for cell in cells if cell.arm == cell.model.match_to), cells[0])


def references(cells: Sequence[Cell]) -> list[Cell]:
    """The reference of each setting of subnormal floats that a group has.

    Arms are compared under one setting, so each needs a reference, and an A/A control, of its own.
    """
    settings = dict.fromkeys(cell.denormals for cell in cells)
    return [reference([c for c in cells if c.denormals == setting]) for setting in settings]


def load(
    name_or_path: str,
    devices: Sequence[str] | None = None,
    data: Sequence[str] | None = None,
) -> Study:
    """Read, validate and plan a study.

    Args:
        name_or_path: a study that comes with the suite, or the path of a TOML file.
        devices: run on these instead of those that the grids name.
        data: run on these instead of those that the grids name: ``offline``, ``hub`` for every data
            set that stands beside a task, or names of data sets. A task that none of them stands
            beside keeps its own.

    Raises:
        StudyError: no such study, or mistakes in it; all of them, each with its line.
    """
    path = registry.studies().get(name_or_path)
    if path is None:
        path = Path(name_or_path)
        if not path.is_file():
            raise StudyError(
                registry.unknown("study", name_or_path, registry.studies())
                + " Or give the path of a TOML file."
            )
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StudyError(f"{path.name}: cannot be read as TOML: {error}") from None
    wrong = [registry.unknown("device", d, DEVICES) for d in devices or () if d not in DEVICES]
    wrong += [mistake for name in data or () if (mistake := _wrong_data(name))]
    try:
        planned = _plan(path, text, content, devices, data)
    except StudyError as error:
        raise StudyError("\n".join([*wrong, str(error)])) from None
    wrong += _idle_data(planned, data or ())
    if wrong:
        raise StudyError("\n".join(wrong))
    given = (("--device", devices), ("--data", data))
    options = [part for name, values in given if values for part in (name, ",".join(values))]
    return replace(planned, options=tuple(options))


def _wrong_data(name: str) -> str | None:
    """What is wrong with the name of a data set, None where it is one."""
    try:
        _data(name)
    except PydanticCustomError as error:
        return error.message()
    return None


def _idle_data(study: Study, data: Sequence[str]) -> list[str]:
    """Data sets that were asked for and that no task of the study can use."""
    used = {cell.data for cell in study.cells}
    tasks = sorted({cell.task for cell in study.cells})
    return [
        f"data {name!r} stands beside no task of this study, which has {', '.join(tasks)}."
        for name in data
        if _wrong_data(name) is None and name not in (OFFLINE, HUB) and name not in used
    ]


def _plan(
    path: Path,
    text: str,
    content: dict[str, Any],
    devices: Sequence[str] | None,
    data: Sequence[str] | None,
) -> Study:
    mistakes: list[tuple[int, str]] = []

    def report(error: ValidationError, prefix: tuple[str | int, ...], names: Sequence[str]) -> None:
        for detail in error.errors():
            location = (*prefix, *(part for part in detail["loc"]))
            line = _line_of(text, location)
            mistakes.append((line, f"{_dotted(location)}: {_sentence(detail, names)}"))

    try:
        head = _Head.model_validate(content)
    except ValidationError as error:
        report(error, (), list(_Head.model_fields))
        head = None
    comparisons = {}
    for name, fields in _tables(content.get("comparison")):
        try:
            comparisons[name] = _comparison_model().model_validate(fields)
        except ValidationError as error:
            report(error, ("comparison", name), list(Comparison.model_fields))
    names = [name for name, _ in _tables(content.get("comparison"))]
    grids = []
    for index, fields in _tables(content.get("grid")):
        probe = fields.get("probe") if isinstance(fields, dict) else None
        model = _grid_model(probe if probe in registry.probes() else None, tuple(names))
        try:
            grids.append((index, model.model_validate(fields)))
        except ValidationError as error:
            report(error, ("grid", index), list(model.model_fields))
    published = []
    for index, fields in _tables(content.get("published")):
        try:
            published.append(_published_model(tuple(names)).model_validate(fields))
        except ValidationError as error:
            report(error, ("published", index), list(Published.model_fields))
    for index, fields in _tables(content.get("grid")):
        where = ("grid", index, "length")
        for mistake in _wrong_lengths(fields):
            mistakes.append((_line_of(text, where), f"{_dotted(where)}: {mistake}"))
        for name, mistake in _idle_attention(fields, comparisons):
            where = ("comparison", name, "recurrent")
            mistakes.append((_line_of(text, where), f"{_dotted(where)}: {mistake}"))
    if mistakes or head is None:
        lines = [f"{path.name}:{line}: {mistake}" for line, mistake in sorted(set(mistakes))]
        raise StudyError("\n".join(lines))
    cells = [cell for _, grid in grids for cell in _product(grid, comparisons, devices, data)]
    unique = {cell.key: cell for cell in cells}
    groups: dict[str, list[Cell]] = {}
    for cell in unique.values():
        groups.setdefault(cell.alike, []).append(cell)
    return Study(
        name=path.stem,
        source=path.stem if path in registry.studies().values() else path.name,
        title=head.title,
        summary=head.summary,
        timeout_s=head.timeout_s,
        comparisons=comparisons,
        cells=tuple(itertools.chain.from_iterable(groups.values())),
        published=tuple(published),
    )


def _wrong_lengths(fields: Any) -> list[str]:
    """Lengths that a task of the grid has not; whatever else is wrong is said elsewhere."""
    if not isinstance(fields, dict):
        return []
    names, lengths = (
        value if isinstance(value, list) else [value]
        for value in (fields.get("task"), fields.get("length"))
    )
    wrong = []
    for name in names:
        entry = registry.tasks().get(name) if isinstance(name, str) else None
        if entry is None:
            continue
        least, most = entry.literals["LENGTHS"]
        wrong += [
            f"task {name!r} has lengths from {least} to {most}. Got {length}."
            for length in lengths
            if type(length) is int and length >= 1 and not least <= length <= most
        ]
    return wrong


def _idle_attention(fields: Any, comparisons: dict[str, Comparison]) -> Iterator[tuple[str, str]]:
    """Comparisons that ask for a decoder's attention in a grid's task that has no decoder."""
    name = fields.get("comparison") if isinstance(fields, dict) else None
    if not isinstance(name, str) or name not in comparisons:
        return
    names = fields.get("task")
    for task in names if isinstance(names, list) else [names]:
        entry = registry.tasks().get(task) if isinstance(task, str) else None
        head = entry.literals["HEAD"] if entry is not None else _SEQ2SEQ
        if comparisons[name].recurrent.attention and head != _SEQ2SEQ:
            yield (
                name,
                f"attention is of a decoder that reads a source ({_SEQ2SEQ}). Task {task!r} has "
                f"{head}: leave attention out, or give such tasks a comparison of their own.",
            )


class _Head(BaseModel):
    """The top of a study file."""

    model_config = _STRICT

    title: StrictStr
    summary: StrictStr
    timeout_s: _Count = 3600  # longest silence of a worker before it is killed
    comparison: dict[str, Any] = Field(min_length=1)
    grid: list[Any] = Field(min_length=1)
    published: list[Any] = []


def _comparison_model() -> type[Comparison]:
    return create_model(
        "Comparison",
        __base__=Comparison,
        match=(_one_of("match", MATCHES), "params"),
        embeddings=(_one_of("embeddings", EMBEDDINGS), "scratch"),
        match_to=(_one_of("arm", list(registry.arms())), ...),
        checkpoint=(_NAMED | None, None),
    )


def _published_model(comparisons: tuple[str, ...]) -> type[Published]:
    named: Any = _one_of("comparison", comparisons)
    return create_model(
        "Published",
        __base__=Published,
        task=(_one_of("task", list(registry.tasks())), ...),
        arm=(_one_of("arm", list(registry.arms())), ...),
        comparison=(named | None, None),
    )


def _grid_model(probe: str | None, comparisons: tuple[str, ...]) -> Any:
    """The model of a ``[[grid]]``: the common axes, then what its probe declares.

    Without a known probe the rest is allowed, so that one mistake is not reported as many.
    """
    fields: dict[str, Any] = {
        "probe": (_one_of("probe", list(registry.probes())), ...),
        "comparison": (_one_of("comparison", comparisons), ...),
        "task": (_axis(_one_of("task", list(registry.tasks()))), ...),
        "data": (_axis(_DATA), [OFFLINE]),
        "length": (_axis(_Count), ...),
        "arm": (_axis(_one_of("arm", list(registry.arms()))), ...),
        "kernel": (_axis(_one_of("kernel", ["default", *_kernels()])), ["default"]),
        "device": (_axis(_one_of("device", DEVICES)), ["cpu"]),
        "dtype": (_axis(_one_of("dtype", DTYPES)), ["float32"]),
        "denormals": (_axis(_one_of("denormals", DENORMALS)), ["keep"]),
        "threads": (_axis(_Count | Literal["all"]), ["all"]),
        "seed": (_axis(Annotated[StrictInt, Field(ge=0)]), [0]),
    }
    if probe is not None:
        literals = registry.probes()[probe].literals
        for name, axis in literals["AXES"].items():
            fields[name] = (_axis(_one_of(name, axis["choices"])), axis["default"])
        for name, field in literals["PROTOCOL"].items():
            fields[name] = (_number(field), field["default"])
    config = ConfigDict(extra="forbid" if probe is not None else "allow", frozen=True)
    return create_model("Grid", __config__=config, **fields)


def _number(field: dict[str, Any]) -> Any:
    """The type of a protocol field, after its default and its least value."""
    default = field["default"]
    if default == [] or (isinstance(default, list) and type(default[0]) is int):
        return list[Annotated[StrictInt, Field(ge=field["least"])]]
    if isinstance(default, list):
        ends = Field(gt=field["least"], le=field.get("most"), allow_inf_nan=False)
        return _axis(Annotated[StrictFloat, ends])
    if isinstance(default, float):
        return Annotated[StrictFloat, Field(gt=field["least"], allow_inf_nan=False)]
    return Annotated[StrictInt, Field(ge=field["least"], le=field.get("most"))]


def _kernels() -> list[str]:
    return sorted({k for entry in registry.arms().values() for k in entry.literals["KERNELS"]})


def _product(
    grid: Any,
    comparisons: dict[str, Comparison],
    devices: Sequence[str] | None,
    data: Sequence[str] | None,
) -> list[Cell]:
    """The cells of one grid; what a group differs in varies fastest, so that it stands together."""
    literals = registry.probes()[grid.probe].literals
    axes = {name: getattr(grid, name) for name in literals["AXES"]}
    protocol = {name: getattr(grid, name) for name in literals["PROTOCOL"]}
    outer = itertools.product(
        [(task, name) for task in grid.task for name in _data_of(task, data or grid.data)],
        grid.length,
        devices or grid.device,
        grid.dtype,
        grid.threads,
        grid.seed,
        *axes.values(),
    )
    cells = []
    for (task, source), length, device, dtype, threads, seed, *values in outer:
        for denormals, arm in itertools.product(grid.denormals, grid.arm):
            kernels = registry.arms()[arm].literals["KERNELS"]
            wanted = [kernels[0] if kernel == "default" else kernel for kernel in grid.kernel]
            for kernel in dict.fromkeys(wanted):
                cells.append(
                    Cell(
                        probe=grid.probe,
                        comparison=grid.comparison,
                        task=task,
                        data=source,
                        length=length,
                        arm=arm,
                        kernel=kernel,
                        device=device,
                        dtype=dtype,
                        denormals=denormals,
                        threads=threads,
                        seed=seed,
                        axes=dict(zip(axes, values, strict=True)),
                        model=Comparison(**comparisons[grid.comparison].model_dump()),
                        protocol=protocol,
                    )
                )
    return cells


def _data_of(task: str, asked: Sequence[str]) -> list[str]:
    """The data that is asked for and stands beside a task; where none does, its own."""
    own = catalogue.names(task)
    wanted = itertools.chain.from_iterable(own if name == HUB else [name] for name in asked)
    found = [n for n in dict.fromkeys(wanted) if n == OFFLINE or n.partition("@")[0] in own]
    return found or [OFFLINE]


def _tables(value: Any) -> list[tuple[Any, Any]]:
    """Names or indices with their tables, of a table of tables or an array of them."""
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _sentence(detail: Any, names: Sequence[str]) -> str:
    """A pydantic error in this suite's words: what was expected, and what came."""
    if detail["type"] == "extra_forbidden":
        if detail["loc"][-2:-1] == ("recurrent",):
            names = list(Recurrent.model_fields)
        return registry.unknown("field", str(detail["loc"][-1]), names)
    if detail["type"] == "missing":
        return "missing."
    message = str(detail["msg"])
    if detail["type"] in ("unknown", "repeated"):
        return message
    return f"{message}. Got {detail['input']!r}."[:300]


def _dotted(location: tuple[str | int, ...]) -> str:
    """``('grid', 1, 'arm', 0)`` as ``grid[1].arm[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".")


def _line_of(text: str, location: tuple[str | int, ...]) -> int:
    """The line of a key in a study file: its own, else its table's, else the first."""
    lines = text.splitlines()
    start, keys = 0, list(location)
    index = location[1] if len(location) > 1 else None
    if location[0] in ("grid", "published") and isinstance(index, int):
        pattern = rf"\s*\[\[\s*{location[0]}\s*\]\]"
        headers = [n for n, line in enumerate(lines) if re.match(pattern, line)]
        if index < len(headers):
            start, keys = headers[index], keys[2:]
    elif location[:1] == ("comparison",) and len(location) > 1:
        name = re.escape(str(location[1]))
        pattern = rf"\s*\[\s*comparison\s*\.\s*[\"']?{name}[\"']?\s*\]"
        headers = [n for n, line in enumerate(lines) if re.match(pattern, line)]
        if headers:
            start, keys = headers[0], keys[2:]
    if keys:
        for number in range(start, len(lines)):
            if number > start and lines[number].lstrip().startswith("["):
                break
            if re.match(rf"\s*[\"']?{re.escape(str(keys[0]))}[\"']?\s*=", lines[number]):
                return number + 1
    return start + 1
