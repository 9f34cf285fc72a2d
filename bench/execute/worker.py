"""One cell in one process.

The sweep speaks first: ``{"job": "cell", ...}``. The worker answers ``ready`` when its model is
built and warm, measures a round each time it is told ``round``, and on ``finish`` sends its
result, with the kernel that ran where it is asked for that. A worker whose turn it is not blocks
on its socket; its threads spin for a moment after a turn, which is why the sweep rests before the
next.
"""

import contextlib
import gc
import os
import re
import socket
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers

from bench import registry, tasks
from bench.data import corpus
from bench.execute import affinity, ceilings, prepare
from bench.execute.channel import Channel, Closed
from bench.execute.parent import die_with_parent
from bench.measure import contract, devices, pretraining, resume
from bench.measure.subject import Subject
from bench.outcome import FAILED, OOM, UNAVAILABLE, CellError, Unsupported
from bench.store import sources
from bench.study import Cell
from models.checkpoints import CheckpointError

_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory", re.IGNORECASE)

for _name in registry.probes():
    contract.load(_name)
for _module in (datasets, transformers):
    _module.logging.set_verbosity_error()
    _module.utils.logging.disable_progress_bar()
for _model in ("BertModel", "GPT2Model", "T5Model"):
    getattr(transformers, _model)  # resolves the lazy import before forking


def load_all() -> dict[str, str]:
    """Import whatever a measurement may need, so that every worker inherits it as it is now.

    What cannot be imported fails the cells that need it, when they do. Of installed extensions
    these are the entries, with what they import.

    Returns:
        Digest of every file that can change a measurement, by name.
    """
    registry.check()  # what entries say literally is kept from here on
    entries = [
        entry.module for kind in (registry.arms, registry.tasks) for entry in kind().values()
    ]
    for name in dict.fromkeys([*sources.own_modules(), *entries]):
        try:
            import_module(name)
        except Exception as error:
            print(f"{name} cannot be imported: {type(error).__name__}: {error}", file=sys.stderr)
    return sources.begun().digests


def main(fd: int) -> None:
    """Be the worker at the other end of ``fd``, then exit."""
    os.setsid()  # a process group of its own, so that all of it can be killed
    die_with_parent()
    channel = Channel(socket.socket(fileno=fd))
    code = 1
    with contextlib.suppress(Closed):  # the sweep has gone, or has given this cell up
        try:
            job = channel.receive()
            if job["job"] == "cell":
                _measure(channel, job)
            elif job["job"] == "pretrain":
                _pretrain(channel, job)
            else:
                if job["job"] == "prepare":
                    answer = prepare.run(job, lambda: channel.send({"progress": 0.0}))
                else:
                    answer = _ANSWERS[job["job"]](job)
                _refuse_edited()
                channel.send({"result": answer})
            code = 0
        except Closed:
            raise
        except BaseException as error:
            channel.send(describe(error))
    channel.close()
    os._exit(code)  # the server's own cleanup is not ours to run


def _measure(channel: Channel, job: dict[str, Any]) -> None:
    cell = Cell.model_validate(job["cell"])
    try:
        devices.check(cell.device)
    except Unsupported:  # a cell of an absent device was refused when it was prepared
        raise CellError(f"the {cell.device} device has gone since this was prepared") from None
    settle(cell.denormals, job["threads"])
    data = tasks.open_data(cell.task, cell.data, job["corpus"], cell.model.reads_through)
    subject = Subject(cell, job["config"], data, job.get("tried", ()))

    def progress(share: float) -> None:
        channel.send({"progress": share})

    started = time.perf_counter()
    measurement = contract.load(cell.probe).Measurement(subject, progress)
    if "kept" in job and hasattr(measurement, "keep_in"):
        measurement.keep_in(_file(cell, job["kept"]))
    built_s = time.perf_counter() - started
    gc.collect()
    _refuse_edited()
    _settle_on(job.get("core"))  # now: what was built beside it had other cores
    channel.send({"ready": True})
    message = channel.receive()
    while "round" in message:
        measurement.round()
        channel.send({"round": True})
        message = channel.receive()
    result = measurement.result()
    told = measurement.ran() if message["ran"] and hasattr(measurement, "ran") else {}
    metrics = result.metrics | {
        **told,
        "build_s": built_s,
        "peak_rss_bytes": peak_rss_bytes(),
        "accelerator": devices.name(cell.device),
    }
    _refuse_edited()
    channel.send({"result": {"metrics": metrics, "samples": result.samples}})


