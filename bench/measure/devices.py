"""The devices a cell can run on: cpu, cuda, mps and xpu, through one seam.

Importing this starts no device. Memory is that of the current accelerator; a counter that a
backend does not keep is None.
"""

from dataclasses import dataclass

import torch

from bench.outcome import Unsupported
from models.precision import PRECISIONS

_TF32 = (8, 0)  # the compute capability from which it is there


@dataclass(frozen=True)
class Peak:
    """Device memory in bytes.

    Args:
        allocated: the most that tensors held at once since ``reset_peak``.
        reserved: the most that PyTorch's allocator held, its free blocks included.
        used: what is taken of the device right now, by everything on it: contexts, libraries and
            other processes too. On MPS what its driver gave this process.
    """

    allocated: int | None
    reserved: int | None
    used: int | None


def current() -> str | None:
    """The accelerator of this machine by type, None where there is none."""
    if not torch.accelerator.is_available():
        return None
    found = torch.accelerator.current_accelerator()
    return found.type if found else None


def check(device: str, dtype: str = "float32") -> None:
    """Refuse a device that is not there; nothing ever runs on the CPU under another name.

    Raises:
        Unsupported: the device is absent, or has no such type.
    """
    if device not in ("cpu", current()):
        raise Unsupported(f"no {device} device on this machine")
    if PRECISIONS[dtype].tf32 and (device != "cuda" or torch.cuda.get_device_capability() < _TF32):
        raise Unsupported(f"no {dtype} on this {device}: it is of NVIDIA's GPUs from Ampere on")


def synchronize(device: str) -> None:
    """Wait until the device has done all it was given."""
    if device != "cpu":
        torch.accelerator.synchronize()


def name(device: str) -> str | None:
    """What an accelerator calls itself, None on the CPU."""
    if device == "cpu":
        return None
    if device == "cuda":
        return torch.cuda.get_device_name()
    if device == "xpu":
        return str(torch.xpu.get_device_name())
    return device  # Metal has no call for it


def capability(device: str) -> str | None:
    """The instruction set that PyTorch's kernels take: ``AVX512`` on a CPU, ``sm_90`` on CUDA."""
    if device == "cpu":
        return torch.backends.cpu.get_cpu_capability()
    if device == "cuda":
        return "sm_{}{}".format(*torch.cuda.get_device_capability())
    return None


def reset_peak(device: str) -> None:
    """Count peaks from here on, the allocator's free blocks given back first."""
    if device == "cpu":
        return
    torch.accelerator.synchronize()
    if device == "mps":
        torch.mps.empty_cache()  # it keeps no peak to reset
    else:
        torch.accelerator.empty_cache()
        torch.accelerator.reset_peak_memory_stats()


def peak(device: str) -> Peak:
    """Peaks since ``reset_peak``, and what the device says is in use now; all None on the CPU."""
    if device == "cpu":
        return Peak(None, None, None)
    torch.accelerator.synchronize()
    if device == "mps":
        return Peak(None, None, torch.mps.driver_allocated_memory())
    free, total = torch.accelerator.get_memory_info()
    return Peak(
        torch.accelerator.max_memory_allocated(),
        torch.accelerator.max_memory_reserved(),
        total - free,
    )


def allocated(device: str) -> int | None:
    """Bytes that tensors on an accelerator hold now, None on the CPU."""
    if device == "cpu":
        return None
    if device == "mps":
        return torch.mps.current_allocated_memory()
    return torch.accelerator.memory_allocated()
