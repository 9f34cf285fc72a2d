"""Costs in closed form, against PyTorch's counter, numel and the caches that models really keep."""

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config

import models.arms
from models import cost, flops
from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.cost import Term, count_flops, count_parameters
from models.heads import GENERATING, example, on_meta
from models.recurrent.configuration import GATES
from tests.models.registered import OPTIONS, PAIRS, RANDOM, RECURRENT, SHAPE

ROWS = 3
SMALL = replace(SHAPE, num_layers=2, target_length=None)
DRAWN = [pair for pair in PAIRS if pair[0] in RANDOM]


def of_a_batch(arm, config, head, kernel, length, target_length):
    """FLOPs counted, less the similarities between rows, which are no row's own: (forward, all)."""
    model = arm.build(config, head, 0, kernel)
    fed = example(config, head, rows=ROWS, length=length, target_length=target_length)
    counted = [count_flops(model, fed, training) for training in (False, True)]
    similarities = 2 * ROWS * ROWS * SHAPE.projection_size if head == IMAGE_TEXT else 0
    return counted[0] - similarities, counted[1] - 3 * similarities


@pytest.mark.parametrize(("size", "length", "target_length"), [(None, 8, 5), (24, 21, 13)])
@pytest.mark.parametrize(("name", "head"), DRAWN)
def test_flops_are_what_pytorch_counts(name, head, size, length, target_length):
    arm = models.arms.load(name)
    config = arm.config(replace(SMALL, head=head), size)
    forward, training = of_a_batch(arm, config, head, arm.reference_kernel, length, target_length)
    says = arm.cost(config, head)
    assert ROWS * says.forward_flops(length, target_length) == forward
    missing = ROWS * says.training_flops(length, target_length) - training
    assert missing in (0, ROWS * first_steps(config))


def first_steps(config):
    """What a kernel saves that takes no gradient for the zero state before the first token."""
    parts = [getattr(config, name) for name in config.sub_configs] or [config]
    return sum(
        2 * part.num_layers * GATES[part.cell_type] * part.hidden_size**2
        for part in parts
        if hasattr(part, "cell_type")
    )


@pytest.mark.parametrize("kernel", ["sdpa", "flash"])
@pytest.mark.parametrize("head", ["AutoModelForCausalLM", "AutoModelForTokenClassification"])
def test_fused_attention_counts_as_attention_does(head, kernel):
    arm = models.arms.load("transformer")
    config = arm.config(replace(SMALL, head=head))
    eager = of_a_batch(arm, config, head, "eager", 16, None)
    assert of_a_batch(arm, config, head, kernel, 16, None) == eager


DECODERS = [
    *((name, head, {}) for name, head in DRAWN if head in GENERATING),
    *((name, SEQ2SEQ, {"attention": True}) for name in RANDOM if "attention" in OPTIONS[name]),
]


@pytest.mark.parametrize(("name", "head", "options"), DECODERS)
def test_a_prefill_counts_the_logits_of_one_position(name, head, options):
    arm = models.arms.load(name)
    config = arm.config(replace(SMALL, head=head, recurrent=options), 24)
    model = arm.build(config, head, 0, arm.reference_kernel).eval()
    ids = torch.ones(ROWS, 21, dtype=torch.long)
    fed = {"input_ids": ids, "use_cache": True} | (
        {"decoder_input_ids": ids[:, :1]} if config.is_encoder_decoder else {"logits_to_keep": 1}
    )
    says = arm.cost(config, head)
    assert ROWS * says.prefill_flops(21) == count_flops(model, fed, training=False)
    assert says.prefill_flops(21) < says.forward_flops(21, 21)


class Read(TorchDispatchMode):
    """Remembers the matrices of a model that anything but a lookup reads, of one row aside."""

    def __init__(self, model):
        super().__init__()
        matrices = [w for w in model.parameters() if w.dim() == 2 and len(w) > 1]
        self._matrices = {matrix.data_ptr(): matrix.numel() for matrix in matrices}
        self.found = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is not torch.ops.aten.embedding.default:
            for part in tree_leaves((args, kwargs)):
                if torch.is_tensor(part) and part.data_ptr() in self._matrices:
                    self.found[part.data_ptr()] = self._matrices[part.data_ptr()]
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("name", "head", "options"), DECODERS)
def test_a_decoded_step_reads_what_the_decoder_multiplies_with(name, head, options):
    arm = models.arms.load(name)
    config = arm.config(replace(SMALL, head=head, recurrent=options), 24)
    model = arm.build(config, head, 0, arm.reference_kernel).eval()
    ids = torch.ones(1, 9, dtype=torch.long)
    with torch.no_grad():
        if config.is_encoder_decoder:
            token = {"encoder_outputs": model.get_encoder()(ids), "decoder_input_ids": ids[:, :1]}
            kept = model(**token, use_cache=True).past_key_values
        else:
            token = {"input_ids": ids[:, :1]}
            kept = model(ids, use_cache=True).past_key_values
        with Read(model) as read:
            model(**token, past_key_values=kept, use_cache=True)
    assert arm.cost(config, head).step_weights() == sum(read.found.values())


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ("AutoModel", {"bidirectional": True}),
        ("AutoModelForTokenClassification", {"bidirectional": True}),
        (SEQ2SEQ, {"attention": True}),
        (SEQ2SEQ, {"attention": True, "bidirectional": True}),
        (IMAGE_TEXT, {"bidirectional": True}),
    ],
)
def test_flops_of_recurrent_options(head, options):
    """Forward exactly; in training, up to the first steps of each stack."""
    arm = models.arms.load("lstm")
    config = arm.config(replace(SMALL, head=head, recurrent=options), 24)
    length, target_length = 9, 7
    says = arm.cost(config, head)
    forward, training = of_a_batch(arm, config, head, "fused", length, target_length)
    assert ROWS * says.forward_flops(length, target_length) == forward
    expected = ROWS * says.training_flops(length, target_length)
    assert 0 <= expected - training <= 2 * ROWS * first_steps(config)


