"""Every parameter in one group, named as a reader of a figure would."""

import re
from dataclasses import replace

import pytest
import torch
import transformers
from torch import nn

import models.arms
from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.groups import layer_parameters, parameter_groups
from models.heads import HEADS, on_meta
from models.recurrent.arm import RecurrentArm
from models.transformer import TransformerArm
from tests.models import registered
from tests.models.registered import ARMS, PAIRS

SHAPE = replace(registered.SHAPE, embedding_size=16, num_layers=2)
#: a group's name, as ``models.groups`` says
NAME = re.compile(
    r"embeddings|head"
    r"|((text|image|encoder|decoder) )?"
    r"(embeddings|bridge|attention|output|head|layer (?P<layer>[1-9]\d*)( (?P<part>[a-z-]+"
    r"( \(backward\))?))?)"
)


def build(name, head, **recurrent):
    shape = replace(SHAPE, head=head, recurrent=recurrent)
    return on_meta(models.arms.load(name).config(shape), head)


def assert_total(model):
    groups = parameter_groups(model)
    names = [name for group in groups.values() for name in group]
    assert len(names) == len(set(names))
    assert set(names) == {name for name, _ in model.named_parameters()}
    return groups


def layers(kinds, number=2, stack=""):
    return [f"{stack}layer {n} {kind}" for n in range(1, number + 1) for kind in kinds]


RECURRENT = ("input", "recurrent", "biases")
TRANSFORMER = ("attention", "feed-forward")


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_name_says_where_it_is(pair):
    """Whatever an arm is made of: a total, in words that a figure can take apart."""
    found = [NAME.fullmatch(group) for group in assert_total(build(*pair))]
    assert all(found)
    for stack in {name[0].partition("layer")[0] for name in found if name["layer"]}:
        own = [name for name in found if name["layer"] and name[0].startswith(f"{stack}layer")]
        numbers = [int(name["layer"]) for name in own]
        assert numbers == sorted(numbers)
        assert set(numbers) == set(range(1, max(numbers) + 1))


def expected(arm, model, head):
    recurrent = isinstance(arm, RecurrentArm)
    kinds = RECURRENT if recurrent else TRANSFORMER
    if head == IMAGE_TEXT:
        return [
            group
            for tower in ("text ", "image ")
            for group in (f"{tower}embeddings", *layers(kinds, 2, tower), f"{tower}head")
        ] + ["head"]
    if head == SEQ2SEQ:
        encoder, decoder = (layers(kinds, 2, stack) for stack in ("encoder ", "decoder "))
        # The recurrent one writes with its tied table alone.
        between, last = (["decoder bridge"], []) if recurrent else (["encoder output"], ["head"])
        return ["embeddings", *encoder, *between, *decoder, *last]
    tied = recurrent and head in ("AutoModel", "AutoModelForCausalLM")
    number = model.config.num_hidden_layers
    return ["embeddings", *layers(kinds, number), *([] if tied else ["head"])]


OURS = [p for p in PAIRS if isinstance(models.arms.load(p[0]), RecurrentArm | TransformerArm)]


@pytest.mark.parametrize(("name", "head"), OURS)
def test_total_and_from_input_to_output(name, head):
    model = build(name, head)
    assert list(assert_total(model)) == expected(models.arms.load(name), model, head)


def test_every_head_is_among_them():
    assert {head for _, head in OURS} == set(HEADS)


def test_both_directions_of_a_recurrence():
    groups = assert_total(build("gru", SHAPE.head, bidirectional=True))
    both = [
        f"layer {n} {kind}{way}"
        for n in (1, 2)
        for way in ("", " (backward)")
        for kind in RECURRENT
    ]
    assert list(groups) == ["embeddings", *both, "head"]
    assert groups["layer 1 biases (backward)"] == [
        "recurrent.layers.bias_ih_l0_reverse",
        "recurrent.layers.bias_hh_l0_reverse",
    ]


def test_attention_of_a_recurrent_decoder():
    groups = assert_total(build("rnn", "AutoModelForSeq2SeqLM", attention=True))
    assert [name.partition(".")[0] for name in groups["decoder attention"]] == ["attention"] * 4
    assert groups["head"] == ["readout.0.weight", "readout.0.bias"]
    assert list(groups)[-1] == "head"


