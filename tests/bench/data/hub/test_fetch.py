"""Fetching a data set: once, proven, and refused in words where the hub or the cache fails."""

import os
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from huggingface_hub import constants

from bench import tasks
from bench.data.hub.catalogue import CATALOGUE, find
from bench.data.hub.fetch import DataUnavailable
from bench.data.hub.task import HubTask
from models.checkpoints import MINILM
from models.checkpoints import client as hub_client

from ....hub import Hub
from . import sets
from .served import open_set, refusal, serve
from .sets import SETS, parquet

TOKEN = "hf_canaryCANARYcanaryCANARYcanary"


class TestFetching:
    def test_fetched_once_then_offline(self, hub):
        name = serve(hub, "imdb")
        first = open_set(name)
        asked = {r.path.rpartition("/")[2] for r in hub.asked("/resolve/")}
        assert asked == {"train-00000-of-00002.parquet", "train-00001-of-00002.parquet",
                         "test-00000-of-00001.parquet"}  # fmt: skip
        count = len(hub.requests)
        hub.stop()
        again = open_set(name)
        assert len(hub.requests) == count
        for split in tasks.SPLITS:
            assert np.array_equal(
                first.splits[split]["text"].flat, again.splits[split]["text"].flat
            )

    def test_tokenized_anew_from_the_cached_files(self, hub, tmp_path):
        name = serve(hub, "imdb")
        folder = open_set(name).folder
        hub.stop()
        (folder / "table.json").unlink()
        assert open_set(name).folder == folder

    def test_a_damaged_cache_is_made_again(self, hub):
        name = serve(hub, "imdb")
        table = open_set(name)
        expected = table.splits["train"]["text"].flat.copy()
        path = table.folder / "train.arrow"
        whole = path.read_bytes()
        for damaged in (whole[: len(whole) // 2], b"", whole[:100]):
            path.unlink()
            path.write_bytes(damaged)
            assert np.array_equal(open_set(name).splits["train"]["text"].flat, expected)

    def test_a_cache_of_another_commit_is_not_taken_for_it(self, hub, clock):
        open_set(serve(hub, "imdb"))
        hub.stop()
        message = refusal("imdb@" + "a" * 40)
        assert "does not give" in message
        assert 0 < clock.now < hub_client.DEADLINE_SEC

    def test_another_commit_is_other_data(self, hub):
        old, new = serve(hub, "sst2"), SETS["sst2"]()
        open_set(old)
        features = {
            "sentence": sets.TEXT,
            "label": sets.ClassLabel(names=["negative", "positive"]),
        }
        new["data/validation-00000-of-00001.parquet"] = parquet(
            features, {"sentence": ["newer"], "label": [1]}
        )
        table = open_set(serve(hub, "sst2", new))
        assert len(table.splits["test"]) == 1

    def test_the_hub_answers_for_another_commit(self, hub):
        name = serve(hub, "imdb")
        hub.lie = "f" * 40
        message = refusal(name)
        assert f"expected commit {name.partition('@')[2]}" in message
        assert f"Got {'f' * 40}" in message

    def test_no_commit_is_known(self):
        entry = replace(CATALOGUE["wmt16"], revision=None)
        with pytest.raises(DataUnavailable, match="no confirmed commit of wmt/wmt16 is known; give "
                           "one: wmt16@<40 hex digits>"):  # fmt: skip
            HubTask(entry).open(MINILM.path())

    def test_down(self, hub, clock):
        name = serve(hub, "imdb")
        hub.stop()
        message = refusal(name)
        assert 0 < clock.now < hub_client.DEADLINE_SEC
        assert "stanfordnlp/imdb is not here (whole)" in message
        assert "or use the offline data" in message

    def test_offline_without_a_cache(self, hub, clock, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        message = refusal(serve(hub, "imdb"))
        assert clock.now == 0
        assert "HF_HUB_OFFLINE is set" in message
        assert not hub.requests

    @pytest.mark.parametrize("status", [401, 403])
    def test_gated(self, status, hub):
        name = serve(hub, "imdb")
        hub.gated = status
        message = refusal(name)
        assert f"HTTP {status}" in message
        assert "HF_TOKEN" in message
        assert "choose other data" in message
        assert len(hub.asked("/resolve/")) == 1

    def test_missing(self, hub):
        name = serve(hub, "imdb")
        hub.repos["datasets/stanfordnlp/imdb"] = {"0" * 40: {}}
        message = refusal(name)
        assert "has no stanfordnlp/imdb at commit" in message
        assert len(hub.requests) == 1

    def test_no_such_repository(self, hub):
        message = refusal("imdb@" + "a" * 40)
        assert "does not exist" in message

    def test_a_split_is_missing(self, hub):
        files = SETS["imdb"]()
        del files["plain_text/test-00000-of-00001.parquet"]
        message = refusal(serve(hub, "imdb", files))
        assert "expected plain_text/test-*.parquet" in message
        assert "Got plain_text/train-00000-of-00002.parquet" in message
        assert not hub.asked("/resolve/")

    def test_bytes_flipped_under_way(self, hub):
        name = serve(hub, "imdb")
        victim = "test-00000-of-00001.parquet"

        def flip(file, sent):
            place = len(sent) // 2
            return sent[:place] + bytes([sent[place] ^ 1]) + sent[place + 1 :]

        hub.spoil = lambda file, sent: flip(file, sent) if file.endswith(victim) else sent
        message = refusal(name)
        assert f"plain_text/{victim} is not the file of commit" in message
        assert "Expected SHA-256" in message
        hub.spoil = None
        open_set(name)

    def test_bytes_flipped_in_the_cache(self, hub, tmp_path):
        name = serve(hub, "imdb")
        (open_set(name).folder / "table.json").unlink()
        (file,) = (tmp_path / "hub").glob("*/snapshots/*/plain_text/test-*.parquet")
        spoiled = bytearray(file.read_bytes())
        spoiled[20] ^= 1
        file.resolve().write_bytes(spoiled)
        message = refusal(name)
        assert "test-00000-of-00001.parquet is not the file of commit" in message
        open_set(name)

    def test_a_hash_known_beforehand_outweighs_the_hub(self, hub):
        """The catalogue's commit, served with other bytes by a hub that lists them as its own."""
        entry = CATALOGUE["sst2"]
        hub.add(f"datasets/{entry.repo}", SETS["sst2"](), entry.revision)
        message = refusal("sst2")
        assert f"Expected SHA-256 {entry.sha256['data/train-00000-of-00001.parquet']}" in message

    def test_a_disk_without_room_for_pixels(self, hub):
        task = HubTask(find(serve(hub, "flickr8k")))
        table = task.open(MINILM.path())
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # two squares take 6,144
        try:
            with pytest.raises(DataUnavailable, match="File too large"):
                tasks.draw(task, table, "test", 32 * 32, 1, 0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert not list(table.folder.glob("*.part"))
        tasks.draw(task, table, "test", 32 * 32, 1, 0)

    def test_a_cache_that_cannot_be_written(self, hub, monkeypatch, tmp_path):
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        message = refusal(serve(hub, "imdb"))
        assert "cannot be written" in message
        assert "XDG_CACHE_HOME" in message

    def test_nothing_half_made_is_left(self, hub, tmp_path):
        files = SETS["imdb"]() | {"plain_text/test-00000-of-00001.parquet": b"PAR1 no more"}
        refusal(serve(hub, "imdb", files))
        assert not list((tmp_path / "cache" / "rnn-vs-transformer").iterdir())

    def test_no_token_in_any_message(self, hub, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(hub_client, "_PAUSES_SEC", ())
        name, messages = serve(hub, "imdb"), []
        for fault, value in [("always", 401), ("always", 404), ("always", 500), ("gated", 403),
                             ("lie", "f" * 40)]:  # fmt: skip
            before = getattr(hub, fault)
            setattr(hub, fault, value)
            messages.append(refusal(name))
            setattr(hub, fault, before)
        hub.requests.clear()
        open_set(name)
        keys = {cdn: {r.headers.get("authorization") for r in hub.requests if r.cdn is cdn}
                for cdn in (False, True)}  # fmt: skip
        assert keys == {False: {f"Bearer {TOKEN}"}, True: {None}}
        assert not [message for message in messages if TOKEN in message]


def test_from_the_environment_alone(tmp_path):
    """Fetched in one process, read in another without a network, as users set it."""
    code = (
        "import sys\nfrom bench.data.hub import fetch, task\n"
        "from models.checkpoints import MINILM\n"
        "try: print(len(task.task(sys.argv[1]).open(MINILM.path()).splits['test']))\n"
        "except fetch.DataUnavailable as error: print(error)\n"
    )
    with Hub() as server:
        name = serve(server, "wmt16")
        env = os.environ | {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path),
                            "XDG_CACHE_HOME": str(tmp_path / "cache")}  # fmt: skip
        said = [
            subprocess.run([sys.executable, "-c", code, name], env=env | more, text=True,
                           capture_output=True, timeout=120).stdout
            for more in ({"HF_HUB_OFFLINE": "1"}, {}, {"HF_HUB_OFFLINE": "1"})
        ]  # fmt: skip
    assert "HF_HUB_OFFLINE is set" in said[0]
    assert said[1:] == ["2\n", "2\n"]
