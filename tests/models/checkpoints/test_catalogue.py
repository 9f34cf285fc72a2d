"""Checkpoints by name, and what is said of names that are none."""

import re
import subprocess
import sys

import pytest

from models.arms import HEADS
from models.checkpoints import CATALOGUE, WEIGHTS, CheckpointError, find


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
