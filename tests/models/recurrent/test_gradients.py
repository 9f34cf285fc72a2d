"""The gradient at every state: against a recurrence written by hand, and against theory."""

import pytest
import torch
from torch import nn

from models import RecurrentClipConfig, RecurrentClipModel, trace_states
from models.recurrent import configuration
from models.recurrent.execution import run
from tests.compiler import quick
from tests.models.recurrent.small import (
    ATTENTION,
    BODY,
    CAUSAL,
    CELLS,
    HIDDEN,
    SEQ2SEQ,
    SEQUENCE,
    tokens,
)

IDS = tokens(2, 6)


def weights_of(stack):
    return [
        getattr(stack, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]


def by_hand(cell_type, stack, inputs):
    """One layer from the textbook, PyTorch's order of gates; every state a leaf of its future."""
    w, u, b, d = weights_of(stack)
    size = u.shape[1]
    h = c = inputs.new_zeros(len(inputs), size)
    states = []
    for x in inputs.unbind(1):
        gate = [
            (x @ w[k : k + size].t() + b[k : k + size], h @ u[k : k + size].t() + d[k : k + size])
            for k in range(0, len(w), size)
        ]
        if cell_type == "rnn":
            h = torch.tanh(sum(gate[0]))
        elif cell_type == "gru":
            r, z = torch.sigmoid(sum(gate[0])), torch.sigmoid(sum(gate[1]))
            n = torch.tanh(gate[2][0] + r * gate[2][1])
            h = (1 - z) * n + z * h
        else:
            i, f, o = (torch.sigmoid(sum(gate[k])) for k in (0, 1, 3))
            c = f * c + i * torch.tanh(sum(gate[2]))
            h = o * torch.tanh(c)
        states.append((h, c) if cell_type == "lstm" else (h,))
    return states


@pytest.mark.parametrize("cell_type", CELLS)
class TestTrace:
    def test_gradient_at_every_state_is_autograds(self, cell_type):
        model = BODY.build(cell_type, kernel="loop", num_layers=1).double()
        with trace_states() as trace:
            hidden = model(IDS).last_hidden_state
        loss = hidden[:, 2].square().sum() + hidden[:, -1].sum()
        loss.backward()
        states = by_hand(cell_type, model.layers, model.get_input_embeddings()(IDS))
        expected_loss = states[2][0].square().sum() + states[-1][0].sum()
        for which in range(len(states[0])):
            expected = torch.autograd.grad(
                expected_loss, [step[which] for step in states], retain_graph=True
            )
            torch.testing.assert_close(
                trace.gradient(0, which), torch.stack(expected), rtol=1e-12, atol=1e-14
            )

    def test_every_layer_and_direction(self, cell_type):
        """What reaches the first layer's states has passed the second layer."""
        model = BODY.build(cell_type, kernel="loop", bidirectional=True)
        with trace_states() as trace:
            output = model(IDS)
        output.last_hidden_state[:, 3].sum().backward()
        ran = trace.states[model.layers]
        assert ran.keys() == {(layer, way) for layer in (0, 1) for way in (False, True)}
        for layer, reverse in ran:
            assert trace.gradient(layer, reverse=reverse).shape == (6, 2, HIDDEN)
        top, top_reverse = trace.gradient(1), trace.gradient(1, reverse=True)
        assert top[:4].abs().sum((1, 2)).min() > 0
        assert not top[4:].any(), "states after the loss's position cannot matter to it"
        assert top_reverse[:3].abs().sum((1, 2)).min() > 0  # reads positions 5, 4, 3 first
        assert not top_reverse[3:].any()
        assert trace.gradient(0).abs().sum((1, 2)).min() > 0

    def test_tracing_changes_no_number(self, cell_type):
        model = CAUSAL.build(cell_type, kernel="loop")
        gradients = []
        for tracing in (False, True):
            model.zero_grad()
            if tracing:
                with trace_states():
                    model(IDS, labels=IDS).loss.backward()
            else:
                model(IDS, labels=IDS).loss.backward()
            gradients.append([weight.grad.clone() for weight in model.parameters()])
        assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))

    def test_needs_the_loop(self, cell_type):
        with (
            trace_states(),
            pytest.raises(ValueError, match=r"needs kernel 'loop'\. Got 'fused'"),
        ):
            BODY.build(cell_type)(IDS)


