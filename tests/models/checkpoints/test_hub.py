"""Checkpoints from a hub: the real client, real HTTP, a server on loopback."""

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from transformers import AutoTokenizer

import models.arms
from models.checkpoints import WEIGHTS, CheckpointError, find, word_embeddings
from tests.hub import Hub
from tests.models.checkpoints.shared import ARCHITECTURES, VOCAB, refusal, save_model, shape

#: Bytes, as shares of a file, and bits: the first, the last, and some between.
FLIPS = [(0.0, 0), (1.0, 7), *((random.Random(n).random(), n) for n in range(1, 7))]


def flipped(data, at, bit):
    """The bytes with one bit another."""
    spoiled = bytearray(data)
    spoiled[round(at * (len(data) - 1))] ^= 1 << bit
    return bytes(spoiled)


class TestWorks:
    @pytest.mark.parametrize("name", ARCHITECTURES)
    def test_loads_the_weights_that_were_saved(self, name, families, hub):
        model, files = families[name]
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

    def test_tokenizer_comes_along(self, families, hub):
        commit = hub.add("lab/bert", families["bert"][1])
        folder = find(f"lab/bert@{commit}").verify()
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        assert tokenizer("hello").input_ids == [101, 7592, 102]

    def test_shards(self, families, hub, tmp_path):
        model = families["bert"][0]
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

    def test_present_without_a_network(self, small, hub):
        small.verify()
        asked = len(hub.requests)
        hub.stop()
        assert small.state() == "present"
        assert small.verify() == small.path()
        assert len(hub.requests) == asked

    def test_state_before_and_after(self, small, hub):
        assert small.state() == "reachable"
        with pytest.raises(
            CheckpointError, match=r"Fetch it: python -P -m models\.checkpoints lab/"
        ):
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

    def test_whole_before_a_sweep(self, small, hub):
        """Whoever planned with the configuration has the weights when the network is gone."""
        small.verify("config.json")
        hub.stop()
        small.verify()


class TestRefuses:
    def test_cache_that_cannot_be_written(self, small, monkeypatch, tmp_path):
        (tmp_path / "file").touch()
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
        message = refusal(small)
        assert "cannot be written" in message
        assert "HF_HOME" in message

    def test_damaged_though_it_is_the_commits_file(self, families, hub):
        """What the hub itself holds is proven byte for byte, and may still be no safetensors."""
        config = families["bert"][1]["config.json"]
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
        message = refusal(small)
        assert WEIGHTS in message
        assert "Expected SHA-256" in message
        hub.spoil = None
        small.verify()

    @pytest.mark.parametrize("victim", ["config.json", WEIGHTS])
    def test_a_byte_flipped_under_way_is_refused(self, victim, small, hub):
        pointer = small.verify() / victim
        for at, bit in FLIPS:
            if pointer.exists():
                pointer.resolve().unlink()
                pointer.unlink()
            hub.spoil = lambda name, data, at=at, bit=bit: (
                flipped(data, at, bit) if name == victim else data
            )
            assert f": {victim} is not the file" in refusal(small)
            assert not pointer.exists()
        hub.spoil = None
        small.verify()

    @pytest.mark.parametrize("victim", ["config.json", WEIGHTS])
    def test_a_byte_flipped_in_the_cache_is_refused(self, victim, small):
        for at, bit in FLIPS:
            pointer = small.verify() / victim
            pointer.resolve().write_bytes(flipped(pointer.read_bytes(), at, bit))
            assert f": {victim} is not the file" in refusal(small)
            assert not pointer.exists()

    def test_pinned_hash_outweighs_the_hub(self, small):
        pinned = replace(small, sha256={WEIGHTS: "0" * 64})
        message = refusal(pinned)
        assert f"Expected SHA-256 {'0' * 64}" in message

    def test_only_a_bin(self, hub):
        commit = hub.add("lab/bin", {"config.json": b"{}", "pytorch_model.bin": b"\x80"})
        message = refusal(find(f"lab/bin@{commit}"))
        assert "only pytorch_model.bin, which can run code" in message
        assert find(f"lab/bin@{commit}").state() == "unsafe"
        assert not hub.asked("/resolve/")

    @pytest.mark.parametrize("where", ["config.json", "tokenizer_config.json"])
    def test_code_of_its_own_is_not_even_fetched(self, where, families, hub, tmp_path):
        canary = tmp_path / "canary"
        files = dict(families["bert"][1])
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


def test_from_the_environment_alone(families, tmp_path):
    """HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE, in processes of their own, as users set them."""
    code = (
        "import sys; from models.checkpoints import find; c = find(sys.argv[1]);"
        "print(c.state()); c.verify(); print(c.state()); assert 'torch' not in sys.modules"
    )
    with Hub() as hub:
        name = f"lab/gpt2@{hub.add('lab/gpt2', families['gpt2'][1])}"
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