def _file(cell: Cell, kept: dict[str, Any]) -> resume.File:
    """Where a cell's training is saved while it lasts, and what has to be the same to go on."""
    here = {"cell": cell.key, "accelerator": str(devices.name(cell.device))}
    return resume.File(Path(kept["path"]), kept["made_with"] | here)


def _pretrain(channel: Channel, job: dict[str, Any]) -> None:
    """Pretrain the body of a cell's model, on one thread: more would round otherwise."""
    cell = Cell.model_validate(job["cell"])
    settle("keep", 1)
    data = tasks.open_data(cell.task, cell.data, job["corpus"], cell.model.reads_through)
    recipe = pretraining.recipe(cell, job["config"], data)
    made = pretraining.make(recipe, lambda share: channel.send({"progress": share}))
    _refuse_edited()
    channel.send({"result": made})


def _refuse_edited() -> None:
    """Fail where other code has run than records will say.

    Raises:
        CellError: a file was edited after the server had started, and imported after that.
    """
    if names := sources.edited():
        raise CellError(
            f"expected {' and '.join(names)} as it was when this sweep began. Got another: "
            "undo the edit and resume, or measure again with --fresh."
        )


def settle(denormals: str, threads: int) -> None:
    """Decide about subnormal floats and threads, for good, before anything has been computed.

    PyTorch's switch is of the calling thread; the threads of a pool have it as that thread had it
    when they started. So it comes first: with the pool there already, a matrix product of two
    threads flushes one half and keeps the other.

    Raises:
        CellError: the processor cannot flush them.
    """
    if not torch.set_flush_denormal(denormals == "flush") and denormals == "flush":
        raise CellError("this processor cannot flush subnormal floats")
    torch.set_num_threads(threads)


def _settle_on(core: int | None) -> None:
    """Run on one core from now on, where there is one to run on.

    Raises:
        CellError: it has gone offline.
    """
    if core is None:
        return
    try:
        affinity.use({core})
    except OSError:
        raise CellError(f"core {core}, which the arms of this group share, is gone") from None


def _devices(job: dict[str, Any]) -> dict[str, str]:
    """What each device calls itself, or why it is not there."""
    answers = {}
    for name in job["names"]:
        try:
            devices.check(name)
        except CellError as error:
            answers[name] = str(error)
        else:
            answers[name] = devices.name(name) or "present"
    return answers


def _ceilings(job: dict[str, Any]) -> dict[str, Any]:
    return ceilings.measure(job["device"], job["dtypes"], job["threads"], job["known"])


def _subnormals(job: dict[str, Any]) -> dict[str, Any]:
    """How much longer subnormal numbers take on one thread, and whether that slows anything."""
    settle("keep", 1)
    ratios = ceilings.subnormal_ratios()
    return {"ratios": ratios, "slow": ceilings.slowed(ratios), "least": ceilings.SLOWED}


#: Jobs that are no cell's, by name.
_ANSWERS = {
    "devices": _devices,
    "ceilings": _ceilings,
    "subnormals": _subnormals,
}


def peak_rss_bytes() -> int | None:
    """High-water mark of this process's resident memory, None where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return int(found[1]) * 1024 if found else None


def describe(error: BaseException) -> dict[str, Any]:
    """A status and a reason for whatever a worker raised; the traceback goes to its log."""
    traceback.print_exception(error)
    if isinstance(error, CellError):
        return {
            "failed": error.status,
            "reason": str(error),
            "details": dict(error.details),
            "samples": dict(error.samples),
        }
    if isinstance(error, CheckpointError | corpus.CorpusError):
        return {"failed": UNAVAILABLE, "reason": str(error)}
    text = f"{type(error).__name__}: {error}".partition("\n")[0]
    # On the CPU PyTorch raises a plain RuntimeError when memory ends.
    short = isinstance(error, MemoryError | torch.OutOfMemoryError) or _NO_MEMORY.search(text)
    return {"failed": OOM if short else FAILED, "reason": text}
