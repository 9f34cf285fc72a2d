"""The same numbers as torch.nn with the same weights, by every kernel, ragged rows included."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.recurrent import cells
from models.recurrent.configuration import KERNELS
from models.recurrent.execution import STACKS, run
from tests.compiler import compiles, quick
from tests.models.recurrent.small import CELLS, HIDDEN, SEQUENCE, tokens

BATCH, LENGTH, FEATURES = 4, 19, 5
LENGTHS = torch.tensor([3, 19, 1, 18])
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


def stack_of(cell_type, dtype, *, bidirectional, seed=0):
    torch.manual_seed(seed)
    return STACKS[cell_type](
        FEATURES, HIDDEN, 2, batch_first=True, bidirectional=bidirectional, dtype=dtype
    )


def reference(stack, inputs, lengths, state):
    """PyTorch's own forward, over packed sequences where rows differ in length."""
    start = state if stack.mode == "LSTM" else state[0]
    if lengths is None:
        hidden, end = stack(inputs, start)
    else:
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        hidden, end = stack(packed, start)
        hidden, _ = pad_packed_sequence(hidden, batch_first=True, total_length=inputs.shape[1])
    return hidden, end if stack.mode == "LSTM" else (end,)


def all_of(stack, inputs, state, lengths, forward):
    """Outputs at tokens and final states, then the gradients at inputs, states and weights."""
    inputs = inputs.detach().clone().requires_grad_()
    state = [part.detach().clone().requires_grad_() for part in state]
    hidden, end = forward(inputs, state)
    if lengths is not None:
        hidden = hidden * (torch.arange(LENGTH) < lengths.unsqueeze(1)).unsqueeze(-1)
    generator = torch.Generator().manual_seed(1)
    loss = sum(
        (part * torch.randn(part.shape, generator=generator, dtype=part.dtype)).sum()
        for part in (hidden, *end)
    )
    sources = [inputs, *state, *stack.parameters()]
    return [hidden, *end, *torch.autograd.grad(loss / hidden.numel(), sources)]


def assert_kernel_equals(kernel, cell_type, dtype, lengths, *, bidirectional):
    stack = stack_of(cell_type, dtype, bidirectional=bidirectional)
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(BATCH, LENGTH, FEATURES, generator=generator, dtype=dtype)
    shape = (2 * (1 + bidirectional), BATCH, HIDDEN)
    state = [torch.randn(shape, generator=generator, dtype=dtype).tanh() for _ in range(2)]
    state = state[: 1 + (cell_type == "lstm")]

    def ours(x, start):
        ran = run(stack, kernel, x, lengths, start, keep_state=True)
        return ran.hidden, ran.state

    def theirs(x, start):
        return reference(stack, x, lengths, start)

    actual = all_of(stack, inputs, state, lengths, ours)
    expected = all_of(stack, inputs, state, lengths, theirs)
    tolerance = TOLERANCE[dtype]
    for ours_, theirs_ in zip(actual, expected, strict=True):
        torch.testing.assert_close(ours_, theirs_, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "two ways"])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("kernel", [quick(name) for name in KERNELS if name != "compiled"])
@pytest.mark.parametrize("cell_type", CELLS)
def test_kernel_equals_torch_nn(cell_type, kernel, dtype, bidirectional, lengths):
    assert_kernel_equals(kernel, cell_type, dtype, lengths, bidirectional=bidirectional)


@compiles
@pytest.mark.parametrize("cell_type", CELLS)
def test_compiled_kernel_equals_torch_nn(cell_type, monkeypatch):
    monkeypatch.setattr(cells, "_CHUNK", 4)  # compiles faster, and hands over more often
    assert_kernel_equals("compiled", cell_type, torch.float32, LENGTHS, bidirectional=False)


@pytest.mark.parametrize("keep", ["state", "layers"])
@pytest.mark.parametrize("cell_type", CELLS)
def test_what_is_kept_changes_nothing(cell_type, keep):
    """Asking for more takes another path through the kernels."""
    stack = stack_of(cell_type, torch.float32, bidirectional=True)
    inputs = torch.randn(BATCH, LENGTH, FEATURES, generator=torch.Generator().manual_seed(2))
    plain = run(stack, "fused", inputs, LENGTHS)
    more = run(stack, "fused", inputs, LENGTHS, **{f"keep_{keep}": True})
    tokens_only = (torch.arange(LENGTH) < LENGTHS.unsqueeze(1)).unsqueeze(-1)
    torch.testing.assert_close(
        more.hidden * tokens_only, plain.hidden * tokens_only, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "two ways"])
@pytest.mark.parametrize("cell_type", CELLS)
def test_model_equals_torch_nn(cell_type, bidirectional):
    """Bitwise, where the fused kernel is PyTorch's own."""
    ids, labels = tokens(3, 7), torch.tensor([0, 1, 2])
    ours = SEQUENCE.build(cell_type, bidirectional=bidirectional)
    bare = STACKS[cell_type](8, HIDDEN, 2, batch_first=True, bidirectional=bidirectional)
    bare.load_state_dict(ours.recurrent.layers.state_dict())
    hidden, _ = bare(ours.get_input_embeddings()(ids))
    last, first = hidden[:, -1, :HIDDEN], hidden[:, 0, HIDDEN:]
    logits = ours.classifier(torch.cat([last, first], dim=-1))
    output = ours(input_ids=ids, labels=labels)
    exact = 0 if cell_type == "lstm" else 1e-6
    torch.testing.assert_close(output.logits, logits, rtol=exact, atol=exact)
    torch.testing.assert_close(output.loss, nn.functional.cross_entropy(logits, labels))


@pytest.mark.parametrize("cell_type", CELLS)
def test_dropout_is_between_layers_and_before_the_head(cell_type):
    """In training, as torch.nn does it: a wrong rate or place would show in the mean."""
    ours = SEQUENCE.build(cell_type, dropout=0.5).train()
    ids = tokens(1, 5).expand(4000, -1)
    pooled = []
    ours.dropout.register_forward_hook(lambda _module, given, _out: pooled.append(given[0]))
    torch.manual_seed(0)
    ours(ids)
    bare = STACKS[cell_type](8, HIDDEN, 2, batch_first=True, dropout=0.5)
    bare.load_state_dict(ours.recurrent.layers.state_dict())
    expected = bare(ours.get_input_embeddings()(ids))[0][:, -1]
    for moment in (torch.mean, torch.std):
        torch.testing.assert_close(moment(pooled[0], 0), moment(expected, 0), atol=0.03, rtol=0)
    assert pooled[0].std(0).min() > 0.001, "nothing was dropped"