def test_norms_belong_to_the_part_they_serve():
    bert = parameter_groups(build("transformer", "AutoModelForSequenceClassification"))
    gpt2 = parameter_groups(build("transformer", "AutoModelForCausalLM"))
    t5 = parameter_groups(build("transformer", "AutoModelForSeq2SeqLM"))
    assert "bert.encoder.layer.0.attention.output.LayerNorm.bias" in bert["layer 1 attention"]
    assert "bert.encoder.layer.0.output.LayerNorm.bias" in bert["layer 1 feed-forward"]
    assert "bert.embeddings.LayerNorm.bias" in bert["embeddings"]
    assert "bert.pooler.dense.bias" in bert["head"]
    assert "transformer.h.1.ln_1.bias" in gpt2["layer 2 attention"]
    assert "transformer.h.1.ln_2.bias" in gpt2["layer 2 feed-forward"]
    assert "transformer.ln_f.bias" in gpt2["head"]
    assert "encoder.block.1.layer.0.layer_norm.weight" in t5["encoder layer 2 attention"]
    assert "encoder.block.1.layer.1.layer_norm.weight" in t5["encoder layer 2 feed-forward"]
    assert t5["encoder output"] == ["encoder.final_layer_norm.weight"]
    table = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    assert table in t5["encoder layer 1 attention"], "a table, but not of the input"


@pytest.mark.parametrize("name", ARMS)
def test_projected_features_are_embeddings(name):
    model = build(name, "AutoModelForSequenceClassification")
    model.feature_projection = nn.Linear(3, 16, device="meta")
    groups = assert_total(model)
    assert groups["embeddings"][-2:] == ["feature_projection.weight", "feature_projection.bias"]


def test_what_is_frozen_is_in_no_group():
    model = build("transformer", "AutoModelForSequenceClassification")
    model.get_input_embeddings().weight.requires_grad_(False)
    names = [name for group in parameter_groups(model).values() for name in group]
    assert "bert.embeddings.word_embeddings.weight" not in names
    assert "bert.embeddings.position_embeddings.weight" in names


@pytest.mark.parametrize(
    ("model_type", "head", "second"),
    [
        ("llama", "AutoModelForCausalLM", "layer 1 attention"),
        ("gpt_neox", "AutoModelForCausalLM", "layer 1 attention"),
        ("opt", "AutoModelForCausalLM", "layer 1 attention"),
        ("bart", "AutoModelForSeq2SeqLM", "encoder layer 1 attention"),
        ("albert", "AutoModel", "layer 1 attention"),
        ("mamba", "AutoModelForCausalLM", "layer 1"),
        ("xlm", "AutoModel", "layer 1 attention"),
    ],
)
def test_a_checkpoint_of_another_family(model_type, head, second):
    model = on_meta(transformers.AutoConfig.for_model(model_type), head)
    groups = assert_total(model)
    assert list(groups)[:2] == ["embeddings", second]
    if model_type == "opt":  # made before the layers, run after them
        assert groups["head"] == [f"model.decoder.final_layer_norm.{n}" for n in ("weight", "bias")]


def test_an_architecture_that_nobody_foresaw():
    class Odd(transformers.PreTrainedModel):
        config_class = transformers.PreTrainedConfig

        def __init__(self):
            super().__init__(transformers.PreTrainedConfig())
            self.scale = nn.Parameter(torch.zeros(()))
            self.words = nn.Embedding(5, 2)
            self.parts = nn.ModuleList([nn.Sequential(nn.Linear(2, 2)), nn.Bilinear(2, 2, 2)])
            self.out = nn.Linear(2, 2)

    groups = assert_total(Odd())
    assert groups["layer 1"] == ["parts.0.0.weight", "parts.0.0.bias"]
    assert groups["layer 2"] == ["parts.1.weight", "parts.1.bias"]
    assert groups["head"] == ["out.weight", "out.bias"]
    assert "words.weight" in groups["embeddings"]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_layers_are_what_is_neither_table_nor_head(pair):
    model = build(*pair)
    groups, inside = parameter_groups(model), {id(p) for p in layer_parameters(model)}
    names = {name for name, weight in model.named_parameters() if id(weight) in inside}
    expected = {
        name
        for group, members in groups.items()
        for name in members
        if "layer" in group or group == "decoder attention"
    }
    assert names == expected
    assert 0 < len(names) < len(list(model.parameters()))
