"""Checkpoints of any architecture: what they cost, where they end, and whose weights they have."""

import json
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig

from bench.data import marks
from models import arms, transformer_cost
from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.checkpoints import CheckpointError, architectures, find, tokenizer
from models.cost import count_flops, count_parameters
from models.heads import HEADS, example, input_embeddings, on_meta

from ...architectures import ARCHITECTURES, OFFSET, save
from ..small import shape

TEXT = [head for head in HEADS if head != IMAGE_TEXT]


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Architecture -> its folder, made when it is first asked for."""
    made = {}

    def folder(name):
        if name not in made:
            made[name] = save(name, tmp_path_factory.mktemp("checkpoints") / name)
        return str(made[name])

    return folder


def configured(folder, head):
    """The arm's configuration, None where the architecture has no such head."""
    try:
        return arms.load("pretrained").config(shape(head, folder))
    except arms.HeadError:
        return None


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_head_costs_what_pytorch_counts_and_has_the_folder_s_weights(folders, name):
    arm, served = arms.load("pretrained"), []
    saved = HEADS["AutoModel"].from_pretrained(folders(name)).state_dict()
    for head in TEXT:
        config = configured(folders(name), head)
        if config is None:
            continue
        served.append(head)
        model = arm.build(config, head, 0, "eager").eval()
        row = example(config, head, rows=1, length=21, target_length=13)
        if (end := config.get_text_config().eos_token_id) is not None:
            row["input_ids"][:, -1] = end
        row = row if head == SEQ2SEQ else {"input_ids": row["input_ids"]}
        says = arm.cost(config, head).forward_flops(21, 13)
        assert says == count_flops(model, row, training=False), head
        body = model.base_model.state_dict()
        assert body.keys() & saved.keys(), head
        for key in body.keys() & saved.keys():
            assert torch.equal(body[key], saved[key]), (head, key)
    causal = name in ("gpt2", "qwen2", "llama")
    assert ("AutoModelForCausalLM" in served) == causal
    assert (SEQ2SEQ in served) == (name in ("t5", "bart"))
    alone = name not in ("t5", "bart")
    assert ("AutoModel" in served) == alone
    assert ("AutoModelForSequenceClassification" in served) == alone
    assert "AutoModelForQuestionAnswering" in served
    assert architectures.heads(find(folders(name))) == tuple(served), "as it is listed"
    fused = architectures.has_fused_attention(find(folders(name)))
    assert fused == model._supports_sdpa == (name != "mpnet")


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "t5"])
def test_the_longest_row_can_be_read_and_no_longer_one(folders, name):
    head = SEQ2SEQ if name == "bart" else "AutoModelForSequenceClassification"
    arm, config = arms.load("pretrained"), configured(folders(name), head)
    assert arm.max_length(config) == 128
    if name not in OFFSET:
        return
    model = arm.build(config, head, 0, "eager")
    ids = torch.full((1, 129), 5)
    model(input_ids=ids[:, :128])
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=ids)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in ("t5", "bart")])
def test_a_classifier_reads_where_it_is_said_to_and_no_mark_for_padding(folders, name):
    """Rows begin and end with the same mark, as GPT-2's do; no token of theirs is padding."""
    head = "AutoModelForSequenceClassification"
    arm, folder = arms.load("pretrained"), find(folders(name))
    place, _ = tokenizer(folder)
    framed = marks.read(place, Tokenizer.from_file(str(place / "tokenizer.json")))
    asked = replace(shape(head, folders(name)), pad_token_id=framed.pad, eos_token_id=framed.end)
    config = arm.config(replace(asked, vocab_size=framed.size))
    model, states = arm.build(config, head, 0, "eager").eval(), []
    model.base_model.register_forward_hook(lambda *args: states.append(args[2].last_hidden_state))
    ids = torch.randint(5, framed.size, (2, 12), generator=torch.Generator().manual_seed(0))
    ids[:, 0] = ids[:, 7] = ids[:, -1] = framed.end
    for fed in ({"input_ids": ids}, {"inputs_embeds": input_embeddings(model)(ids)}):
        logits = model(**fed).logits
        (gradient,) = torch.autograd.grad(logits.square().sum(), states.pop())
        read = gradient.abs().sum(dim=(0, 2)).nonzero().flatten().tolist()
        assert read == [arm.loss_position(12, head, config)], list(fed)
    padded = torch.cat([ids, torch.full((2, 3), framed.pad)], dim=1)
    mask = (torch.arange(15) < 12).long().expand(2, -1)
    with torch.no_grad():  # of padding nothing is read, whatever the tokenizer calls it
        again = model(input_ids=padded, attention_mask=mask).logits
    torch.testing.assert_close(again, logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "fields", "position"),
    [
        ("modernbert", {"classifier_pooling": "cls"}, 0),
        ("modernbert", {"classifier_pooling": "mean"}, None),
        ("gpt2", {"summary_type": "cls_index"}, 11),  # of another head
        ("bert", {"is_decoder": True}, 0),
    ],
)
def test_a_configuration_says_what_a_classifier_reads(folders, name, fields, position):
    head = "AutoModelForSequenceClassification"
    config = configured(folders(name), head)
    config.update(fields)
    assert arms.load("pretrained").loss_position(12, head, config) == position


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_last_layer_of_its_own_is_kept_and_counted(tmp_path, name, tied):
    head = "AutoModelForCausalLM"
    folder = save(name, tmp_path / name, tie_word_embeddings=tied)
    arm, config = arms.load("pretrained"), configured(str(folder), head)
    model, saved = arm.build(config, head, 0, "eager"), HEADS[head].from_pretrained(folder)
    table, last = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    assert (table is last) == tied
    assert torch.equal(last, saved.get_output_embeddings().weight)
    cost = arm.cost(config, head)
    assert cost.parameters.total == sum(weight.numel() for weight in model.parameters())
    row = {"input_ids": example(config, head, rows=1, length=9)["input_ids"]}
    assert cost.forward_flops(9) == count_flops(model.eval(), row, training=False)


