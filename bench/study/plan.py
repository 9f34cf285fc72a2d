"""The plan of a study: its grids' products, cells of a group standing together."""

import itertools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench import registry
from bench.data.contract import CHECKPOINT, CORPUS, OFFLINE
from bench.data.hub import catalogue
from bench.study import idle, steps
from bench.study.cell import Cell, Comparison, Published
from bench.study.mistakes import Mistakes, StudyError
from bench.study.schema import (
    DEVICES,
    HUB,
    Head,
    comparison_model,
    grid_model,
    published_model,
    wrong_data,
)
from models.checkpoints import MINILM, find
from models.checkpoints.architectures import has_fused_attention

_EAGER = "eager"  # attention written out, which every architecture has


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
    question: str = ""

    @property
    def groups(self) -> list[list[Cell]]:
        """The cells in groups, in the order of the study."""
        return [list(cells) for _, cells in itertools.groupby(self.cells, lambda cell: cell.alike)]


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
    wrong += [mistake for name in data or () if (mistake := wrong_data(name))]
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


def _idle_data(study: Study, data: Sequence[str]) -> list[str]:
    """Data sets that were asked for and that no task of the study can use."""
    used = {cell.data for cell in study.cells}
    tasks = sorted({cell.task for cell in study.cells})
    return [
        f"data {name!r} stands beside no task of this study, which has {', '.join(tasks)}."
        for name in data
        if wrong_data(name) is None and name not in (OFFLINE, HUB) and name not in used
    ]


def _plan(
    path: Path,
    text: str,
    content: dict[str, Any],
    devices: Sequence[str] | None,
    data: Sequence[str] | None,
) -> Study:
    """The plan of a file.

    Raises:
        StudyError: mistakes in it, all of them.
    """
    mistakes = Mistakes(path.name, text)
    head = None
    try:
        head = Head.model_validate(content)
    except ValidationError as error:
        mistakes.take(error, (), list(Head.model_fields))
    comparisons = {}
    for name, fields in _tables(content.get("comparison")):
        try:
            comparisons[name] = comparison_model().model_validate(fields)
        except ValidationError as error:
            mistakes.take(error, ("comparison", name), list(Comparison.model_fields))
    names = tuple(name for name, _ in _tables(content.get("comparison")))
    grids = []
    for index, fields in _tables(content.get("grid")):
        probe = fields.get("probe") if isinstance(fields, dict) else None
        model = grid_model(probe if probe in registry.probes() else None, names)
        try:
            grids.append(model.model_validate(fields))
        except ValidationError as error:
            mistakes.take(error, ("grid", index), list(model.model_fields))
        else:
            given = grids[-1].model_fields_set
            for setting, mistake in steps.mistakes(_protocol(grids[-1]), given, grids[-1].length):
                mistakes.add(("grid", index, setting), mistake)
    published = []
    for index, fields in _tables(content.get("published")):
        try:
            published.append(published_model(names).model_validate(fields))
        except ValidationError as error:
            mistakes.take(error, ("published", index), list(Published.model_fields))
    for index, fields in _tables(content.get("grid")):
        for mistake in _wrong_lengths(fields):
            mistakes.add(("grid", index, "length"), mistake)
    for name, comparison in comparisons.items():
        for where, mistake in idle.options(
            name, comparison, [fields for _, fields in _tables(content.get("grid"))]
        ):
            mistakes.add(where, mistake)
    mistakes.refuse()
    assert head is not None, "what is no head is a mistake"
    comparisons = {name: _complete(name, c, grids) for name, c in comparisons.items()}
    cells = [cell for grid in grids for cell in _product(grid, comparisons, devices, data)]
    return Study(
        name=path.stem,
        source=path.stem if path in registry.studies().values() else path.name,
        title=head.title,
        summary=head.summary,
        timeout_s=head.timeout_s,
        comparisons=comparisons,
        cells=_together(cells),
        published=tuple(published),
        question=head.question,
    )


def _complete(name: str, comparison: Comparison, grids: Sequence[Any]) -> Comparison:
    """A comparison with the tokenizer that it has where it says none.

    The bundled checkpoint written out is the same as none, which means it.
    """
    arms = {arm for grid in grids if grid.comparison == name for arm in grid.arm}
    usual = CHECKPOINT if idle.pretrained(comparison, arms) else CORPUS
    named = None if comparison.checkpoint == MINILM.name else comparison.checkpoint
    said = {"tokenizer": comparison.tokenizer or usual, "checkpoint": named}
    return Comparison(**comparison.model_dump() | said)


def _together(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Each cell once, those of a group one after the other."""
    groups: dict[str, list[Cell]] = {}
    for cell in {cell.key: cell for cell in cells}.values():
        groups.setdefault(cell.alike, []).append(cell)
    return tuple(itertools.chain.from_iterable(groups.values()))


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


def _product(
    grid: Any,
    comparisons: dict[str, Comparison],
    devices: Sequence[str] | None,
    data: Sequence[str] | None,
) -> list[Cell]:
    """The cells of one grid; what a group differs in varies fastest, so that it stands together."""
    literals = registry.probes()[grid.probe].literals
    axes = {name: getattr(grid, name) for name in literals["AXES"]}
    protocol = _protocol(grid)
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
            for kernel in _kernels(arm, grid.kernel, comparisons[grid.comparison].checkpoint):
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
                        model=comparisons[grid.comparison],
                        protocol=steps.at(protocol, length),
                    )
                )
    return cells


def _kernels(arm: str, asked: Sequence[str], checkpoint: str | None) -> list[str]:
    """Those of an arm that are asked for: a grid of several arms lists the kernels of each.

    An arm that has none of them keeps them all, so that its records say so.
    """
    literals = registry.arms()[arm].literals
    own, usual = literals["KERNELS"], literals["KERNELS"][0]
    if literals["WEIGHTS"] == "pretrained" and checkpoint is not None:
        # Known of its architecture, where that is known; what it has not is refused later.
        usual = _EAGER if has_fused_attention(find(checkpoint)) is False else usual
    wanted = list(dict.fromkeys(usual if kernel == "default" else kernel for kernel in asked))
    return [kernel for kernel in wanted if kernel in own] or wanted


def _protocol(grid: Any) -> dict[str, Any]:
    """Settings of a grid's probe, defaults included."""
    settings = registry.probes()[grid.probe].literals["PROTOCOL"]
    return {name: getattr(grid, name) for name in settings}


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