def test_nothing_is_kept_once_tracing_has_ended():
    model = BODY.build(kernel="loop")
    with trace_states() as trace:
        model(IDS)
    model(tokens(2, 3))
    assert list(trace.states) == [model.layers]
    assert [len(steps) for steps in trace.states[model.layers].values()] == [6, 6]


def test_a_second_forward_is_refused():
    model = BODY.build(kernel="loop")
    with trace_states() as trace:
        loss = model(IDS).last_hidden_state.sum()
        with pytest.raises(ValueError, match=r"one forward of a stack.*Got a second"):
            model(IDS)
    loss.backward()
    assert trace.gradient(0).any()


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_states_without_gradients(without):
    model = BODY.build(kernel="loop")
    with without(), trace_states() as trace:
        hidden = model(IDS).last_hidden_state
    top = torch.stack([h for h, _ in trace.states[model.layers][1, False]], dim=1)
    assert torch.equal(top, hidden)
    with pytest.raises(ValueError, match=r"forward with gradients\. Got one without"):
        trace.gradient(0)


def assert_explains_the_bias(trace, stack):
    """Of an Elman network: what reaches the states, through tanh, is what reaches the bias."""
    assert len(trace.states[stack]) == stack.num_layers * (1 + stack.bidirectional)
    for (layer, reverse), steps in trace.states[stack].items():
        h = torch.stack([step[0] for step in steps])
        gradient = trace.gradient(layer, reverse=reverse, stack=stack)
        bias = getattr(stack, f"bias_hh_l{layer}" + "_reverse" * reverse)
        assert bias.grad.any()
        torch.testing.assert_close(
            (gradient * (1 - h * h)).sum((0, 1)), bias.grad, rtol=1e-10, atol=1e-14
        )


@pytest.mark.parametrize("mask", [None, torch.tensor([[1] * 6, [0, 1, 1, 0, 0, 1]])])
@pytest.mark.parametrize("head", [SEQ2SEQ, ATTENTION], ids=lambda head: head.name)
def test_encoder_and_decoder_are_two_stacks(head, mask):
    model = head.build("rnn", kernel="loop").double()
    with trace_states() as trace:
        loss = model(IDS, attention_mask=mask, labels=tokens(2, 4)).loss
    loss.backward()
    assert list(trace.states) == [model.recurrent.layers, model.decoder]
    assert trace.gradient(0, stack=model.decoder).shape == (4, 2, HIDDEN)
    for stack in trace.states:
        assert_explains_the_bias(trace, stack)
    with pytest.raises(ValueError, match=r"Expected stack=.*Got 2 stacks"):
        trace.gradient(0)


def test_two_towers_are_two_stacks():
    tower = {"cell_type": "rnn", "hidden_size": 6, "embedding_size": 4, "kernel": "loop"}
    torch.manual_seed(0)
    model = RecurrentClipModel(
        RecurrentClipConfig(
            text_config={"vocab_size": 50, **tower},
            vision_config={"image_size": 8, "patch_size": 4, **tower},
        )
    ).double()
    pixels = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    with trace_states() as trace:
        loss = model(IDS, pixels, return_loss=True).loss
    loss.backward()
    assert set(trace.states) == {model.text_model.layers, model.vision_model.layers}
    for stack in trace.states:
        assert_explains_the_bias(trace, stack)


