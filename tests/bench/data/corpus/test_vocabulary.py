"""The corpus's own tokenizer, and the corpus that is read through it."""

import ast
import hashlib
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from bench import tasks
from bench.data.contract import CORPUS, IGNORED, SPLITS
from bench.data.corpus import labels, library, vocabulary

ROOT = Path(sysconfig.get_path("stdlib"))
PYTHON = 'def get(self, key, x=None):\n        """Say."""\n    # café --\n    return self._π[\'K\']'

TRAIN = """
import hashlib
from bench.data.corpus import library, vocabulary

texts = [source.text for source in library.read()[0] if source.split == "train"]
print(hashlib.sha256(vocabulary.train(texts[:60]).to_str().encode()).hexdigest())
"""


def text_of(corpus, n):
    return (ROOT / corpus.path[n]).read_text(encoding="utf-8")


class TestTokenizer:
    def test_is_the_same_in_every_process(self):
        found = {
            subprocess.run(
                [sys.executable, "-c", TRAIN],
                check=True, capture_output=True, text=True,
                env={"PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": threads},
            ).stdout
            for seed, threads in (("1", "1"), ("2", "2"))
        }  # fmt: skip
        assert len(found) == 1

    def test_hugging_face_reads_it(self, own_corpus):
        theirs = AutoTokenizer.from_pretrained(own_corpus.tokenizer.parent)
        assert isinstance(theirs, PreTrainedTokenizerFast)
        assert len(theirs) == vocabulary.SIZE == own_corpus.vocab_size
        marks = theirs.pad_token_id, theirs.cls_token_id, theirs.sep_token_id
        assert marks == (own_corpus.pad_id, own_corpus.cls_id, own_corpus.sep_id) == (0, 1, 2)
        ids = theirs(PYTHON)["input_ids"]
        assert ids == [1, *own_corpus.encode(PYTHON), 2]

    def test_what_is_kept_says_which_it_is(self, own_corpus):
        made = hashlib.sha256(own_corpus.tokenizer.read_bytes()).hexdigest()
        assert (own_corpus.tokenizer_name, own_corpus.tokenizer_digest) == (CORPUS, made)

    def test_text_comes_back_as_it_was(self, own_corpus):
        assert own_corpus.decode(own_corpus.encode(PYTHON)) == PYTHON
        assert len(own_corpus.encode("🐍")) > 1  # in bytes, and not unknown
        assert own_corpus.decode(own_corpus.encode("🐍")) == "🐍"

    def test_no_token_reaches_over_what_python_tells_apart(self, own_corpus):
        tokens = own_corpus.symbols(own_corpus.encode("x = f('a') and g[n]==y2"))
        assert "".join(tokens).replace("Ġ", " ") == "x = f('a') and g[n]==y2"
        assert {"Ġ=", "Ġf", "(", "'", "a", ")", "[", "]", "=="} <= set(tokens)

    def test_is_trained_on_the_training_split_alone(self, own_corpus, tmp_path, monkeypatch):
        sources, *rest = library.read()
        changed = [
            source
            if source.split == "train"
            else library.Source(**vars(source) | {"text": "zq " * 9})
            for source in sources
        ]
        monkeypatch.setattr(library, "read", lambda: (changed, *rest))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        file = vocabulary.folder(own_corpus.hash) / vocabulary.FILE
        assert file.read_bytes() == own_corpus.tokenizer.read_bytes()

    def test_a_cache_that_cannot_be_written_is_said_by_its_name(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        monkeypatch.setattr(vocabulary, "train", lambda texts: vocabulary_of_few())
        with pytest.raises(library.CorpusError, match="set XDG_CACHE_HOME"):
            vocabulary.folder("0")


def vocabulary_of_few(train=vocabulary.train):
    return train(["x = 1\n"], size=300)


class TestCorpus:
    def test_a_document_is_its_file(self, own_corpus):
        n = own_corpus.files("train", "json")[0]
        tokens = own_corpus.tokens[own_corpus.offsets[n] : own_corpus.offsets[n + 1] - 1]
        assert own_corpus.decode(tokens) == text_of(own_corpus, n)

    def test_tokens_have_the_role_of_their_word_and_white_space_none(self, own_corpus):
        n = own_corpus.files("train", "json")[0]
        here = slice(own_corpus.offsets[n], own_corpus.offsets[n + 1] - 1)
        roles, seen = own_corpus.roles[here], {}
        for token, role in zip(own_corpus.symbols(own_corpus.tokens[here]), roles, strict=True):
            seen.setdefault(token.strip("Ġ"), set()).add(labels.ROLES[role] if role >= 0 else None)
            assert (role == IGNORED) == (not token.strip("ĠĊĉ")), token
        prose = {"comment", "docstring", "string"}
        assert seen["def"] - prose == seen["return"] - prose == {"keyword"}
        assert {"function", "parameter", "call"} <= set().union(*seen.values())
        assert seen["("] - prose == {"operator"}

    def test_answers_are_what_the_parser_says(self, own_corpus):
        """Read back as text, of a hundred questions those of one line."""
        asked, checked = own_corpus.questions, 0
        for n in np.linspace(0, len(asked.file) - 1, 100).astype(int):
            answer = own_corpus.decode(own_corpus.tokens[asked.start[n] : asked.stop[n]]).strip()
            if "\n" not in answer and not answer.endswith(","):
                ast.parse(answer, mode="eval")
                checked += 1
        assert checked > 80

    def test_code_is_the_sources_without_docstrings(self, own_corpus):
        n = own_corpus.path.index("json/decoder.py")
        code = own_corpus.decode(own_corpus.code[slice(*own_corpus.code_offsets[n : n + 2])][:-1])
        tree = ast.parse(text_of(own_corpus, n))
        documented = ast.Module | ast.ClassDef | ast.FunctionDef
        lines = [ast.get_docstring(d) for d in ast.walk(tree) if isinstance(d, documented)]
        assert any(lines)
        assert not [line for line in filter(None, lines) if line.partition("\n")[0] in code]
        assert "def raw_decode" in code

    def test_functions_begin_where_they_are_defined(self, own_corpus):
        first = own_corpus.code[own_corpus.functions.start]
        assert {s.strip("Ġ") for s in own_corpus.symbols(np.unique(first))} == {"def", "async"}

    @pytest.mark.parametrize(
        "name", ["answers", "docstring", "language", "package", "roles", "search"]
    )
    def test_every_task_has_windows_of_every_length(self, name, own_corpus):
        for length in tasks.load(name).LENGTHS:
            for split in SPLITS:
                rows = tasks.draw(name, own_corpus, split, length, 4, seed=0)
                assert rows["input_ids"].shape == (4, length)
                assert rows["input_ids"].max() < vocabulary.SIZE

    def test_the_floor_of_a_language_is_its_tokenizers(self, own_corpus):
        counts = []
        for split in ("train", "test"):
            tokens = own_corpus.tokens[slice(*own_corpus.stretch(split))]
            counts.append(np.bincount(tokens[tokens != own_corpus.sep_id], minlength=4096))
        train, test = counts
        bits = -np.log2((train + 1) / (train + 1).sum()) @ test / test.sum()
        floor = tasks.floor(tasks.load("language"), 64, tokenizer=CORPUS)
        assert bits * own_corpus.tokens_per_byte == pytest.approx(floor, rel=0.02)

    def test_digits_have_their_captions(self, own_corpus):
        data = tasks.open_data("digits", "offline", own_corpus.hash, CORPUS)
        seven = [i for i in data.captions[7].tolist() if i not in (0, 1, 2)]
        assert own_corpus.decode(seven) == "a handwritten seven"
        assert data.vocab_size == vocabulary.SIZE
