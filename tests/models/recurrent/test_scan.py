"""The operators by themselves: gradients against finite differences, and PyTorch's own checks."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.recurrent import cells
from models.recurrent.configuration import GATES
from models.recurrent.scan import scan
from tests.compiler import NEEDS_COMPILER
from tests.models.recurrent.small import CELLS

STEPS = ["aten", pytest.param("native", marks=NEEDS_COMPILER)]


def arguments(cell_type, dtype=torch.float64, length=4, batch=2, size=3, *, grad=True):
    """Inputs, recurrent weights, a GRU's late bias and first states."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_(grad)

    gates = GATES[cell_type] * size
    bias = draw(size) if cell_type == "gru" else None
    states = [draw(batch, size) for _ in range(1 + (cell_type == "lstm"))]
    return draw(length, batch, gates), draw(gates, size), bias, *states


def operator(cell_type, steps, inputs, weight, bias, *states):
    cell = {"rnn": "elman", "lstm": "lstm", "gru": "gru"}[cell_type]
    name = f"{cell}_native" if steps == "native" else f"{cell}_scan"
    given = [inputs, weight, *([bias] if cell_type == "gru" else []), *states]
    return getattr(torch.ops.rvt, name).default, tuple(given)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("cell_type", CELLS)
class TestEveryCell:
    def test_gradients_are_those_of_finite_differences(self, cell_type, steps):
        """At every h and, in an LSTM, every c, from inputs, weights, bias and first states."""

        def states(inputs, weight, bias, *start):
            return scan(cell_type, inputs, weight, bias, start, steps)

        assert torch.autograd.gradcheck(states, arguments(cell_type))

    def test_equals_the_loop(self, cell_type, steps):
        inputs, weight, bias, *start = arguments(cell_type, length=9, batch=3, size=5)
        actual = scan(cell_type, inputs, weight, bias, start, steps)
        expected = cells.loop(cell_type, inputs, weight, bias, tuple(start))
        for ours, theirs in zip(actual, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)

    def test_keeps_pytorchs_rules(self, cell_type, steps):
        """No input is changed or aliased, shapes are foretold, and autograd is registered."""
        op, given = operator(cell_type, steps, *arguments(cell_type, torch.float32))
        torch.library.opcheck(op, given)

    def test_nothing_need_be_contiguous(self, cell_type, steps):
        """Inputs, weights, states and the gradient: strided ones give what dense ones do."""

        def strided(x):
            return x.detach().transpose(0, -1).contiguous().transpose(0, -1).requires_grad_()

        dense = [x for x in arguments(cell_type) if x is not None]
        results = []
        for given in (dense, [strided(x) for x in dense]):
            bias = given[2] if cell_type == "gru" else None
            states = scan(cell_type, *given[:2], bias, given[2 + (bias is not None) :], steps)
            upward = [torch.linspace(-1, 1, x.numel()).double().view_as(x) for x in states]
            if given is not dense:
                upward = [strided(x).detach() for x in upward]
            results.append([*states, *torch.autograd.grad(states, given, upward)])
        for ours, theirs in zip(*results, strict=True):
            torch.testing.assert_close(ours, theirs)

    @pytest.mark.parametrize("missing", [0, 1])
    def test_only_some_gradients_are_wanted(self, cell_type, steps, missing):
        """Frozen weights, or inputs that need none."""
        given = list(arguments(cell_type))
        expected = torch.autograd.grad(
            scan(cell_type, *given[:3], given[3:], steps)[0].sum(), given[1 - missing]
        )
        given[missing] = given[missing].detach()
        actual = torch.autograd.grad(
            scan(cell_type, *given[:3], given[3:], steps)[0].sum(), given[1 - missing]
        )
        assert torch.equal(actual[0], expected[0])

    def test_second_derivatives_are_refused(self, cell_type, steps):
        given = arguments(cell_type)
        loss = scan(cell_type, *given[:3], given[3:], steps)[0].square().sum()
        (gradient,) = torch.autograd.grad(loss, given[0], create_graph=True)
        with pytest.raises(NotImplementedError, match=r"no second derivatives.*use kernel 'loop'"):
            gradient.sum().backward()

    def test_large_weights_give_the_same_numbers(self, cell_type, steps):
        """From 4 MiB on they are packed, by a product of another library."""
        size = 1024 if cell_type == "rnn" else 640
        inputs, weight, bias, *start = arguments(cell_type, torch.float32, 3, 2, size)
        weight = (weight / size**0.5).detach().requires_grad_()
        start = [part.detach().requires_grad_() for part in start]
        sources = [inputs, weight, *start] + ([] if bias is None else [bias])
        given = cell_type, inputs, weight, bias
        results = []
        for states in (scan(*given, start, steps), cells.loop(*given, tuple(start))):
            loss = sum(part.square().mean() for part in states)
            results.append([*states, *torch.autograd.grad(loss, sources)])
        for ours, theirs in zip(*results, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)

    def test_flops_are_those_of_the_products(self, cell_type, steps):
        inputs, weight, bias, *start = arguments(cell_type, torch.float32)
        product = 2 * inputs.shape[0] * inputs.shape[1] * weight.numel()
        with FlopCounterMode(display=False) as forward:
            states = scan(cell_type, inputs, weight, bias, start, steps)
        with FlopCounterMode(display=False) as backward:
            states[0].sum().backward()
        assert forward.get_total_flops() == product
        assert backward.get_total_flops() == 2 * product
