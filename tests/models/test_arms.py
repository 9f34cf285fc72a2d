"""The contract of an arm, over whatever is registered, under every head it has."""

import json
from dataclasses import replace

import pytest
import torch

import models.arms
from bench import registry
from bench.tools import inventory
from models.arms import HEADS
from models.cost import count_parameters
from models.heads import TIED, example, input_embeddings, predictions, scalar

SHAPE = replace(
    inventory.SHAPE,
    head="AutoModelForSequenceClassification",
    embedding_size=32,
    num_layers=1,
    num_heads=2,
    max_positions=64,
    target_length=5,
)
ROWS, LENGTH = 2, 12
IDS = torch.randint(0, 30522, (ROWS, LENGTH), generator=torch.Generator().manual_seed(0))
PAIRS = [(name, head) for name in registry.arms() for head in models.arms.load(name).heads]

#: head -> what the shapes of its outputs are, ROWS and LENGTH being those of the input
SHAPES = {
    "AutoModelForSequenceClassification": [(ROWS, 8)],
    "AutoModelForTokenClassification": [(ROWS, LENGTH, 8)],
    "AutoModelForQuestionAnswering": [(ROWS, LENGTH), (ROWS, LENGTH)],
    "AutoModelForCausalLM": [(ROWS, LENGTH, 30522)],
    "AutoModelForSeq2SeqLM": [(ROWS, 5, 30522)],
    "AutoProcessor": [(ROWS, ROWS), (ROWS, ROWS)],
}


@pytest.fixture(params=registry.arms())
def name(request):
    return request.param


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request):
    return request.param


def build(name, head=SHAPE.head, seed=0, kernel=None):
    arm = models.arms.load(name)
    kernel = kernel or registry.arms()[name].literals["KERNELS"][0]
    return arm.build(arm.config(replace(SHAPE, head=head)), head, seed, kernel)


def inputs(model, head):
    return example(model.config, head, rows=ROWS, length=LENGTH, target_length=5)


def test_says_what_it_is(name):
    entry = registry.arms()[name]
    assert entry.summary.endswith(".")
    assert entry.literals["WEIGHTS"] in ("random", "pretrained")
    assert entry.literals["KERNELS"]
    assert set(models.arms.load(name).heads) <= set(HEADS)


def test_the_transformer_has_every_head():
    assert models.arms.load("transformer").heads == tuple(HEADS)


def test_a_head_that_it_has_not_lists_those_it_has(name):
    arm = models.arms.load(name)
    kernel = registry.arms()[name].literals["KERNELS"][0]
    for head in ["AutoModelForPoetry", *(set(HEADS) - set(arm.heads))]:
        refused = rf"must be one of {arm.heads[0]}.*Got '{head}'|has no head for {head}"
        with pytest.raises(models.arms.HeadError, match=refused):
            arm.config(replace(SHAPE, head=head))
        with pytest.raises(models.arms.HeadError, match=refused):
            arm.build(arm.config(SHAPE), head, 0, kernel)


def test_a_kernel_that_it_has_not_lists_those_it_has(name):
    with pytest.raises(ValueError, match=r"kernel must be one of .*Got 'quick'"):
        build(name, kernel="quick")


def test_outputs_have_the_shapes_of_the_head(pair):
    name, head = pair
    model = build(name, head).eval()
    with torch.no_grad():
        outputs = model(**inputs(model, head))
    shapes = [tuple(tensor.shape) for tensor in predictions(outputs)]
    if head == "AutoModel":
        assert [shape[:2] for shape in shapes] == [(ROWS, LENGTH)]
    else:
        assert shapes == SHAPES[head]
        assert outputs.loss.shape == ()


def test_a_first_loss_is_near_that_of_guessing(pair):
    """Of eight classes, of 30,522 tokens, of LENGTH positions, of ROWS captions."""
    name, head = pair
    if head == "AutoModel":
        pytest.skip("it has no loss")
    model = build(name, head).eval()
    choices = {"AutoModelForQuestionAnswering": LENGTH, "AutoProcessor": ROWS} | dict.fromkeys(
        TIED, 30522
    )
    with torch.no_grad():
        loss = float(model(**inputs(model, head)).loss)
    guessing = float(torch.tensor(float(choices.get(head, 8))).log())
    # Two captions only, and CLIP's first temperature is low.
    assert abs(loss - guessing) < (5 if head == "AutoProcessor" else 1.5)


def test_backward_reaches_the_input_embeddings(pair):
    name, head = pair
    model = build(name, head).train()
    fed = inputs(model, head)
    scalar(model(**fed)).backward()
    gradient = input_embeddings(model).weight.grad
    assert gradient.isfinite().all()
    read = torch.unique(fed["input_ids"])
    assert (gradient[read].abs().sum(dim=1) > 0).float().mean() > 0.9


def test_same_seed_same_model_other_seed_other_head(pair):
    name, head = pair
    first, again, other = (build(name, head, seed).eval() for seed in (0, 0, 1))
    fed = inputs(first, head)
    with torch.no_grad():
        one, two, three = (predictions(model(**fed))[0] for model in (first, again, other))
    assert torch.equal(one, two)
    if (name, head) != ("pretrained", "AutoModel"):  # nothing in it is drawn
        assert not torch.equal(one, three)


def test_config_survives_json(pair):
    name, head = pair
    config = models.arms.load(name).config(replace(SHAPE, head=head))
    written = json.loads(json.dumps(config.to_dict()))
    again = models.arms.config_from_dict(dict(written))
    assert json.loads(json.dumps(again.to_dict())) == written
    with torch.device("meta"):
        counts = [count_parameters(HEADS[head].from_config(c)) for c in (config, again)]
    assert counts[0] == counts[1]


