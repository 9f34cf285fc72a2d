"""What the machine can do at most: its rate of matrix products by dtype, and of copying memory.

Both are ceilings for a roofline (Williams, Waterman and Patterson, 2009), so each is the best of
several repetitions: what else runs on a machine can only slow one down.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from bench import devices, environment
from models.kernels import full_float32

_GEMM_S = 0.6  # for each dtype
_COPY_S = 0.4
_SIZES = (256, 512, 1024, 2048, 4096, 8192)
_LARGEST_ON_CPU = 4096
_REPEATS = 3  # of a size, at least
_MIB = 2**20
_COPY_BYTES = (64 * _MIB, 256 * _MIB)  # of the source, at least and at most
_CACHES = 4  # so many times the last-level cache, as far as that allows


def measure(device: str, dtypes: Sequence[str], threads: int) -> dict[str, Any]:
    """Measure a device's ceilings, in some 3 s.

    Args:
        device: cpu, cuda, mps or xpu.
        dtypes: names such as ``float32``; each is PyTorch's own product of two square matrices.
        threads: of the CPU.

    Returns:
        ``gemm_flops_per_s`` (dtype to rate, two operations a multiply-add), ``gemm_size`` (dtype
        to the rows of the matrices that reached it), ``copy_bytes_per_s`` (read and written, each
        once), ``copy_array_bytes``, ``absent`` (dtype to why it has no rate), ``capability`` and
        ``threads``.

    Raises:
        Unsupported: the device is absent.
    """
    devices.check(device)
    full_float32()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    rates: dict[str, float] = {}
    sizes: dict[str, int] = {}
    absent: dict[str, str] = {}
    try:
        for name in dtypes:
            try:
                rates[name], sizes[name] = _gemm(device, getattr(torch, name))
            except (RuntimeError, TypeError) as error:  # a TypeError: MPS, of float64
                absent[name] = str(error).partition("\n")[0]
        size = _copy_bytes()
        return {
            "gemm_flops_per_s": rates,
            "gemm_size": sizes,
            "copy_bytes_per_s": _copy(device, size),
            "copy_array_bytes": size,
            "absent": absent,
            "capability": devices.capability(device),
            "threads": threads,
        }
    finally:
        torch.set_num_threads(before)


def _gemm(device: str, dtype: torch.dtype) -> tuple[float, int]:
    """Floating-point operations a second of the fastest product, and its size.

    Larger matrices run faster until they fill the machine, so sizes double while the time allows.
    """
    end = time.perf_counter() + _GEMM_S
    best, at = float("inf"), 0  # seconds for each multiply-add
    for size in _SIZES:
        if device == "cpu" and size > _LARGEST_ON_CPU:
            break
        product = _product(device, dtype, size)
        seconds = _fastest(product, device, _GEMM_S / 20)
        if seconds / size**3 < best:
            best, at, fastest = seconds / size**3, size, product
        if time.perf_counter() + (_REPEATS + 1) * 8 * seconds > end:
            break
    best = min(best, _fastest(fastest, device, end - time.perf_counter()) / at**3)
    return 2 / best, at


def _product(device: str, dtype: torch.dtype, size: int) -> Callable[[], object]:
    a, b, out = (torch.randn(size, size, device=device).to(dtype) for _ in range(3))
    torch.mm(a, b, out=out)  # a first one loads libraries
    return lambda: torch.mm(a, b, out=out)


def _copy(device: str, size: int) -> float:
    # Written, so that their pages are there: one that is zero may be the same page throughout.
    source, target = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * size / _fastest(lambda: target.copy_(source), device, _COPY_S)


def _copy_bytes() -> int:
    least, most = _COPY_BYTES
    caches = environment.caches() or {}
    last = max(caches.values(), default=most)
    return min(max(_CACHES * last, least), most)


def _fastest(function: Callable[[], object], device: str, seconds: float) -> float:
    """Seconds of the fastest call in so much time, of ``_REPEATS`` calls at least."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < _REPEATS or time.perf_counter() < end:
        devices.synchronize(device)
        start = time.perf_counter_ns()
        function()
        devices.synchronize(device)
        taken.append((time.perf_counter_ns() - start) / 1e9)
    return min(taken)