def test_a_mark_is_the_same_as_text_and_as_an_object(tmp_path):
    folder = save("t5", tmp_path / "t5")
    _, digest = tokenizer(find(str(folder)))
    for file, text in [
        ("tokenizer_config.json", {"eos_token": {"content": "</s>", "lstrip": False}}),
        ("special_tokens_map.json", {"pad_token": {"content": "<pad>"}, "cls_token": None}),
    ]:
        path = folder / file
        said = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps(said | text))
        assert tokenizer(find(str(folder)))[1] == digest
    path.write_text(json.dumps({"pad_token": "<unk>"}))
    assert tokenizer(find(str(folder)))[1] != digest


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_a_decoder_keeps_keys_and_values_of_both_its_texts(folders, name):
    """Two layers, keys and values of 96: of every token of the source and of the target."""
    cost = arms.load("pretrained").cost(configured(folders(name), SEQ2SEQ), SEQ2SEQ)
    assert cost.state_bytes(10, 5, itemsize=1) == 2 * 2 * 96 * (10 + 5)


SMALL = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 60000,
}  # fmt: skip
WITH_HEADS = SMALL | {"num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 64}


@pytest.mark.parametrize(
    ("name", "fields", "kept"),
    [
        ("falcon", SMALL | {"multi_query": True}, 2 * 2 * 16),
        # Of two heads, which transformers repeats for all before it keeps them.
        ("falcon", SMALL | {"num_kv_heads": 2, "new_decoder_architecture": True}, 2 * 2 * 64),
        ("falcon", SMALL | {"multi_query": False}, 2 * 2 * 64),
        ("gemma3", {"text_config": WITH_HEADS}, 2 * 2 * 64),
        ("gpt_bigcode", {"n_embd": 64, "n_layer": 2, "n_head": 4}, 2 * 2 * 16),
        ("bloom", {"hidden_size": 64, "n_layer": 2, "n_head": 4, "vocab_size": 100}, 2 * 2 * 64),
    ],
)
def test_a_decoder_keeps_what_its_cache_holds(name, fields, kept):
    head = "AutoModelForCausalLM"
    config = AutoConfig.for_model(name, **fields)
    cost = transformer_cost.of(config, head, count_parameters(on_meta(config, head)))
    assert cost.state_bytes(10, itemsize=1) == 10 * kept
    with torch.device("meta"):
        cache = on_meta(config, head)(input_ids=torch.zeros(1, 10).long()).past_key_values
    assert 10 * kept == sum(n.keys.numel() + n.values.numel() for n in cache.layers)


def test_what_keeps_a_state_cannot_be_counted_as_attention():
    config = AutoConfig.for_model("mamba", hidden_size=64, num_hidden_layers=2, vocab_size=100)
    with pytest.raises(ValueError, match="mamba: expected"):
        transformer_cost.counted(config, "AutoModelForCausalLM", None)


@pytest.mark.parametrize(
    ("name", "fields", "limit"),
    [
        ("xlnet", {"vocab_size": 100, "d_model": 8, "n_layer": 1, "n_head": 2, "d_inner": 8}, None),
        ("mpt", {"vocab_size": 100, "d_model": 8, "n_layers": 1, "n_heads": 2, "max_seq_len": 64},
         64),
    ],
)  # fmt: skip
def test_positions_under_other_names(name, fields, limit):
    assert arms.load("pretrained").max_length(AutoConfig.for_model(name, **fields)) == limit


@pytest.mark.parametrize(
    ("name", "head"), [("bert", "AutoModel"), ("llama", "AutoModelForQuestionAnswering")]
)
def test_a_layer_that_is_not_in_the_folder_is_a_hole(tmp_path, name, head):
    folder = save(name, tmp_path / name)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    arm = arms.load("pretrained")
    with pytest.raises(CheckpointError, match="Got none of the right shape for"):
        arm.build(configured(str(folder), head), head, 0, "eager")


def test_the_same_tokenizer_is_the_same_however_it_was_saved(folders):
    """A corpus is tokenised once for both."""
    one, other = (tokenizer(find(folders(name))) for name in ("roberta", "gpt2"))
    assert one[1] == other[1]
    assert one[1] != tokenizer(find(folders("bert")))[1]
