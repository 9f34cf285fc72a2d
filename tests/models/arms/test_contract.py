"""The contract of an arm, over whatever is registered, under every head it has."""

import copy
import json
import re
from dataclasses import replace

import pytest
import torch

import models.arms
from bench.study import Recurrent
from models.arms import HEADS
from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.checkpoints import MINILM, word_embeddings, word_embeddings_shape
from models.cost import count_parameters
from models.heads import TIED, example, input_embeddings, predictions, scalar
from tests.models.registered import (
    ARMS,
    CLASSES,
    OPTIONS,
    PAIRS,
    PRETRAINED,
    RECURRENT,
    SHAPE,
    TARGET,
    VOCABULARY,
    build,
    built,
    kernels,
)

ROWS, LENGTH = 2, 12
IDS = torch.randint(0, VOCABULARY, (ROWS, LENGTH), generator=torch.Generator().manual_seed(0))

#: head -> what the shapes of its outputs are, ROWS and LENGTH being those of the input
SHAPES = {
    "AutoModelForSequenceClassification": [(ROWS, CLASSES)],
    "AutoModelForTokenClassification": [(ROWS, LENGTH, CLASSES)],
    "AutoModelForQuestionAnswering": [(ROWS, LENGTH), (ROWS, LENGTH)],
    "AutoModelForCausalLM": [(ROWS, LENGTH, VOCABULARY)],
    SEQ2SEQ: [(ROWS, TARGET, VOCABULARY)],
    IMAGE_TEXT: [(ROWS, ROWS), (ROWS, ROWS)],
}


@pytest.fixture(params=ARMS)
def name(request):
    return request.param


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request):
    return request.param


def inputs(model, head):
    return example(model.config, head, rows=ROWS, length=LENGTH, target_length=TARGET)


def test_says_how_people_know_it(name):
    """As texts and a number that every figure can take; whether two are alike is the registry's."""
    literals = ARMS[name].literals
    assert re.fullmatch(r"#[0-9A-F]{6}", literals.get("COLOUR", "#000000"))
    assert type(literals.get("RANK", 0)) is int
    label = literals.get("LABEL", name)
    assert label == label.strip() != ""
    assert "\n" not in label


def test_every_head_has_two_arms_to_compare():
    for head in HEADS:
        assert len([pair for pair in PAIRS if pair[1] == head]) >= 2


def test_a_head_that_it_has_not_lists_those_it_has(name):
    arm = models.arms.load(name)
    kernel = kernels(name)[0]
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
    model = built(name, head)
    with torch.no_grad():
        outputs = model(**inputs(model, head))
    shapes = [tuple(tensor.shape) for tensor in predictions(outputs)]
    if head == "AutoModel":
        assert [shape[:2] for shape in shapes] == [(ROWS, LENGTH)]
    else:
        assert shapes == SHAPES[head]
        assert outputs.loss.shape == ()


@pytest.mark.parametrize(("name", "head"), [pair for pair in PAIRS if pair[1] != "AutoModel"])
def test_a_first_loss_is_near_that_of_guessing(name, head):
    """Of the classes, of the tokens, of LENGTH positions, of ROWS captions."""
    model = built(name, head)
    tokens = model.config.get_text_config().vocab_size
    choices = {"AutoModelForQuestionAnswering": LENGTH, IMAGE_TEXT: ROWS} | dict.fromkeys(
        TIED, tokens
    )
    with torch.no_grad():
        loss = float(model(**inputs(model, head)).loss)
    guessing = float(torch.tensor(float(choices.get(head, CLASSES))).log())
    # Two captions only, and CLIP's first temperature is low.
    assert abs(loss - guessing) < (5 if head == IMAGE_TEXT else 1.5)


def test_backward_reaches_the_input_embeddings(pair):
    name, head = pair
    model = copy.deepcopy(built(name, head)).train()
    fed = inputs(model, head)
    scalar(model(**fed)).backward()
    gradient = input_embeddings(model).weight.grad
    assert gradient.isfinite().all()
    read = torch.unique(fed["input_ids"])
    assert (gradient[read].abs().sum(dim=1) > 0).float().mean() > 0.9


def test_same_seed_same_model_other_seed_other_head(pair):
    name, head = pair
    first = built(name, head)
    again, other = (build(name, head, seed).eval() for seed in (0, 1))
    fed = inputs(first, head)
    with torch.no_grad():
        one, two, three = (predictions(model(**fed))[0] for model in (first, again, other))
    assert torch.equal(one, two)
    if name not in PRETRAINED or head != "AutoModel":  # of which nothing is drawn
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
    model = built(name, head)
    model.save_pretrained(tmp_path)
    again = HEADS[head].from_pretrained(tmp_path, local_files_only=True).eval()
    again.set_attn_implementation(model.config._attn_implementation)
    fed = inputs(model, head)
    with torch.no_grad():
        for one, other in zip(predictions(model(**fed)), predictions(again(**fed)), strict=True):
            assert torch.equal(one, other)


