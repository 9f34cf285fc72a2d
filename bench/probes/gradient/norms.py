"""Norms of gradients too small to be squared, and what of them is subnormal or exactly zero."""

import math

import torch
from torch import Tensor


def vector_norms(entries: Tensor) -> Tensor:
    """(..., size) to (...), in float64 on the CPU.

    1e-40 vanishes when squared in float32, and 1e-170 in float64, whose largest entry is therefore
    taken out before squaring.
    """
    precise = entries.to("cpu", torch.float64)
    if entries.dtype != torch.float64:
        plain: Tensor = torch.linalg.vector_norm(precise, dim=-1)
        return plain
    largest = precise.abs().amax(dim=-1, keepdim=True)
    scale = torch.where((largest > 0) & largest.isfinite(), largest, 1.0)
    found: Tensor = torch.linalg.vector_norm(precise / scale, dim=-1) * scale.squeeze(-1)
    return found


def zero_share(entries: Tensor, over: tuple[int, ...] = (0, 1, 2)) -> Tensor:
    """The share of entries that are exactly zero, over these dimensions."""
    left = entries.count_nonzero(dim=over).cpu()  # as a mean would need a copy in doubles
    return 1 - left.double() / math.prod(entries.shape[axis] for axis in over)


def subnormal_share(entries: Tensor) -> float:
    """The share of entries that are subnormal numbers of their type."""
    small = entries.abs() < torch.finfo(entries.dtype).smallest_normal
    return float(small.logical_and_(entries != 0).count_nonzero()) / entries.numel()
