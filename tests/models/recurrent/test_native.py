"""Steps in C++: every shape of a product, numbers at the ends of their range, and what is missing.

That they equal PyTorch's cells, finite differences and theory is tested beside the other kernels.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from models.recurrent import aten, cells, native
from models.recurrent.configuration import GATES
from models.recurrent.execution import STACKS, run
from models.recurrent.native import NativeUnavailable
from models.recurrent.scan import scan
from tests.compiler import NEEDS_COMPILER
from tests.models.recurrent.small import CAUSAL, CELLS, tokens

pytestmark = NEEDS_COMPILER
DTYPES = (torch.float32, torch.float64)


def draw(cell_type, batch, size, dtype=torch.float64, length=3, seed=0):
    """Arguments of ``scan``."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=dtype)

    gates = GATES[cell_type] * size
    bias = normal(size) if cell_type == "gru" else None
    state = tuple(normal(batch, size) for _ in range(1 + (cell_type == "lstm")))
    return cell_type, normal(length, batch, gates), normal(gates, size) / size**0.5, bias, state


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 8, 9, 15, 22])
@pytest.mark.parametrize("size", [1, 7, 24, 47, 50])
@pytest.mark.parametrize("cell_type", CELLS)
def test_every_rest_of_a_product(cell_type, size, batch):
    """Rows and columns that fill no tile; forward, and backward through the transposed product."""
    cell_type, inputs, weight, bias, state = draw(cell_type, batch, size)
    sources = [x.requires_grad_() for x in (inputs, weight, *state)]
    results = []
    for states in (
        scan(cell_type, inputs, weight, bias, state, "native"),
        cells.loop(cell_type, inputs, weight, bias, state),
    ):
        loss = sum(part.square().sum() for part in states)
        results.append([*states, *torch.autograd.grad(loss, sources)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_and_sigmoid_over_their_whole_range(dtype):
    """Elman's state is the tanh of its input, a GRU's with nothing to add its z times the last."""
    info = torch.finfo(dtype)
    small = torch.logspace(-30, 0, 4000, dtype=dtype)
    wide = torch.linspace(-100, 100, 20001, dtype=dtype)
    edges = torch.tensor([0.0, info.smallest_normal / 8, info.max, torch.inf], dtype=dtype)
    x = torch.cat([small, -small, wide, edges, -edges])
    nothing = torch.zeros(1, 1, dtype=dtype)
    tanh = native.elman(x.view(1, -1, 1), nothing, nothing.expand(len(x), 1)).flatten()
    torch.testing.assert_close(tanh, x.tanh(), rtol=8 * info.eps, atol=info.smallest_normal)
    x = x[x.isfinite()]
    gates = torch.stack([x * 0, x, x * 0], dim=-1).unsqueeze(0)
    ones = torch.ones(len(x), 1, dtype=dtype)
    z, _, _ = native.gru(gates, nothing.expand(3, 1), nothing[0], ones)
    torch.testing.assert_close(
        z.flatten(), x.sigmoid(), rtol=8 * info.eps, atol=2 * info.smallest_normal
    )


@pytest.mark.parametrize("cell_type", CELLS)
def test_what_is_not_a_number_stays_in_its_row(cell_type):
    cell_type, inputs, weight, bias, state = draw(cell_type, 3, 20)
    clean = scan(cell_type, inputs, weight, bias, state, "native")[0]
    inputs[1, 1, 0] = torch.nan
    states = scan(cell_type, inputs, weight, bias, state, "native")[0]
    assert states[1:, 1].isnan().any(-1).all()
    assert torch.equal(states[:, [0, 2]], clean[:, [0, 2]])


def test_subnormal_numbers_are_kept():
    """A library linked with ``-ffast-math`` would flush them in the whole process."""
    native.library("float")
    tiny = torch.full((1, 1, 1), 1e-40)
    assert (tiny * 1 != 0).all()
    assert torch.equal(native.elman(tiny, torch.zeros(1, 1), torch.zeros(1, 1)), tiny)


def test_threads_have_their_own_weights():
    given = [draw("gru", 4, 40, length=200, seed=seed) for seed in range(8)]
    expected = [scan(*one)[0] for one in given]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: scan(*one, "native")[0], given))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("cell_type", CELLS)
