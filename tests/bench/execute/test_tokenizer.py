"""The corpus is read through one tokenizer; ids of another would be other tokens."""

import json
import shutil

import pytest
from transformers import AutoTokenizer

from bench.execute.tokenizer import refuse_tokenizer
from models.checkpoints import MINILM, CheckpointError

TOKENIZER = "tokenizer.json"


class TestTokenizer:
    @pytest.fixture
    def folder(self, saved, tmp_path):
        return shutil.copytree(saved, tmp_path / "own")

    def spoil(self, folder, change):
        fields = json.loads((folder / TOKENIZER).read_text())
        change(fields)
        (folder / TOKENIZER).write_text(json.dumps(fields))

    def test_the_same_however_saved(self, folder):
        refuse_tokenizer(MINILM.name)
        refuse_tokenizer(str(folder))
        self.spoil(folder, lambda fields: fields.update(truncation=None, padding=None))
        refuse_tokenizer(str(folder))
        AutoTokenizer.from_pretrained(MINILM.path()).save_pretrained(folder)
        refuse_tokenizer(str(folder))

    def test_another_is_refused(self, folder):
        for change in (
            lambda fields: fields["normalizer"].update(lowercase=False),
            lambda fields: fields["model"]["vocab"].update(the=1997, of=1996),
        ):
            self.spoil(folder, change)
            with pytest.raises(CheckpointError, match=f"{folder}: .*whose ids mean other tokens"):
                refuse_tokenizer(str(folder))
            shutil.copy(MINILM.path() / TOKENIZER, folder)

    def test_none_or_a_damaged_one_says_what_to_do(self, folder):
        for text in ("", "{}", "[1]", None):
            (folder / TOKENIZER).write_text(text or "")
            if text is None:
                (folder / TOKENIZER).unlink()
            with pytest.raises(CheckpointError, match=r"tokenizer\.save_pretrained"):
                refuse_tokenizer(str(folder))
