"""Checkpoints of any architecture: what they cost, where they end, and whose weights they have."""

import json

import pytest
import torch

from models import arms
from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.checkpoints import CheckpointError, find, heads, tokenizer
from models.cost import count_flops
from models.heads import HEADS, example

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
    assert heads.of(find(folders(name))) == tuple(served), "as it is listed"


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


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_a_decoder_keeps_keys_and_values_of_both_its_texts(folders, name):
    """Two layers, keys and values of 96: of every token of the source and of the target."""
    cost = arms.load("pretrained").cost(configured(folders(name), SEQ2SEQ), SEQ2SEQ)
    assert cost.state_bytes(10, 5, itemsize=1) == 2 * 2 * 96 * (10 + 5)


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