def test_a_state_is_continued_token_by_token(cell_type):
    torch.manual_seed(0)
    stack, inputs = STACKS[cell_type](5, 12, 2, batch_first=True), torch.randn(3, 9, 5)
    whole = run(stack, "native", inputs, keep_state=True)
    with torch.no_grad():
        part = run(stack, "native", inputs[:, :6], keep_state=True)
        for position in range(6, 9):
            token = inputs[:, position : position + 1]
            part = run(stack, "native", token, state=part.state, keep_state=True)
            expected = whole.hidden[:, position : position + 1]
            torch.testing.assert_close(part.hidden, expected)
    for ours, theirs in zip(part.state, whole.state, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_generates_what_the_loop_generates():
    model, ids = CAUSAL.build("gru"), tokens(2, 5)
    answers = []
    for kernel in ("loop", "native"):
        model.set_kernel(kernel)
        answers.append(model.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=0))
    assert torch.equal(*answers)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_types_are_refused(dtype):
    stack = torch.nn.GRU(4, 4, batch_first=True, dtype=dtype)
    with pytest.raises(ValueError, match=rf"float32 or torch.float64. Got {dtype} on cpu: use"):
        run(stack, "native", torch.zeros(1, 3, 4, dtype=dtype))


def test_autocast_to_a_half_type_is_refused():
    stack = torch.nn.GRU(4, 4, batch_first=True)
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(ValueError, match=r"Got torch.bfl"):
        run(stack, "native", torch.zeros(1, 3, 4))


def test_arrays_of_two_types_are_refused():
    with pytest.raises(ValueError, match=r"of one type\. Got \[torch.float32, .*64"):
        native.elman(torch.zeros(2, 1, 4), torch.zeros(4, 4), torch.zeros(1, 4).double())


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Nothing has been compiled yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    native.library.cache_clear()
    yield tmp_path
    native.library.cache_clear()


def test_is_compiled_once(fresh, monkeypatch):
    native.library("float")
    (made,) = (fresh / "rnn-vs-transformer" / "native").iterdir()
    native.library.cache_clear()
    monkeypatch.setattr(native, "_compile", None)  # calling it would be an error
    native.library("float")
    monkeypatch.undo()
    assert native._fingerprint(native._compiler(), (*native._FLAGS, "-DREAL=double")) != made.stem


def test_without_a_compiler(fresh, monkeypatch):
    monkeypatch.setenv("PATH", str(fresh))
    with pytest.raises(NativeUnavailable, match=r"Found no g\+\+ or clang\+\+: install one"):
        native.library("float")
    monkeypatch.setenv("CXX", "cc-of-mine")
    with pytest.raises(NativeUnavailable, match="Found no cc-of-mine"):
        native.library("float")


def test_with_a_compiler_that_fails(fresh, monkeypatch):
    compiler = fresh / "c++"
    compiler.write_text("#!/bin/sh\necho 'unknown option -march' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(NativeUnavailable, match=r"takes -std=.* Got from .*: unknown option -mar"):
        native.library("float")


def test_with_a_cache_that_cannot_be_written(fresh, monkeypatch):
    (fresh / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(fresh / "file"))
    with pytest.raises(NativeUnavailable, match=r"could not be compiled, kept or loaded: .*file"):
        native.library("float")


def test_both_ways_have_the_same_functions():
    names = [f"{cell}{back}" for cell in ("elman", "gru", "lstm") for back in ("", "_backward")]
    for name in names:
        assert getattr(native, name).__annotations__ == getattr(aten, name).__annotations__