def test_cudnn_and_onednn_formulas_agree():
    """cuDNN is not here to run: its formula reads the arguments that its schema puts first."""
    for operator in (torch.ops.aten._cudnn_rnn, torch.ops.aten._cudnn_rnn_backward):
        names = [argument.name for argument in operator.default._schema.arguments]
        assert names[:2] == ["input", "weight"]
    layers = [[(96, 32), (96, 24), (96,), (96,)], [(96, 24), (96, 24), (96,), (96,)]]
    whole = flops._cudnn((16, 3, 32), [shape for layer in layers for shape in layer])
    parts = [flops._mkldnn((16, 3, layer[0][1]), *layer) for layer in layers]
    assert whole == sum(parts) == 2 * 16 * 3 * 96 * (32 + 24 + 24 + 24)
    packed = flops._cudnn((48, 32), [shape for layer in layers for shape in layer])
    assert packed == whole


def test_an_output_layer_is_a_table_tied_or_not():
    sizes = {"vocab_size": 500, "n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64}
    tied, untied = (
        count_parameters(
            on_meta(GPT2Config(**sizes, tie_word_embeddings=tie), "AutoModelForCausalLM")
        )
        for tie in (True, False)
    )
    assert tied.embedding == (500 + 64) * 32
    assert untied.embedding == (500 + 64 + 500) * 32
    assert tied.body == untied.body


def test_keys_and_values_are_those_of_the_cache():
    arm, head = models.arms.load("transformer"), "AutoModelForCausalLM"
    config = arm.config(replace(SMALL, head=head))
    model = arm.build(config, head, 0, "sdpa").eval()
    for length in (7, 30):
        with torch.no_grad():
            cache = model(torch.ones(1, length, dtype=torch.long), use_cache=True).past_key_values
        held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
        assert arm.cost(config, head).state_bytes(length) == held
        assert arm.cost(config, head).state_bytes(length, itemsize=2) == held // 2


def test_an_encoder_decoder_keeps_both_lengths():
    arm, head = models.arms.load("transformer"), "AutoModelForSeq2SeqLM"
    config = arm.config(replace(SMALL, head=head))
    model = arm.build(config, head, 0, "sdpa").eval()
    source, target = torch.ones(1, 9, dtype=torch.long), torch.ones(1, 4, dtype=torch.long)
    with torch.no_grad():
        cache = model(source, decoder_input_ids=target, use_cache=True).past_key_values
    both = (cache.self_attention_cache, cache.cross_attention_cache)
    held = sum(layer.keys.nbytes + layer.values.nbytes for c in both for layer in c.layers)
    assert arm.cost(config, head).state_bytes(9, 4) == held


@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrent_state_does_not_grow(name):
    arm = models.arms.load(name)
    config = arm.config(replace(SMALL, head="AutoModel"), 24)
    stack = arm.build(config, "AutoModel", 0, "fused").layers
    says = arm.cost(config, "AutoModel")
    for length in (3, 30):
        _, end = stack(torch.zeros(1, length, 32))
        held = sum(part.nbytes for part in (end if isinstance(end, tuple) else (end,)))
        assert says.state_bytes(length) == held


def test_per_token_counts_every_position_read():
    """Source and target, or text and patches."""
    arm = models.arms.load("transformer")
    costs = {
        head: arm.cost(arm.config(replace(SMALL, head=head)), head)
        for head in ("AutoModel", "AutoModelForSeq2SeqLM", "AutoProcessor")
    }
    for head, tokens in zip(costs, (10, 10 + 4, 10 + 16), strict=True):
        row = costs[head].forward_flops(10, 4)
        assert costs[head].forward_flops_per_token(10, 4) * tokens == pytest.approx(row)


def test_terms_are_powers_of_both_lengths():
    assert Term(3, source=2, target=1).at(5, 7) == 3 * 25 * 7
    with pytest.raises(ValueError, match=r"length must be at least 1\. Got 0"):
        cost.Cost(cost.Parameters(1, 0, 1), (Term(1),), ()).forward_flops(0)


def test_an_architecture_that_reads_no_token_ids_cannot_be_counted():
    from transformers import Wav2Vec2Config

    config = Wav2Vec2Config(hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    with pytest.raises(ValueError, match="wav2vec2 cannot be fed a row of token ids: "):
        models.arms.load("transformer").cost(config, "AutoModel")


@pytest.mark.parametrize("name", RECURRENT)
def test_pytorch_s_own_counter_finds_no_recurrence_free(name):
    """Whoever counts a model without this suite finds a fused LSTM to cost what a loop does."""
    arm = models.arms.load(name)
    config = arm.config(SMALL)
    fed = example(config, SMALL.head, rows=ROWS, length=8)
    counts = {}
    for kernel in ("fused", "loop"):
        with FlopCounterMode(display=False) as counter:
            arm.build(config, SMALL.head, 0, kernel)(**fed).loss.backward()
        counts[kernel] = counter.get_total_flops()
    assert 0 <= counts["fused"] - counts["loop"] <= ROWS * first_steps(config)
    assert counts["loop"] > 0
