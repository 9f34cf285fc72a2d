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
from pathlib import Path

import torch
from torch import Tensor

from models.recurrent.aten import weight_gradient

_SOURCE = Path(__file__).with_suffix(".cpp")
# Subnormal numbers, infinities and NaN keep their meaning: nothing of -ffast-math that would touch
# them, and above all not its start-up code, which flushes subnormals in the whole process.
_FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno",
    "-fno-trapping-math", "-fPIC", "-shared",
)  # fmt: skip
_SUFFIX = {torch.float32: "float32", torch.float64: "float64"}


class NativeUnavailable(RuntimeError):
    """This machine cannot compile the kernel, or not keep what it compiled."""


def require(x: Tensor) -> None:
    """Refuse what the kernel cannot compute, before anything is computed.

    Raises:
        ValueError: a tensor that is not on the CPU in float32 or float64.
        NativeUnavailable: no compiler, or one that fails.
    """
    if x.device.type != "cpu" or x.dtype not in _SUFFIX:
        raise ValueError(
            "kernel 'native' computes on the CPU in torch.float32 or torch.float64. "
            f"Got {x.dtype} on {x.device.type}: use kernel 'fused'."
        )
    library()


@functools.cache
def library() -> ctypes.CDLL:
    """The compiled steps, from the cache where they have been compiled before.

    Raises:
        NativeUnavailable: no compiler, or one that fails; says how.
    """
    compiler = _compiler()
    try:
        path = _cache() / f"{_fingerprint(compiler)}.so"
        if not path.is_file():
            _compile(compiler, path)
        return ctypes.CDLL(str(path))
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no message"])[0]
        raise NativeUnavailable(
            f"kernel 'native' needs a compiler that takes {' '.join(_FLAGS)}. "
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
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return folder / "rnn-vs-transformer" / "native"


def _fingerprint(compiler: str) -> str:
    """A hash of source, flags, and what the compiler says of itself and of this processor."""
    said = subprocess.run(
        [compiler, *_FLAGS, "-dM", "-E", "-x", "c++", os.devnull],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    parts = (_SOURCE.read_text(), " ".join(_FLAGS), compiler, said.stdout)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _compile(compiler: str, path: Path) -> None:
    """Processes that compile at once each put a whole file in place; the last one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        command = [compiler, *_FLAGS, "-o", str(made), str(_SOURCE)]
        subprocess.run(command, capture_output=True, text=True, check=True)
        made.replace(path)


def _call(name: str, shape: tuple[int, ...], *arrays: Tensor) -> None:
    """Call a function of ``native.cpp`` with (length, batch, hidden) and dense arrays."""
    require(arrays[0])
    if not all(x.is_contiguous() and x.dtype == arrays[0].dtype for x in arrays):
        raise ValueError(f"{name} needs dense arrays of one type. Got {[x.dtype for x in arrays]}.")
    function = getattr(library(), f"{name}_{_SUFFIX[arrays[0].dtype]}")
    function.restype = None
    sizes = [ctypes.c_int64(size) for size in shape]
    function(*sizes, *(ctypes.c_void_p(x.data_ptr()) for x in arrays))


def _after(first: Tensor, rest: Tensor) -> Tensor:
    """A step in front of the others."""
    return torch.cat([first.unsqueeze(0), rest])


def elman(inputs: Tensor, weight: Tensor, h0: Tensor) -> Tensor:
    """As ``aten.elman``."""
    output = inputs.clone(memory_format=torch.contiguous_format)
    _call("elman_forward", output.shape, weight.contiguous(), h0.contiguous(), output)
    return output


def elman_backward(
    grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """As ``aten.elman_backward``."""
    grad_states = _after(torch.zeros_like(h0), grad)
    slopes = torch.empty_like(output)
    _call("elman_backward", output.shape, weight.contiguous(), output, grad_states, slopes)
    grad_weight = weight_gradient(slopes, _after(h0, output[:-1]))
    return slopes, grad_weight, grad_states[0].clone()


def gru(inputs: Tensor, weight: Tensor, bias: Tensor, h0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As ``aten.gru``."""
    size = h0.shape[1]
    gates = inputs.clone(memory_format=torch.contiguous_format)
    candidates = inputs[..., 2 * size :].clone(memory_format=torch.contiguous_format)
    gates[..., 2 * size :] = bias
    output = torch.empty_like(candidates)
    start = weight.contiguous(), h0.contiguous()
    _call("gru_forward", output.shape, *start, gates, candidates, output)
    return output, gates, candidates


def gru_backward(
    grad: Tensor, weight: Tensor, h0: Tensor, output: Tensor, gates: Tensor, candidates: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As ``aten.gru_backward``."""
    states, grad_states = _after(h0, output), _after(torch.zeros_like(h0), grad)
    slopes, slopes_n = torch.empty_like(gates), torch.empty_like(candidates)
    given = weight.contiguous(), states, gates, candidates
    _call("gru_backward", output.shape, *given, grad_states, slopes, slopes_n)
    grad_weight = weight_gradient(slopes, states[:-1])
    slope_m = slopes[..., 2 * h0.shape[1] :]
    grad_bias = slope_m.sum(dim=(0, 1))
    slope_m.copy_(slopes_n)  # n's inputs do not pass the reset gate
    return slopes, grad_weight, grad_bias, grad_states[0].clone()


def lstm(inputs: Tensor, weight: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As ``aten.lstm``."""
    gates = inputs.clone(memory_format=torch.contiguous_format)
    output = inputs.new_empty(*inputs.shape[:2], h0.shape[1])
    cells = torch.empty_like(output)
    start = weight.contiguous(), h0.contiguous(), c0.contiguous()
    _call("lstm_forward", output.shape, *start, gates, cells, output)
    return output, cells, gates


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
    grad_states = _after(torch.zeros_like(h0), grad)
    grad_c = torch.zeros_like(grad_states)
    if grad_cells is not None:
        grad_c[1:] = grad_cells
    slopes = torch.empty_like(gates)
    given = weight.contiguous(), _after(c0, cells), gates
    _call("lstm_backward", output.shape, *given, grad_states, grad_c, slopes)
    grad_weight = weight_gradient(slopes, _after(h0, output[:-1]))
    return slopes, grad_weight, grad_states[0].clone(), grad_c[0].clone()
