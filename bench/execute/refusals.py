"""What cannot run, named before anything does."""

import traceback
from collections.abc import Mapping
from typing import Any

import models.arms
from bench import registry, tasks
from bench.data import corpus
from bench.execute import ceilings
from bench.execute.sizing import reads
from bench.measure import contract, devices
from bench.outcome import UNSUPPORTED, CellError, Invalid, Unavailable, Unsupported
from bench.store import environment, limits
from bench.study import Cell
from models import kernels
from models.checkpoints import CheckpointError


def check(cell: Cell, config: dict[str, Any], data: Any) -> None:
    """Refuse what cannot run.

    Args:
        cell: what is to run.
        config: of its sized model.
        data: what its task's rows are cut from.

    Raises:
        Unsupported: the device or its type is absent, the arm has no such kernel, the window is
            longer than the model's positions or than the corpus holds, or the protocol asks for
            windows that the task has not.
        Unavailable: what the rows are cut from is not what it should be; or the cell is timed, and
            this process has less than a processor.
    """
    devices.check(cell.device, cell.dtype)
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
    if registry.probes()[cell.probe].literals["INTERLEAVED"] and (why := limits.refusal()):
        raise Unavailable(why)
    known = registry.arms()[cell.arm].literals["KERNELS"]
    if cell.kernel not in known:
        raise Unsupported(f"{cell.arm} has no kernel {cell.kernel!r}; it has {', '.join(known)}")
    limit = models.arms.load(cell.arm).max_length(models.arms.config_from_dict(config))
    longest = reads(task, cell)
    if limit is not None and longest > limit:
        raise Unsupported(f"T={longest} is beyond the {limit} positions of {cell.arm}")
    measure: Any = contract.load(cell.probe)
    if hasattr(measure, "refuse"):
        measure.refuse(cell, head, limit)
    windows = [(split, cell.length) for split in tasks.SPLITS]
    windows += measure.windows(cell) if hasattr(measure, "windows") else []
    try:
        for split, length in windows:
            tasks.draw(task, data, split, length, 1, seed=0)
    except tasks.LengthError as error:
        raise Unsupported(str(error)) from None
    except corpus.CorpusError as error:  # images are decoded when they are first drawn
        raise Unavailable(str(error)) from None


def of_flushing(cells: Mapping[str, Cell]) -> dict[str, dict[str, str]]:
    """Timed cells that flush subnormal floats where the same keep them, and it can make no odds.

    A processor that takes as long for these as for other numbers has nothing to win, so it is
    measured once, if a plan has such cells, before anything else.

    Returns:
        Key to ``failed`` and ``reason``; of a processor that they slow, nothing.
    """
    timed = {
        key: cell
        for key, cell in cells.items()
        if cell.device == "cpu" and registry.probes()[cell.probe].literals["INTERLEAVED"]
    }
    kept = {(c.alike, c.arm, c.kernel) for c in timed.values() if c.denormals == "keep"}
    flushing = [
        key
        for key, c in timed.items()
        if c.denormals == "flush" and (c.alike, c.arm, c.kernel) in kept
    ]
    if not flushing or ceilings.slowed(ratios := ceilings.subnormal_ratios()):
        return {}
    reason = (
        "no effect on this processor: arithmetic on subnormal numbers takes it at most "
        f"{max(ratios.values()):.2f} times as long as on normal ones, and only above "
        f"{ceilings.SLOWED} is there anything "
        "to win by flushing them"
    )
    return {key: {"failed": UNSUPPORTED, "reason": reason} for key in flushing}


def of_kernel(cell: Cell, fields: dict[str, object]) -> CellError | None:
    """Why a kernel's numbers are not to be trusted, None where they agree with the reference's."""
    arm, head = models.arms.load(cell.arm), tasks.load(cell.task, cell.data).HEAD
    config = models.arms.config_from_dict(fields)
    try:
        kernels.check_kernel(arm, config, head, cell.kernel, cell.device, cell.dtype)
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
