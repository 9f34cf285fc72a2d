"""The corpus, and the contract of a task over whatever is registered."""

import ast
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from bench import registry, tasks
from bench.tasks import LengthError
from bench.tasks import corpus as library
from models.checkpoints import MINILM

SPLITS = tuple(library.SPLITS)


class TestCorpus:
    def test_is_the_library_of_this_interpreter(self, corpus):
        root = Path(sysconfig.get_path("stdlib"))
        assert len(corpus.path) > 500
        assert all((root / path).is_file() for path in corpus.path)
        assert set(corpus.package) <= set(sys.stdlib_module_names)

    def test_no_file_in_two_splits_and_shares_are_kept(self, corpus):
        assert len(set(corpus.path)) == len(corpus.path)
        for package in ("asyncio", "email"):
            sizes = {s: corpus.sizes[corpus.files(s, package)].sum() for s in SPLITS}
            share = sizes["train"] / sum(sizes.values())
            assert share == pytest.approx(library.SPLITS["train"], abs=0.1)

    def test_tokens_are_the_checkpoints_own(self, corpus):
        tokenizer = AutoTokenizer.from_pretrained(MINILM.path(), local_files_only=True)
        file = corpus.path.index("json/decoder.py")
        text = (Path(sysconfig.get_path("stdlib")) / "json/decoder.py").read_text()
        expected = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        start, stop = corpus.offsets[file : file + 2]
        assert corpus.tokens[start:stop].tolist() == expected

    def test_nothing_of_this_machine_is_in_it(self, corpus):
        assert not [path for path in corpus.path if path.startswith("_sysconfigdata")]

    def test_fingerprint_is_stable(self, corpus):
        assert library.fingerprint() == corpus.hash


@pytest.fixture(params=registry.tasks())
def name(request):
    return request.param


class TestEveryTask:
    def test_says_what_it_is(self, name):
        entry = registry.tasks()[name]
        assert entry.summary
        assert {"HEAD", "METRIC", "FLOOR", "LENGTHS", "LABELS", "EXPECTED"} <= set(entry.literals)

    def test_first_rows_do_not_depend_on_the_count(self, name, corpus):
        task = tasks.load(name)
        few, many = (task.rows(corpus, "train", 32, count, seed=3) for count in (8, 40))
        assert np.array_equal(few.input_ids, many.input_ids[:8])
        assert np.array_equal(few.labels, many.labels[:8])

    def test_seeds_splits_and_lengths_differ(self, name, corpus):
        task = tasks.load(name)
        base = task.rows(corpus, "train", 32, 8, seed=0).input_ids
        assert not np.array_equal(base, task.rows(corpus, "train", 32, 8, seed=1).input_ids)
        assert not np.array_equal(base, task.rows(corpus, "test", 32, 8, seed=0).input_ids)

    def test_floor_is_what_guessing_scores(self, name, corpus):
        task = tasks.load(name)
        labels = task.rows(corpus, "test", 32, 800, seed=0).labels
        most = np.bincount(labels, minlength=len(task.LABELS)).max() / len(labels)
        assert most == pytest.approx(task.FLOOR)

    def test_longest_length_exists_and_beyond_it_says_so(self, name, corpus):
        task = tasks.load(name)
        for split in SPLITS:
            assert task.rows(corpus, split, task.LENGTHS[1], 8, seed=0).input_ids.shape[0] == 8
        with pytest.raises(LengthError, match="its longest is"):
            task.rows(corpus, "test", 100_000, 8, seed=0)


class TestPackage:
    def test_row_of_the_docstring_is_true(self, corpus):
        task = tasks.load("package")
        tokenizer = AutoTokenizer.from_pretrained(MINILM.path(), local_files_only=True)
        document = ast.get_docstring(ast.parse(Path(task.__file__).read_text()))
        shown, label = (
            line.split(maxsplit=1)[1]
            for line in document.splitlines()
            if line.strip().startswith(("input_ids", "label"))
        )
        tokens = shown.split()
        assert (tokens[0], tokens[-1], len(tokens)) == ("[CLS]", "[SEP]", 16)
        ids = tokenizer.convert_tokens_to_ids(tokens[1:-1])
        window = np.asarray(ids, dtype=corpus.tokens.dtype).tobytes()
        files = [f for split in SPLITS for f in corpus.files(split, label)]
        assert any(
            window in corpus.tokens[slice(*corpus.offsets[f : f + 2])].tobytes() for f in files
        )

    def test_windows_come_from_files_of_their_label_and_split(self, corpus):
        task = tasks.load("package")
        rows = task.rows(corpus, "validation", 32, 64, seed=0)
        for ids, label in zip(rows.input_ids, rows.labels, strict=True):
            assert (ids[0], ids[-1]) == (corpus.cls_id, corpus.sep_id)
            window = np.asarray(ids[1:-1], dtype=corpus.tokens.dtype).tobytes()
            files = corpus.files("validation", task.LABELS[label])
            texts = [corpus.tokens[slice(*corpus.offsets[f : f + 2])].tobytes() for f in files]
            assert any(window in text for text in texts)