def test_counts_are_numel(pair):
    name, head = pair
    arm, model = models.arms.load(name), built(name, head)
    counts = arm.cost(arm.config(replace(SHAPE, head=head)), head).parameters
    assert counts.total == sum(weight.numel() for weight in model.parameters())
    assert counts.body == counts.total - counts.embedding
    tables = {module.weight for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    looked_up = sum(table.numel() for table in tables)  # tied, where it writes
    assert counts.embedding == looked_up + counts.class_token


def test_loss_is_read_at_the_designated_position(name):
    """Changing what the head reads there changes the logits; changing another state does not."""
    arm, model = models.arms.load(name), built(name)
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
    for head in arm.heads if name not in PRETRAINED else arm.heads[:1]:
        model = built(name, head)
        limit = arm.max_length(model.config)
        with torch.no_grad():
            model(**example(model.config, head, length=limit or 100))
            if limit is not None:
                with pytest.raises((IndexError, RuntimeError, ValueError)):
                    model(**example(model.config, head, length=limit + 1))


def test_a_transformers_positions_are_those_it_was_given():
    arm = models.arms.load("transformer")
    limits = {head: arm.max_length(arm.config(replace(SHAPE, head=head))) for head in arm.heads}
    assert limits.pop(SEQ2SEQ) is None, "T5's are distances"
    assert set(limits.values()) == {SHAPE.max_positions}


def test_no_dropout_at_dropout_zero(pair):
    name, head = pair
    model = copy.deepcopy(built(name, head)).train()
    fed = inputs(model, head)
    with torch.no_grad():
        one, two = (predictions(model(**fed))[0] for _ in range(2))
    assert torch.equal(one, two)


#: an option of recurrent arms -> the head and the options with which it means something
MEANT = {
    "bidirectional": (SHAPE.head, {"bidirectional": True}),
    "attention": (SEQ2SEQ, {"attention": True}),
    "initialization": (SHAPE.head, {"initialization": "orthogonal"}),
    "forget_bias": (SHAPE.head, {"forget_bias": 1.0}),
    "chrono_length": (SHAPE.head, {"initialization": "chrono", "chrono_length": 12}),
}


class TestRecurrentOptions:
    @pytest.mark.parametrize("option", MEANT)
    def test_are_taken_refused_or_passed_over(self, name, option):
        """No arm that has options of the kind ignores one: its records would claim what is not."""
        arm, taken = models.arms.load(name), OPTIONS[name]
        head, options = MEANT[option]
        plain = replace(SHAPE, head=head if head in arm.heads else arm.heads[0])
        asked = replace(plain, recurrent=options)
        if option in taken:
            fields = arm.config(asked).to_dict()
            assert {key: fields[key] for key in options} == options
            assert fields != arm.config(plain).to_dict()
        elif taken:
            with pytest.raises(ValueError, match=f"Got '({'|'.join(set(options) - set(taken))})'"):
                arm.config(asked)
        else:
            assert arm.config(asked).to_dict() == arm.config(plain).to_dict()

    def test_are_those_that_a_study_may_name(self):
        assert {option for taken in OPTIONS.values() for option in taken} <= set(MEANT)
        assert set(MEANT) == set(Recurrent.model_fields)

    @pytest.mark.parametrize(
        ("name", "head", "options", "message"),
        [
            (name, head, options, message)
            for name, taken in OPTIONS.items()
            for head, options, message in [
                (SHAPE.head, {"attention": True}, "attention is of a decoder"),
                ("AutoModelForCausalLM", {"bidirectional": True}, "must read from left to right"),
                (SHAPE.head, {"chrono_length": 12}, "what initialization='chrono' provides for"),
                (SHAPE.head, {"initialization": "chrono"}, "needs (chrono_length|a cell that has)"),
            ]
            if set(options) <= set(taken) and head in models.arms.load(name).heads
        ],
    )
    def test_are_refused_where_they_mean_nothing(self, name, head, options, message):
        with pytest.raises(ValueError, match=message):
            models.arms.load(name).config(replace(SHAPE, head=head, recurrent=options))

    def test_embeddings_of_a_checkpoint_are_taken_or_refused(self, name):
        arm, asked = models.arms.load(name), replace(SHAPE, embeddings="checkpoint")
        asked = replace(asked, embedding_size=word_embeddings_shape(MINILM)[1])
        if name in RECURRENT:
            assert arm.config(asked).embeddings_from == MINILM.name
        elif name in PRETRAINED:
            assert arm.config(asked).checkpoint == MINILM.name
        else:
            with pytest.raises(ValueError, match="embeddings='checkpoint' is of recurrent arms"):
                arm.config(asked)

    @pytest.mark.parametrize("name", [name for name in ARMS if "bidirectional" in OPTIONS[name]])
    def test_two_directions_read_no_one_position(self, name):
        arm = models.arms.load(name)
        both = arm.config(replace(SHAPE, recurrent={"bidirectional": True}))
        assert arm.loss_position(LENGTH, SHAPE.head, arm.config(SHAPE)) == LENGTH - 1
        assert arm.loss_position(LENGTH, SHAPE.head, both) is None

    @pytest.mark.parametrize("name", RECURRENT)
    def test_embeddings_of_a_checkpoint_are_its_own(self, name):
        arm, theirs = models.arms.load(name), word_embeddings(MINILM)
        shape = replace(SHAPE, embeddings="checkpoint", embedding_size=theirs.shape[1])
        again = models.arms.config_from_dict(json.loads(json.dumps(arm.config(shape).to_dict())))
        table = input_embeddings(arm.build(again, SHAPE.head, 0, kernels(name)[0])).weight
        assert torch.equal(table, theirs[:VOCABULARY])
        with pytest.raises(ValueError, match=r"=\(500, 32\). Got \(30522, 384\)"):
            arm.config(replace(shape, embedding_size=32))


def test_two_towers_need_an_end_of_text_and_whole_patches():
    arm, shape = models.arms.load("transformer"), replace(SHAPE, head="AutoProcessor")
    with pytest.raises(ValueError, match="expected an eos_token_id"):
        arm.config(replace(shape, eos_token_id=None))
    with pytest.raises(ValueError, match=r"multiple of patch_size=8. Got 30"):
        arm.config(replace(shape, image_size=30))