def test_saved_and_loaded_it_is_the_same(pair, tmp_path):
    name, head = pair
    model = build(name, head).eval()
    model.save_pretrained(tmp_path)
    again = HEADS[head].from_pretrained(tmp_path, local_files_only=True).eval()
    again.set_attn_implementation(model.config._attn_implementation)
    fed = inputs(model, head)
    with torch.no_grad():
        for one, other in zip(predictions(model(**fed)), predictions(again(**fed)), strict=True):
            assert torch.equal(one, other)


def test_counts_are_numel(pair):
    name, head = pair
    arm, model = models.arms.load(name), build(name, head)
    counts = arm.cost(arm.config(replace(SHAPE, head=head)), head).parameters
    assert counts == count_parameters(model)
    assert counts.total == sum(weight.numel() for weight in model.parameters())
    assert counts.body == counts.total - counts.embedding
    tables = {module.weight for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    assert counts.embedding == sum(table.numel() for table in tables)  # tied, where it writes


def test_loss_is_read_at_the_designated_position(name):
    """Changing what the head reads there changes the logits; changing another state does not."""
    arm, model = models.arms.load(name), build(name).eval()
    states = []
    body = model.base_model
    hook = body.register_forward_hook(lambda _m, _i, out: states.append(out.last_hidden_state))
    logits = model(IDS).logits
    hook.remove()
    (gradient,) = torch.autograd.grad(logits.sum(), states[0], allow_unused=True)
    if gradient is None:
        pytest.skip("the head reads a state that the body pooled")
    read = gradient.abs().sum(dim=(0, 2)).nonzero().flatten().tolist()
    assert read == [arm.loss_position(IDS.shape[1], SHAPE.head)]


def test_a_loss_at_every_token_has_no_one_position(name):
    arm = models.arms.load(name)
    assert arm.loss_position(LENGTH, "AutoModelForTokenClassification") is None


def test_longest_input_is_what_the_positions_allow(name):
    """Up to the limit it runs; one more and PyTorch has no position to look up."""
    arm = models.arms.load(name)
    limits = {}
    for head in arm.heads if name == "transformer" else arm.heads[:1]:
        config = arm.config(replace(SHAPE, head=head))
        limits[head] = arm.max_length(config)
        length = limits[head] or 100
        model = build(name, head).eval()
        with torch.no_grad():
            model(**example(config, head, length=length))
            if limits[head] is not None:
                with pytest.raises((IndexError, RuntimeError, ValueError)):
                    model(**example(config, head, length=length + 1))
    if name == "transformer":
        assert limits["AutoModelForSeq2SeqLM"] is None
        assert set(limits.values()) == {64, None}


def test_no_dropout_at_dropout_zero(pair):
    name, head = pair
    model = build(name, head).train()
    fed = inputs(model, head)
    with torch.no_grad():
        one, two = (predictions(model(**fed))[0] for _ in range(2))
    assert torch.equal(one, two)


class TestRecurrentOptions:
    def test_reach_the_configuration(self):
        shape = replace(SHAPE, recurrent={"bidirectional": True, "forget_bias": 1.0})
        lstm, gru = (models.arms.load(name).config(shape) for name in ("lstm", "gru"))
        assert lstm.bidirectional
        assert gru.bidirectional
        assert lstm.forget_bias == 1.0
        assert getattr(gru, "forget_bias", None) is None, "a GRU has no forget gate"

    def test_two_directions_read_no_one_position(self):
        arm = models.arms.load("lstm")
        both = arm.config(replace(SHAPE, recurrent={"bidirectional": True}))
        assert arm.loss_position(LENGTH, SHAPE.head, arm.config(SHAPE)) == LENGTH - 1
        assert arm.loss_position(LENGTH, SHAPE.head, both) is None

    def test_a_language_model_must_not_read_ahead(self):
        arm, head = models.arms.load("lstm"), "AutoModelForCausalLM"
        if head not in arm.heads:
            pytest.skip(f"no recurrent {head}")
        with pytest.raises(ValueError, match="left to right"):
            arm.config(replace(SHAPE, head=head, recurrent={"bidirectional": True}))

    def test_embeddings_of_a_checkpoint_are_its_own(self):
        from models import checkpoints

        if not hasattr(checkpoints, "word_embeddings"):
            pytest.skip("checkpoints have no word_embeddings")
        arm, shape = models.arms.load("lstm"), replace(SHAPE, embeddings="checkpoint")
        config = arm.config(replace(shape, embedding_size=384))
        again = models.arms.config_from_dict(json.loads(json.dumps(config.to_dict())))
        table = input_embeddings(arm.build(again, SHAPE.head, 0, "fused")).weight
        theirs = checkpoints.word_embeddings(checkpoints.find("all-MiniLM-L6-v2"))
        assert torch.equal(table, theirs)
        with pytest.raises(ValueError, match=r"=\(30522, 32\). Got \(30522, 384\)"):
            arm.build(arm.config(shape), SHAPE.head, 0, "fused")


def test_two_towers_need_an_end_of_text_and_whole_patches():
    arm, shape = models.arms.load("transformer"), replace(SHAPE, head="AutoProcessor")
    with pytest.raises(ValueError, match="expected an eos_token_id"):
        arm.config(replace(shape, eos_token_id=None))
    with pytest.raises(ValueError, match=r"multiple of patch_size=8. Got 30"):
        arm.config(replace(shape, image_size=30))
