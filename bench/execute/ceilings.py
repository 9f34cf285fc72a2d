"""What the machine can do at most: its rate of matrix products by dtype, and of copying memory.

And how much longer its processor takes for numbers that are subnormal: some take as long as for any
others, some a hundred times as long.

Both are ceilings for a roofline (Williams, Waterman and Patterson, 2009), so each is the best of
several tries spread over time: what else runs on a machine can only slow one down. A cell's time is
never a minimum, as it says how long a step takes; a ceiling is one by what it means.
"""

import copy
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from bench.measure import devices
from bench.outcome import Unsupported
from bench.store import environment
from models.precision import PRECISIONS

_TRIES = 5  # of everything, spread over time
_REST_S = 0.2  # between two tries
_GEMM_S = 0.2  # of a try, for each dtype
_COPY_S = 0.1
_SIZES = (256, 512, 1024, 2048, 4096, 8192)
_LARGEST_ON_CPU = 4096
_REPEATS = 3  # of a size, at least
_MIB = 2**20
_COPY_BYTES = (64 * _MIB, 256 * _MIB)  # of the source, at least and at most
_SMALL = 256  # rows of matrices that fit a cache, so that arithmetic is what takes the time
_SUBNORMAL_S = 0.3  # of a comparison
_LEAST_PAIRS = 5
#: Times as long as for normal numbers, above which subnormal ones slow a processor.
SLOWED = 1.2
_CACHES = 4  # so many times the last-level cache, as far as that allows

Ceilings = dict[str, Any]


def measure(
    device: str,
    dtypes: Sequence[str],
    threads: Mapping[str, int],
    known: Mapping[str, Ceilings] | None = None,
) -> dict[str, Ceilings]:
    """Measure a device's ceilings, in some 3 s for a dtype and a number of threads.

    Every try visits all of them, so that what disturbs one try of each spares another.

    Args:
        device: cpu, cuda, mps or xpu.
        dtypes: keys of ``models.precision.PRECISIONS``; of each, PyTorch's own product of two
            square matrices in the type that it computes in.
        threads: of the CPU, by what cells call them: ``{"all": 2, "1": 1}``.
        known: what an earlier call returned. Only what is faster than it replaces it.

    Returns:
        For each of ``threads``: ``gemm_flops_per_s`` (dtype to rate, two operations a
        multiply-add), ``gemm_size`` (dtype to the rows of the matrices that reached it),
        ``copy_bytes_per_s`` (read and written, each once), ``copy_array_bytes``, ``absent`` (dtype
        to why it has no rate), ``capability`` and ``threads``; of a CPU ``subnormal_ratios``, see
        ``subnormal_ratios``.

    Raises:
        Unsupported: the device is absent.
    """
    devices.check(device)
    before = torch.get_num_threads()
    size = _copy_bytes()
    # Written, so that their pages are there: one that is zero may be the same page throughout.
    source, target = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    found: dict[str, Ceilings] = {
        name: {
            "gemm_flops_per_s": {},
            "gemm_size": {},
            "copy_bytes_per_s": 0.0,
            "copy_array_bytes": size,
            "absent": {},
            "capability": devices.capability(device),
            "threads": count,
        }
        | copy.deepcopy(dict((known or {}).get(name, {})))
        for name, count in threads.items()
    }
    try:
        for number in range(_TRIES):
            time.sleep(_REST_S if number else 0.0)
            for best in found.values():
                torch.set_num_threads(best["threads"])
                for name in dtypes:
                    _try_product(best, device, name)
                copied = 2 * size / _fastest(lambda: target.copy_(source), device, _COPY_S)
                best["copy_bytes_per_s"] = max(best["copy_bytes_per_s"], copied)
        if device == "cpu":
            for best in found.values():
                torch.set_num_threads(best["threads"])
                best.setdefault("subnormal_ratios", subnormal_ratios())
    finally:
        torch.set_num_threads(before)
    return found


def subnormal_ratios() -> dict[str, float]:
    """Time of arithmetic on subnormal float32 numbers over that on normal ones, medians of pairs.

    ``product`` is of two matrices, one of them subnormal; ``elementwise`` a multiplication by a
    number; ``sigmoid`` what gates are made of. Each pair is timed there and back, so that what
    slows the machine meets both.
    """
    normal = 0.5 + torch.rand(_SMALL, _SMALL)
    weights, out = torch.rand(_SMALL, _SMALL), torch.empty(_SMALL, _SMALL)
    subnormal = normal * 1e-40
    operations: dict[str, Callable[[torch.Tensor], object]] = {
        "product": lambda numbers: torch.mm(numbers, weights, out=out),
        "elementwise": lambda numbers: torch.mul(numbers, 0.75, out=out),
        "sigmoid": lambda numbers: torch.sigmoid(numbers, out=out),
    }
    found = {}
    for name, operation in operations.items():
        ratios: list[float] = []
        end = time.perf_counter() + _SUBNORMAL_S
        while len(ratios) < _LEAST_PAIRS or time.perf_counter() < end:
            taken = [
                _fastest(lambda run=operation, of=numbers: run(of), "cpu", 0.0)  # type: ignore[misc]
                for numbers in (normal, subnormal, subnormal, normal)
            ]
            ratios.append((taken[1] + taken[2]) / (taken[0] + taken[3]))
        found[name] = statistics.median(ratios)
    return found


def slowed(ratios: Mapping[str, float]) -> bool:
    """Whether subnormal numbers slow a processor at any of what `subnormal_ratios` times."""
    return max(ratios.values()) > SLOWED


def _try_product(best: Ceilings, device: str, name: str) -> None:
    """Put in the rate of a dtype's products where this is the highest so far."""
    if name in best["absent"]:
        return
    try:
        precision = PRECISIONS[name]
        devices.check(device, name)
        precision.set_products()
        rate, size = _gemm(device, precision.compute)
    except (Unsupported, RuntimeError, TypeError) as error:  # a TypeError: MPS, of float64
        best["absent"][name] = str(error).partition("\n")[0]
        return
    if rate > best["gemm_flops_per_s"].get(name, 0.0):
        best["gemm_flops_per_s"][name], best["gemm_size"][name] = rate, size


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
