"""Peak memory of one training step and of one forward pass, in a run of its own."""

import ctypes
import gc
import re
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.measure import devices, objective, ran
from bench.measure.contract import Progress, Result
from bench.measure.subject import Batch, Step, Subject, optimizer
from bench.measure.training import nonfinite_share, not_a_number
from bench.probes.memory.recompute import of_repeats

_LEARNING_RATE = 1e-5
_CLIP_NORM = 1.0
_PROC = Path("/proc/self")


def work(protocol: dict[str, Any], axes: dict[str, str]) -> tuple[float, float]:
    """One step to warm up, the repeats, and one under the counter of tensors."""
    steps = float(protocol["repeats"] + 2)
    return (steps, 0.0) if axes["phase"] == "training" else (0.0, steps)


class RssUnavailable(Exception):
    """The system does not tell a process's resident peak, or does not let it be reset."""


def peak_rss(run: Callable[[], None]) -> tuple[int, int]:
    """Resident bytes before a call and at its peak, by Linux's own high-water mark.

    Freed memory goes back to the system first and the mark is reset (``clear_refs``, proc(5)), so
    that nothing earlier shows in it; ``ru_maxrss`` would be the parent's where that was larger.
    Linux sums pages lazily, so a figure is off by up to some 100 KiB for each processor that ran.

    Raises:
        RssUnavailable: before anything is run.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
    try:
        (_PROC / "clear_refs").write_text("5")
        before = _status("VmRSS")
        _status("VmHWM")
    except OSError as error:
        raise RssUnavailable(f"no resident peak: {error.strerror}: {error.filename}") from None
    run()
    return before, _status("VmHWM")


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", (_PROC / "status").read_text())
    if found is None:
        raise RssUnavailable(f"no resident peak: no {field} in {_PROC / 'status'}")
    return int(found[1]) * 1024


class TensorBytes(TorchDispatchMode):
    """Counts the bytes of live tensors on a device while it is active.

    A storage is counted once, however many tensors view it, from the operation that returns it
    until it is freed. Within one call of the dispatcher nothing is seen.

    Args:
        device: type of the device whose tensors count.
        held: tensors that live already, on any device.
    """

    def __init__(self, device: str, held: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._device = device
        self._sizes: dict[int, int] = {}
        self.now = self.peak = 0
        for tensor in held:
            self._count(tensor)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run the operation and count what it returns."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf)
        return result

    def _count(self, tensor: Tensor) -> None:
        if tensor.device.type != self._device:
            return
        # PyTorch keeps one Python object for a storage while it lives; packed weights have none.
        held: Any = tensor.untyped_storage() if tensor.layout is torch.strided else tensor
        size = held.nbytes() if held is not tensor else tensor.numel() * tensor.element_size()
        if id(held) not in self._sizes:
            weakref.finalize(held, self._free, id(held)).atexit = False
        self.now += size - self._sizes.get(id(held), 0)
        self._sizes[id(held)] = size
        self.peak = max(self.peak, self.now)

    def _free(self, held: int) -> None:
        self.now -= self._sizes.pop(held)


class Measurement:
    """A model with everything that lasts from step to step, and a step to run on it."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        self.subject = subject
        self.cell, self.progress = subject.cell, progress
        self.batch = subject.batches(1, self.cell.protocol["batch_size"])[0]
        self.model = subject.build()
        self.optimizer: torch.optim.Optimizer | None = None
        if self.cell.axes["phase"] == "training":
            self.optimizer = optimizer(self.model, _LEARNING_RATE)
            step = Step(
                self.model.train(), subject.head, self.optimizer, _CLIP_NORM, subject.precision
            )

            def run(batch: Batch) -> None:
                step(batch)
        else:
            self.model.eval()

            forward = subject.forward(self.model)

            def run(batch: Batch) -> None:
                with torch.inference_mode():
                    forward(batch)

        self._run = run
        self._step()
        self.metrics: dict[str, Any] = {}
        self.samples: dict[str, list[Any]] = {}

    def round(self) -> None:
        """The system's or the allocator's figures first, as counting tensors disturbs them."""
        if self.cell.device == "cpu":
            self._resident()
        else:
            self._allocated()
        self._tensors()
        share = nonfinite_share(self.model)
        if share:
            raise not_a_number(self.model, self.cell.protocol["repeats"] + 2, "a weight", share)

    def result(self) -> Result:
        tokens = objective.tokens(self.batch)
        return Result({"tokens_per_step": tokens} | self.metrics, self.samples)

    def ran(self) -> dict[str, Any]:
        """Which kernel ran, seen outside of what is measured."""
        passes = None if self.optimizer is not None else self.subject.forward
        return ran.told(self.subject, self.model, self.batch, passes)

    def _free_gradients(self) -> None:
        if self.optimizer is not None:
            self.optimizer.zero_grad()

    def _step(self) -> None:
        self._run(self.batch)
        self._free_gradients()

    def _resident(self) -> None:
        taken = []
        reason = None
        try:
            for repeat in range(self.cell.protocol["repeats"]):
                taken.append(peak_rss(self._step))
                self.progress((repeat + 1) / (self.cell.protocol["repeats"] + 1))
        except RssUnavailable as error:
            reason = str(error)
        self._keep("peak_rss_bytes_step", [peak for _, peak in taken])
        self._keep("rss_growth_bytes_step", [peak - before for before, peak in taken])
        self.metrics["rss_unavailable"] = reason

    def _allocated(self) -> None:
        taken = []
        for _ in range(self.cell.protocol["repeats"]):
            devices.reset_peak(self.cell.device)
            before = devices.allocated(self.cell.device)
            self._step()
            taken.append((before, devices.peak(self.cell.device)))
        growths = [
            None if before is None or peak.allocated is None else peak.allocated - before
            for before, peak in taken
        ]
        self._keep("peak_allocated_bytes_step", [peak.allocated for _, peak in taken])
        self._keep("allocated_growth_bytes_step", growths)
        self._keep("peak_reserved_bytes_step", [peak.reserved for _, peak in taken])
        self._keep("device_used_bytes", [peak.used for _, peak in taken])

    def _keep(self, name: str, values: Sequence[int | None]) -> None:
        known = [value for value in values if value is not None]
        self.metrics[name] = of_repeats({name: known}).get(name)
        self.samples[name] = known

    def _tensors(self) -> None:
        held = peak = reason = None
        if self.cell.kernel == "compiled":
            reason = "a compiled program allocates without PyTorch's dispatcher"
        else:
            with TensorBytes(self.cell.device, self._held()) as counter:
                held = counter.now
                self._step()
            peak = counter.peak
        self.metrics |= {
            "peak_tensor_bytes_step": peak,
            "tensor_growth_bytes_step": None if peak is None or held is None else peak - held,
            "held_tensor_bytes": held,
            "tensors_unavailable": reason,
        }

    def _held(self) -> list[Tensor]:
        """What lives between two steps: weights, buffers, the optimizer's state, and the batch."""
        state = [] if self.optimizer is None else tree_leaves(dict(self.optimizer.state))
        rows = list(self.batch.values())
        everything = [*self.model.parameters(), *self.model.buffers(), *state, *rows]
        return [tensor for tensor in everything if isinstance(tensor, Tensor)]