def test_linear_recurrence_decays_as_its_spectral_radius():
    """With W = rho Q and states too small for tanh to bend, |dL/dh_t| = rho^(T-t) |dL/dh_T|."""
    rho, length, size = 0.9, 60, 16
    stack = nn.RNN(4, size, batch_first=True, dtype=torch.float64)
    torch.manual_seed(0)
    with torch.no_grad():
        stack.weight_hh_l0.copy_(rho * torch.linalg.qr(torch.randn(size, size).double()).Q)
        stack.bias_ih_l0.zero_()
        stack.bias_hh_l0.zero_()
    inputs = 1e-5 * torch.randn(3, length, 4, dtype=torch.float64)
    with trace_states() as trace:
        hidden = run(stack, "loop", inputs).hidden
    (hidden[:, -1] @ torch.randn(size, dtype=torch.float64)).sum().backward()
    norms = trace.gradient(0).norm(dim=-1)
    decay = rho ** torch.arange(length - 1, -1, -1, dtype=torch.float64)
    torch.testing.assert_close(
        norms / norms[-1], decay.unsqueeze(1).expand(-1, 3), rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("kernel", ["loop", "fused"])
def test_lstm_with_constant_gates_decays_as_its_forget_gate(kernel):
    """No weights: gates are sigmoids of their biases, and dL/dc_t = sigmoid(b_f)^(T-t) dL/dc_T."""
    forget, length, size = 1.5, 40, 6
    stack = nn.LSTM(4, size, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for weight in stack.parameters():
            weight.zero_()
        stack.bias_ih_l0[size : 2 * size] = forget
    cell = torch.full((1, 2, size), 0.3, dtype=torch.float64, requires_grad=True)
    start = (torch.zeros_like(cell), cell)
    inputs = torch.randn(2, length, 4, dtype=torch.float64)
    keep = torch.sigmoid(torch.tensor(forget, dtype=torch.float64))
    if kernel == "fused":
        state = run(stack, kernel, inputs, state=start, keep_state=True).state
        (gradient,) = torch.autograd.grad(state[1].sum(), cell)
        torch.testing.assert_close(gradient, (keep**length).expand_as(gradient), rtol=1e-9, atol=0)
        return
    with trace_states() as trace:
        state = run(stack, kernel, inputs, state=start, keep_state=True).state
    state[1].sum().backward()
    decay = keep ** torch.arange(length - 1, -1, -1, dtype=torch.float64)
    expected = decay.reshape(-1, 1, 1).expand(length, 2, size)
    torch.testing.assert_close(trace.gradient(0, 1), expected, rtol=1e-9, atol=0)


def test_gradient_is_that_of_finite_differences():
    """dL/dc of a first state through forty steps of random gates."""
    stack = nn.LSTM(4, 6, 2, batch_first=True, dtype=torch.float64)
    torch.manual_seed(0)
    for weight in stack.parameters():
        nn.init.normal_(weight, std=0.4)
    inputs = torch.randn(1, 12, 4, dtype=torch.float64)
    state = [torch.randn(2, 1, 6, dtype=torch.float64, requires_grad=True) for _ in range(2)]

    def last(h, c):
        return run(stack, "loop", inputs, state=(h, c)).hidden[:, -1]

    assert torch.autograd.gradcheck(last, state)


#: ``compiled`` is the loop again.
KERNELS = [quick(kernel) for kernel in configuration.KERNELS if kernel != "compiled"]


def at_inputs(stack, kernel, inputs, read):
    """dL/de_t at every position, (batch, length, features), of a loss on what ``run`` returns."""
    inputs = inputs.clone().requires_grad_()
    ran = run(stack, kernel, inputs, keep_state=True)
    (gradient,) = torch.autograd.grad(read(ran), inputs)
    return gradient


@pytest.mark.parametrize("kernel", KERNELS)
class TestTheoryAtTheInputs:
    def test_linear_recurrence_decays_as_its_spectral_radius(self, kernel):
        """dL/de_t = V^T (rho Q^T)^k g: orthogonal inputs V^T leave the norm alone."""
        rho, length, size = 0.9, 60, 16
        torch.manual_seed(0)
        recurrent, inward = (torch.linalg.qr(torch.randn(size, size).double()).Q for _ in range(2))
        stack = nn.RNN(size, size, batch_first=True, dtype=torch.float64)
        with torch.no_grad():
            stack.weight_hh_l0.copy_(rho * recurrent)
            stack.weight_ih_l0.copy_(inward)
            stack.bias_ih_l0.zero_()
            stack.bias_hh_l0.zero_()
        inputs = 1e-5 * torch.randn(3, length, size, dtype=torch.float64)
        end = torch.randn(size, dtype=torch.float64)
        gradient = at_inputs(stack, kernel, inputs, lambda ran: (ran.hidden[:, -1] @ end).sum())
        decay = end.norm() * rho ** torch.arange(length - 1, -1, -1, dtype=torch.float64)
        torch.testing.assert_close(gradient.norm(dim=-1), decay.expand(3, -1), rtol=1e-6, atol=0)

    def test_lstm_with_constant_gates_decays_as_its_forget_gate(self, kernel):
        """Only the candidate reads the input: dc_T/de_t = sigmoid(b_f)^k sigmoid(b_i) V."""
        forget, length, size = 1.5, 60, 6
        torch.manual_seed(0)
        inward = torch.randn(size, 4, dtype=torch.float64)
        stack = nn.LSTM(4, size, batch_first=True, dtype=torch.float64)
        with torch.no_grad():
            for weight in stack.parameters():
                weight.zero_()
            stack.bias_ih_l0[size : 2 * size] = forget
            stack.weight_ih_l0[2 * size : 3 * size] = inward
        inputs = 1e-5 * torch.randn(2, length, 4, dtype=torch.float64)
        gradient = at_inputs(stack, kernel, inputs, lambda ran: ran.state[1].sum())
        keep = torch.sigmoid(torch.tensor(forget, dtype=torch.float64))
        decay = keep ** torch.arange(length - 1, -1, -1, dtype=torch.float64)
        expected = decay.unsqueeze(1) * 0.5 * inward.sum(dim=0)
        torch.testing.assert_close(gradient, expected.expand_as(gradient), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kernel", [one for one in KERNELS if one.values != ("loop",)])
@pytest.mark.parametrize("cell_type", CELLS)
def test_kernel_and_loop_agree_at_every_input(cell_type, kernel):
    """Each position on its own scale: an error at a far one would hide behind the near ones."""
    model = BODY.build(cell_type, hidden_size=24).double()
    ids = tokens(3, 80)
    gradients = []
    for name in (kernel, "loop"):
        model.set_kernel(name)
        embeds = model.get_input_embeddings()(ids).detach().requires_grad_()
        loss = model(inputs_embeds=embeds).last_hidden_state[:, -1].square().sum()
        gradients.append(torch.autograd.grad(loss, embeds)[0])
    found, unrolled = gradients
    scale = unrolled.norm(dim=-1)
    assert scale.min() > 0
    assert ((found - unrolled).norm(dim=-1) / scale).max() < 1e-9


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cell_type", CELLS)
def test_gradient_at_the_inputs_is_that_of_finite_differences(cell_type, kernel):
    """Of a classifier's loss, which is read at the last token, in front of the padding."""
    model = SEQUENCE.build(cell_type, kernel=kernel, embedding_size=3, hidden_size=4).double()
    mask, labels = torch.tensor([[1] * 7, [1] * 5 + [0] * 2]), torch.tensor([0, 2])

    def loss(embeds):
        return model(inputs_embeds=embeds, attention_mask=mask, labels=labels).loss

    torch.manual_seed(0)
    assert torch.autograd.gradcheck(loss, torch.randn(2, 7, 3).double().requires_grad_())
