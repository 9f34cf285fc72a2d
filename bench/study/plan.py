"""The plan of a study: its grids' products, cells of a group standing together."""

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench import registry
from bench.data.contract import CHECKPOINT, CORPUS, OFFLINE
from bench.data.hub import catalogue
from bench.study import idle, reading, steps
from bench.study.cell import Cell, Comparison, Published
from bench.study.mistakes import Mistakes, StudyError
from bench.study.places import written
from bench.study.schema import (
    DEVICES,
    HUB,
    Head,
    comparison_model,
    grid_model,
    published_model,
    wrong_data,
)
from bench.study.words import printable
from models.checkpoints import MINILM, find
from models.checkpoints.architectures import has_fused_attention

#: Of a study: more would not end, and twenty of the largest that comes with the suite are fewer.
MOST_CELLS = 20_000
_EAGER = "eager"  # attention written out, which every architecture has


@dataclass(frozen=True)
class Study:
    """A validated study and its plan, cells of a group standing together.

    ``source`` is what to write after ``rvt run``: a shipped study's name, or the file's path; and
    ``options`` after that, where the grids' own devices or data were not taken. ``file`` is that
    path, None where the study is shipped.
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
    file: Path | None = None

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
        if not _is_there(path):
            raise StudyError(
                printable(registry.unknown("study", name_or_path, registry.studies()))
                + " Or give the path of a TOML file."
            )
    reading.named(path)
    text, content = reading.read(path)
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


def _is_there(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # a name that no file can have
        return False


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
    mistakes = Mistakes(reading.called(path), text)
    for where, mistake in reading.senseless(content):
        mistakes.senseless(where, mistake)
    for name, header in (("grid", "[[grid]]"), ("published", "[[published]]")):
        if isinstance(content.get(name), dict):
            mistakes.senseless((name,), f"expected tables {header}. Got one table [{name}].")
    if isinstance(content.get("comparison"), list):
        mistakes.senseless(
            ("comparison",),
            "expected tables that each have a name, [comparison.NAME]. Got a list of them.",
        )
    head = None
    try:
        head = Head.model_validate(content)
    except ValidationError as error:
        mistakes.take(error, (), list(Head.model_fields))
    compared = _named(content.get("comparison"))
    comparisons = {}
    for name, fields in compared.items():
        try:
            comparisons[name] = comparison_model().model_validate(fields)
        except ValidationError as error:
            mistakes.take(error, ("comparison", name), list(Comparison.model_fields))
    names = tuple(compared)
    grids = []
    models = functools.cache(lambda probe: grid_model(probe, names))
    tables = _listed(content.get("grid"))
    for index, fields in enumerate(tables):
        model = models(_probe_of(fields))
        try:
            grids.append(model.model_validate(fields))
        except ValidationError as error:
            mistakes.take(error, ("grid", index), list(model.model_fields))
        else:
            given = grids[-1].model_fields_set
            for setting, mistake in steps.mistakes(_protocol(grids[-1]), given, grids[-1].length):
                mistakes.add(("grid", index, setting), mistake)
    published = []
    known = published_model(names)
    for index, fields in enumerate(_listed(content.get("published"))):
        try:
            published.append(known.model_validate(fields))
        except ValidationError as error:
            mistakes.take(error, ("published", index), list(Published.model_fields))
    for index, fields in enumerate(tables):
        for setting, mistake in _wrong_lengths(fields):
            mistakes.add(("grid", index, setting), mistake)
    for name, comparison in comparisons.items():
        for where, mistake in idle.options(name, comparison, tables):
            mistakes.add(where, mistake)
    mistakes.refuse()
    assert head is not None, "what is no head is a mistake"
    comparisons = {name: _complete(name, c, grids) for name, c in comparisons.items()}
    counts = [_count(grid, comparisons, devices, data) for grid in grids]
    if sum(counts) > MOST_CELLS:
        most = counts.index(max(counts))
        mistakes.add(
            ("grid", most),
            f"expected at most {MOST_CELLS:,} cells in a study, so that it ends. Got "
            f"{sum(counts):,}, of which this grid makes {counts[most]:,}: list fewer values.",
        )
        mistakes.refuse()
    cells = [cell for grid in grids for cell in _product(grid, comparisons, devices, data)]
    shipped = path.resolve() in {known.resolve() for known in registry.studies().values()}
    return Study(
        name=path.stem,
        source=path.stem if shipped else written(path),
        title=head.title,
        summary=head.summary,
        timeout_s=head.timeout_s,
        comparisons=comparisons,
        cells=_together(cells),
        published=tuple(published),
        question=head.question,
        file=None if shipped else path,
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


def _wrong_lengths(fields: Any) -> Iterator[tuple[str, str]]:
    """Settings that ask for lengths which a task of the grid has not.

    Whatever else is wrong with them is said elsewhere.
    """
    if not isinstance(fields, dict):
        return
    asked = {
        setting: [n for n in _several(fields.get(setting)) if type(n) is int and n >= 1]
        for setting in ("length", "test_lengths", "shortest")
    }
    for name in _several(fields.get("task")):
        entry = registry.tasks().get(name) if isinstance(name, str) else None
        if entry is None:
            continue
        least, most = entry.literals["LENGTHS"]
        for setting, lengths in asked.items():
            for length in lengths:
                if not least <= length <= most:
                    yield (
                        setting,
                        f"task {name!r} has lengths from {least} to {most}. Got {length}.",
                    )
    if asked["shortest"] and asked["length"] and asked["shortest"][0] > min(asked["length"]):
        yield (
            "shortest",
            f"expected at most the shortest window, {min(asked['length'])}. Got "
            f"{asked['shortest'][0]}.",
        )


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


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
    cells = []
    for (task, source), length, device, dtype, threads, seed, *values in itertools.product(
        *_outer(grid, devices, data)
    ):
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


def _outer(
    grid: Any, devices: Sequence[str] | None, data: Sequence[str] | None
) -> list[Sequence[Any]]:
    """What the cells of a grid differ in, but for what those of a group do."""
    return [
        [(task, name) for task in grid.task for name in _data_of(task, data or grid.data)],
        grid.length,
        devices or grid.device,
        grid.dtype,
        grid.threads,
        grid.seed,
        *(getattr(grid, name) for name in registry.probes()[grid.probe].literals["AXES"]),
    ]


def _count(
    grid: Any,
    comparisons: dict[str, Comparison],
    devices: Sequence[str] | None,
    data: Sequence[str] | None,
) -> int:
    """How many cells a grid makes, without making them."""
    checkpoint = comparisons[grid.comparison].checkpoint
    each = sum(len(_kernels(arm, grid.kernel, checkpoint)) for arm in grid.arm)
    return math.prod(map(len, _outer(grid, devices, data))) * len(grid.denormals) * each


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


def _named(value: Any) -> dict[str, Any]:
    """Tables by their names; of what are no such tables none, which is a mistake of its own."""
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _probe_of(fields: Any) -> str | None:
    """The probe of a grid's table, None where it is no probe's name."""
    probe = fields.get("probe") if isinstance(fields, dict) else None
    return probe if isinstance(probe, str) and probe in registry.probes() else None
