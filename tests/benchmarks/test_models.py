"""What the models cost beside the same mathematics written bare, and which kernel wins.

Ratios of calls taken in turn in one process. Run with ``tox -e benchmarks``.
"""

import functools

import psutil
import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

import models
import models.arms
from bench import registry
from models.arms import Shape
from models.recurrent import cells, execution
from models.recurrent.execution import STACKS, layer_weights
from models.recurrent.scan import scan
from tests.compiler import compiles

from .turns import show, speed, take_turns

BATCH, LENGTH, SIZE, VOCABULARY, LABELS = 16, 256, 256, 30522, 8


class Bare(nn.Module):
    """What a user writes without this suite."""

    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(VOCABULARY, SIZE)
        self.lstm = nn.LSTM(SIZE, SIZE, 2, batch_first=True)
        self.classifier = nn.Linear(SIZE, LABELS)

    def forward(self, ids, labels):
        hidden, _ = self.lstm(self.embeddings(ids))
        return nn.functional.cross_entropy(self.classifier(hidden[:, -1]), labels)


def step(model, loss):
    """Forward and backward, gradients dropped."""

    def run():
        loss().backward()
        model.zero_grad(set_to_none=True)

    return run


@pytest.fixture(scope="module")
def ids(corpus):
    return torch.from_numpy(corpus.tokens[: BATCH * LENGTH].astype("int64")).view(BATCH, LENGTH)


