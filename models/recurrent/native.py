"""The steps of a recurrence in C++: ``native.cpp``, compiled on this machine when first used.

The same functions as ``models.recurrent.aten``, for a CPU, on the thread that calls them. They are
compiled for this processor by ``CXX``, g++ or clang++, in seconds and without PyTorch's headers,
and kept in the user's cache by a hash of all that decides what comes out.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

_SOURCE = Path(__file__).with_suffix(".cpp").read_text()  # now: as this file, if it is edited
# Subnormal numbers, infinities and NaN keep their meaning: nothing of -ffast-math that would touch
# them, and above all not its start-up code, which flushes subnormals in the whole process.
_FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno",
    "-fno-trapping-math", "-fPIC", "-shared",
)  # fmt: skip
_REAL = {torch.float32: "float", torch.float64: "double"}


class NativeUnavailable(RuntimeError):
    """This machine cannot compile the kernel, or not keep what it compiled."""


def require(x: Tensor) -> ctypes.CDLL:
    """The compiled steps for a tensor; refuses what they cannot compute.

    Raises:
        ValueError: a tensor that is not on the CPU in float32 or float64.
        NativeUnavailable: no compiler, or one that fails.
    """
    if x.device.type != "cpu" or x.dtype not in _REAL:
        raise ValueError(
            "kernel 'native' computes on the CPU in torch.float32 or torch.float64. "
            f"Got {x.dtype} on {x.device.type}: use kernel 'fused'."
        )
    return library(_REAL[x.dtype])


@functools.cache
def library(real: str) -> ctypes.CDLL:
    """The steps in ``float`` or ``double``, from the cache where they have been compiled before.

    Raises:
        NativeUnavailable: no compiler, or one that fails; says how.
    """
    compiler, flags = _compiler(), (*_FLAGS, f"-DREAL={real}")
    try:
        path = _cache() / f"{_fingerprint(compiler, flags)}.so"
        if not path.is_file():
            _compile(compiler, flags, path)
        return ctypes.CDLL(str(path))
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no message"])[0]
        raise NativeUnavailable(
            f"kernel 'native' needs a compiler that takes {' '.join(flags)}. "
            f"Got from {compiler}: {reason}"
        ) from error
    except OSError as error:
        raise NativeUnavailable(
            f"kernel 'native' could not be compiled, kept or loaded: {error}"
        ) from error


def _compiler() -> str:
    """``CXX``, or the first that is installed."""
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++"]
    for name in names:
        if shutil.which(name):
            return name
    raise NativeUnavailable(
        f"kernel 'native' needs a C++ compiler. Found no {' or '.join(names)}: install one, or "
        "name it in CXX."
    )


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(named) if named else Path.home() / ".cache"
    except RuntimeError:  # neither HOME nor an entry of the user database
        raise NativeUnavailable(
            "kernel 'native' keeps what it compiles, and found no home folder: set XDG_CACHE_HOME "
            "to a folder that can be written."
        ) from None
    return folder / "rnn-vs-transformer" / "native"


def _fingerprint(compiler: str, flags: Sequence[str]) -> str:
    """A hash of source, flags, and what the compiler says of itself and of this processor."""
    command = [compiler, *flags, "-dM", "-E", "-x", "c++", os.devnull]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    parts = (_SOURCE, " ".join(flags), compiler, said)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _compile(compiler: str, flags: Sequence[str], path: Path) -> None:
    """Processes that compile at once each put a whole file in place; the last one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        command = [compiler, *flags, "-o", str(made), "-x", "c++", "-"]
        subprocess.run(command, input=_SOURCE, capture_output=True, text=True, check=True)
        made.replace(path)


def _call(
    name: str, states: Tensor, given: Sequence[Tensor | None], made: Sequence[Tensor]
) -> None:
    """Call a function of ``native.cpp``.

    Args:
        name: of the function.
        states: of (length, batch, hidden), its three sizes.
        given: what it reads, made dense where it is not; None for what is left out.
        made: what it writes, dense.
    """
    function = getattr(require(states), name)
    function.restype = None
    arrays = [None if x is None else x.contiguous() for x in given] + list(made)
    types = [x.dtype for x in arrays if x is not None]
    if set(types) != {states.dtype}:
        raise ValueError(f"{name} needs arrays of one type. Got {types}.")
    function(
        *(ctypes.c_int64(size) for size in states.shape),
        *(ctypes.c_void_p(None if x is None else x.data_ptr()) for x in arrays),
    )


def _weight_gradient(gates: Tensor, states: Tensor, h0: Tensor) -> Tensor:
    """The sum over steps and rows of gate gradients times the states before them."""
    later, before = gates[1:].flatten(0, 1), states[:-1].flatten(0, 1)
    return torch.addmm(gates[0].t() @ h0, later.t(), before)


def elman(inputs: Tensor, weight: Tensor, h0: Tensor) -> Tensor:
    """As ``aten.elman``."""
    states = inputs.new_empty(inputs.shape)
    _call("elman_forward", states, [inputs, weight, h0], [states])
    return states


def elman_backward(
    grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """As ``aten.elman_backward``."""
    carry, slopes = h0.new_zeros(h0.shape), torch.empty_like(output)
    _call("elman_backward", output, [grad, weight, output], [carry, slopes])
    return slopes, _weight_gradient(slopes, output, h0), carry


def gru(inputs: Tensor, weight: Tensor, bias: Tensor, h0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As ``aten.gru``."""
    gates = inputs.new_empty(inputs.shape)
    candidates = inputs.new_empty(*inputs.shape[:2], h0.shape[1])
    states = torch.empty_like(candidates)
    _call("gru_forward", states, [inputs, weight, bias, h0], [gates, candidates, states])
    return states, gates, candidates


def gru_backward(
    grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor, gates: Tensor, candidates: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As ``aten.gru_backward``."""
    carry = h0.new_zeros(h0.shape)
    slopes, slopes_n = torch.empty_like(gates), torch.empty_like(candidates)
    given = [grad, weight, h0, output, gates, candidates]
    _call("gru_backward", output, given, [carry, slopes, slopes_n])
    grad_weight = _weight_gradient(slopes, output, h0)
    slope_m = slopes[..., 2 * h0.shape[1] :]
    grad_bias = slope_m.sum(dim=(0, 1))
    slope_m.copy_(slopes_n)  # n's inputs do not pass the reset gate
    return slopes, grad_weight, grad_bias, carry


def lstm(inputs: Tensor, weight: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As ``aten.lstm``."""
    gates = inputs.new_empty(inputs.shape)
    states = inputs.new_empty(*inputs.shape[:2], h0.shape[1])
    cells = torch.empty_like(states)
    _call("lstm_forward", states, [inputs, weight, h0, c0], [gates, cells, states])
    return states, cells, gates


def lstm_backward(
    grad: Tensor,
    grad_cells: Tensor | None,
    weight: Tensor,
    h0: Tensor,
    c0: Tensor,
    output: Tensor,
    cells: Tensor,
    gates: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As ``aten.lstm_backward``."""
    carry, carry_c = h0.new_zeros(h0.shape), c0.new_zeros(c0.shape)
    slopes = torch.empty_like(gates)
    given = [grad, grad_cells, weight, c0, cells, gates]
    _call("lstm_backward", output, given, [carry, carry_c, slopes])
    return slopes, _weight_gradient(slopes, output, h0), carry, carry_c