def test_lstm_beside_bare_torch(ids):
    config = models.RecurrentConfig(
        cell_type="lstm",
        vocab_size=VOCABULARY,
        embedding_size=SIZE,
        hidden_size=SIZE,
        num_labels=LABELS,
    )
    ours = AutoModelForSequenceClassification.from_config(config).train()
    bare = Bare()
    labels = torch.arange(BATCH) % LABELS
    lengths = torch.linspace(LENGTH // 2, LENGTH, BATCH).long()
    right = (torch.arange(LENGTH) < lengths[:, None]).long()
    masks = {"full mask": torch.ones_like(right), "right": right, "left": right.flip(1)}
    functions = {
        "bare": step(bare, lambda: bare(ids, labels)),
        "no mask": step(ours, lambda: ours(ids, labels=labels).loss),
    }
    for name, mask in masks.items():
        functions[name] = step(
            ours, lambda mask=mask: ours(ids, attention_mask=mask, labels=labels).loss
        )
    seconds = take_turns(functions, rounds=20)
    for name in functions:
        if name != "bare":
            goal = 0.97 if name == "no mask" else 0.85
            ratio = speed(seconds, name, "bare")
            show(f"LSTM model over bare nn.LSTM, {name}", ratio, goal)
            assert ratio.high >= goal


def one_layer(cell_type, batch, length, inputs, size, dtype):
    """Kernels of one layer by name, and FLOPs of a step forward and backward."""
    stack = STACKS[cell_type](inputs, size, batch_first=True).to(dtype)
    input_weight, weight, *biases = layer_weights(stack, 0)
    x = torch.randn(length, batch, inputs, dtype=dtype, requires_grad=True)
    upward = torch.randn(length, batch, size, dtype=dtype)
    zeros = torch.zeros(batch, size, dtype=dtype)
    start = (zeros, zeros) if cell_type == "lstm" else (zeros,)
    wanted = [x, *stack.parameters()]

    def torch_nn():
        torch.autograd.grad(stack(x.transpose(0, 1))[0].transpose(0, 1), wanted, upward)

    def ours(kernel):
        def run():
            gates, late_bias = cells.input_gates(cell_type, x, input_weight, *biases)
            hidden = kernel(cell_type, gates, weight, late_bias, start)[0]
            torch.autograd.grad(hidden, wanted, upward)

        return run

    flops = 6 * length * batch * weight.shape[0] * (inputs + size)
    native = functools.partial(scan, steps="native")
    return {"torch.nn": torch_nn, "scan": ours(scan), "native": ours(native),
            "loop": ours(cells.loop), "compiled": ours(cells.compiled)}, flops  # fmt: skip


SHAPES = [(16, 256, 256, 256), (8, 512, 128, 200), (4, 64, 384, 900)]


@compiles
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell_type", ["rnn", "gru"])
def test_scan_is_the_fastest_for_cells_without_a_fused_kernel(cell_type, shape):
    functions, flops = one_layer(cell_type, *shape, torch.float32)
    lstm, lstm_flops = one_layer("lstm", *shape, torch.float32)
    functions["LSTM"] = lstm["torch.nn"]
    seconds = take_turns(functions, rounds=8)
    for name in ("scan", "native", "loop", "compiled"):
        show(f"{cell_type} {shape}: {name} over torch.nn", speed(seconds, name, "torch.nn"))
    for name in ("scan", "native"):
        per_flop = speed(seconds, name, "LSTM").map(lambda ratio: ratio * flops / lstm_flops)
        show(f"{cell_type} {shape}: FLOPs a second of {name} over a fused LSTM's", per_flop, 1)
    for name in ("torch.nn", "loop", "compiled"):
        assert speed(seconds, "scan", name).high > 1
    assert speed(seconds, "native", "scan").high > 1


@pytest.mark.parametrize("cell_type", ["rnn", "gru", "lstm"])
def test_scan_in_double_precision(cell_type):
    functions, _ = one_layer(cell_type, 16, 256, 256, 256, torch.float64)
    seconds = take_turns({name: functions[name] for name in ("torch.nn", "scan")}, rounds=8)
    ratio = speed(seconds, "scan", "torch.nn")
    show(f"{cell_type}, float64: scan over torch.nn", ratio, 1)
    assert ratio.high > 1


@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("cell_type", ["lstm", "gru"])
def test_both_directions_beside_torch(cell_type, padded):
    """Padded, the choice of torch.nn is packed sequences, which have no fused kernel on a CPU."""
    stack = STACKS[cell_type](SIZE, SIZE, 2, batch_first=True, bidirectional=True)
    x = torch.randn(BATCH, LENGTH, SIZE, requires_grad=True)
    lengths = torch.linspace(LENGTH // 2, LENGTH, BATCH).long() if padded else None
    wanted = [x, *stack.parameters()]

    def bare():
        if lengths is None:
            hidden = stack(x)[0]
        else:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
            hidden = nn.utils.rnn.pad_packed_sequence(stack(packed)[0], batch_first=True)[0]
        torch.autograd.grad(hidden.sum(), wanted)

    def ours():
        torch.autograd.grad(execution.run(stack, "fused", x, lengths).hidden.sum(), wanted)

    seconds = take_turns({"bare": bare, "ours": ours}, rounds=6, warm=1)
    ratio = speed(seconds, "ours", "bare")
    title = f"bidirectional {cell_type}, {'padded' if padded else 'full'}, over torch.nn"
    show(title, ratio, 0.97)
    assert ratio.high >= 0.97


@pytest.mark.parametrize("cell_type", ["rnn", "lstm", "gru"])
def test_decoding_costs_the_same_at_every_position(cell_type):
    config = models.RecurrentConfig(
        cell_type=cell_type,
        vocab_size=512,
        embedding_size=SIZE,
        hidden_size=SIZE,
        pad_token_id=None,
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    token = torch.ones(1, 1, dtype=torch.long)

    def decoder(context):
        """Sixteen tokens after a context of so many."""
        with torch.inference_mode():
            past = model(torch.ones(1, context, dtype=torch.long), use_cache=True).past_key_values

        def run():
            with torch.inference_mode():
                state = past
                for _ in range(16):
                    output = model(token, past_key_values=state, use_cache=True)
                    state = output.past_key_values
            return state

        return run

    functions = {"64": decoder(64), "4096": decoder(4096)}
    assert functions["64"]().nbytes == functions["4096"]().nbytes
    slower = speed(take_turns(functions, rounds=40), "64", "4096")
    show(f"{cell_type}: time of a token after 4,096 over one after 64", slower, 1.1)
    assert slower.low <= 1.1


def test_memory_stays_flat_over_4096_tokens():
    config = models.RecurrentConfig(
        vocab_size=512, embedding_size=SIZE, hidden_size=SIZE, pad_token_id=None
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    token, state = torch.ones(1, 1, dtype=torch.long), None
    resident = []
    with torch.inference_mode():
        for position in range(4096):
            state = model(token, past_key_values=state, use_cache=True).past_key_values
            if position in (63, 4095):
                resident.append(psutil.Process().memory_info().rss)
    assert state.get_seq_length() == 4096
    grown = resident[1] - resident[0]
    print(f"\nresident memory from token 64 to token 4,096: {grown / 2**20:+.1f} MiB", end="")
    assert grown < 4096 * state.nbytes / 4  # a cache keeps something of every token


def test_transformer_arm_beside_hugging_face(ids):
    arm = models.arms.load("transformer")
    shape = Shape(
        head="AutoModelForSequenceClassification",
        num_labels=LABELS,
        vocab_size=VOCABULARY,
        pad_token_id=0,
        embedding_size=128,
        num_layers=2,
        num_heads=2,
        max_positions=512,
    )
    config = arm.config(shape)
    kernel = registry.arms()["transformer"].literals["KERNELS"][0]
    ours = arm.build(config, shape.head, 0, kernel).train()
    theirs = AutoModelForSequenceClassification.from_config(config).train()
    labels = torch.arange(BATCH) % LABELS
    functions = {
        "theirs": step(theirs, lambda: theirs(ids, labels=labels).loss),
        "ours": step(ours, lambda: ours(ids, labels=labels).loss),
    }
    ratio = speed(take_turns(functions, rounds=20), "ours", "theirs")
    show("transformer arm over the same Hugging Face model", ratio, 1)
    assert ratio.high >= 1  # the same model: not slower than noise
