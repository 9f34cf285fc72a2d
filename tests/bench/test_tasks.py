"""The corpus, and the contract of a task over whatever is registered."""

import ast
import sys
import sysconfig
from collections import Counter
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
        few, many = (tasks.draw(task, corpus, "train", 32, count, seed=3) for count in (8, 40))
        assert few.keys() == many.keys()
        for array in few:
            assert np.array_equal(few[array], many[array][:8])

    def test_seeds_splits_and_lengths_differ(self, name, corpus):
        task = tasks.load(name)
        base = tasks.draw(task, corpus, "train", 32, 8, seed=0)["input_ids"]
        for split, seed in (("train", 1), ("test", 0)):
            other = tasks.draw(task, corpus, split, 32, 8, seed)["input_ids"]
            assert not np.array_equal(base, other)

    def test_a_row_is_the_same_whatever_is_drawn_beside_it(self, name, corpus):
        task = tasks.load(name)
        first = tasks.BLOCK - 3
        across = tasks.draw(task, corpus, "train", 32, 6, seed=0, first=first)
        for n in range(6):
            alone = tasks.draw(task, corpus, "train", 32, 1, seed=0, first=first + n)
            for array in across:
                assert np.array_equal(alone[array][0], across[array][n])

    def test_labels_are_what_the_head_takes(self, name, corpus):
        task = tasks.load(name)
        rows = tasks.draw(task, corpus, "test", 32, 5, seed=0)
        assert rows["input_ids"].shape == (5, 32)
        assert rows["input_ids"].dtype == rows["labels"].dtype == np.int64
        assert 0 <= rows["input_ids"].min() <= rows["input_ids"].max() < corpus.vocab_size
        assert corpus.pad_id not in rows["input_ids"]
        length = {
            "AutoModelForSequenceClassification": (),
            "AutoModelForCausalLM": (32,),
            "AutoModelForSeq2SeqLM": (getattr(task, "TARGET_LENGTH", None),),
        }[task.HEAD]
        assert rows["labels"].shape == (5, *length)
        assert rows["labels"].max() < (len(task.LABELS) or corpus.vocab_size)

    def test_longest_length_exists_and_beyond_it_says_so(self, name, corpus):
        task = tasks.load(name)
        for split in SPLITS:
            assert tasks.size(tasks.draw(task, corpus, split, task.LENGTHS[1], 8, seed=0)) == 8
        with pytest.raises(LengthError, match="its longest is"):
            tasks.draw(task, corpus, "test", 100_000, 8, seed=0)


def shown(task):
    """The literal row in a task's docstring, its columns by name."""
    document = ast.get_docstring(ast.parse(Path(task.__file__).read_text()))
    lines = [line.strip() for line in document.splitlines() if line.startswith("    ")]
    return dict(line.split(maxsplit=1) for line in lines)


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MINILM.path(), local_files_only=True)


def frequencies(corpus, split):
    """How often each token stands in the files of a split."""
    files = [file for file, name in enumerate(corpus.split) if name == split]
    tokens = [corpus.tokens[slice(*corpus.offsets[file : file + 2])] for file in files]
    return np.bincount(np.concatenate(tokens), minlength=corpus.vocab_size)


class TestPackage:
    def test_floor_is_what_guessing_scores(self, corpus):
        task = tasks.load("package")
        labels = tasks.draw(task, corpus, "test", 32, 800, seed=0)["labels"]
        most = np.bincount(labels, minlength=len(task.LABELS)).max() / len(labels)
        assert most == pytest.approx(task.FLOOR)

    def test_row_of_the_docstring_is_true(self, corpus, tokenizer):
        task = tasks.load("package")
        row = shown(task)
        tokens, label = row["input_ids"].split(), row["label"]
        assert (tokens[0], tokens[-1], len(tokens)) == ("[CLS]", "[SEP]", 16)
        ids = tokenizer.convert_tokens_to_ids(tokens[1:-1])
        window = np.asarray(ids, dtype=corpus.tokens.dtype).tobytes()
        files = [f for split in SPLITS for f in corpus.files(split, label)]
        assert any(
            window in corpus.tokens[slice(*corpus.offsets[f : f + 2])].tobytes() for f in files
        )

    def test_windows_come_from_files_of_their_label_and_split(self, corpus):
        task = tasks.load("package")
        rows = tasks.draw(task, corpus, "validation", 32, 64, seed=0)
        for ids, label in zip(rows["input_ids"], rows["labels"], strict=True):
            assert (ids[0], ids[-1]) == (corpus.cls_id, corpus.sep_id)
            window = np.asarray(ids[1:-1], dtype=corpus.tokens.dtype).tobytes()
            files = corpus.files("validation", task.LABELS[label])
            texts = [corpus.tokens[slice(*corpus.offsets[f : f + 2])].tobytes() for f in files]
            assert any(window in text for text in texts)


class TestLanguage:
    def test_row_of_the_docstring_is_true(self, corpus, tokenizer):
        task = tasks.load("language")
        rows = tasks.draw(task, corpus, "train", 16, 1, seed=0)
        assert (
            tokenizer.convert_ids_to_tokens(rows["input_ids"][0])
            == shown(task)["input_ids"].split()
        )

    def test_windows_come_from_one_file_of_their_split(self, corpus):
        rows = tasks.draw("language", corpus, "validation", 32, 64, seed=0)
        assert np.array_equal(rows["labels"], rows["input_ids"])
        files = [file for file, split in enumerate(corpus.split) if split == "validation"]
        texts = [corpus.tokens[slice(*corpus.offsets[f : f + 2])].tobytes() for f in files]
        for ids in rows["input_ids"]:
            assert any(ids.astype(corpus.tokens.dtype).tobytes() in text for text in texts)

    def test_every_file_long_enough_is_read_from_its_first_window_to_its_last(self, corpus):
        """At a length that one file only has, both of its ends turn up."""
        task, sizes = tasks.load("language"), corpus.sizes
        files = [f for f, split in enumerate(corpus.split) if split == "test"]
        longest = max(files, key=lambda file: sizes[file])
        length = int(sizes[longest]) - 1  # two windows
        text = corpus.tokens[slice(*corpus.offsets[longest : longest + 2])]
        rows = tasks.draw(task, corpus, "test", length, 20, seed=0)["input_ids"]
        assert {tuple(row) for row in rows} == {tuple(text[:-1]), tuple(text[1:])}

    def test_floor_is_the_cross_entropy_under_the_training_splits_frequencies(self, corpus):
        train, test = (frequencies(corpus, split) for split in ("train", "test"))
        nats = -np.log((train + 1) / (train + 1).sum()) @ test / test.sum()
        per_byte = len(corpus.tokens) / corpus.source_bytes
        assert nats / np.log(2) * per_byte == pytest.approx(tasks.load("language").FLOOR, rel=0.02)


class TestDocstring:
    def test_what_is_documented(self):
        text = '''\
@decorated
def one(a):  # é
    """Say one.

    At length.
    """
    def inner(): "Say inner."; return 1
    return a

async def two(): return 2
def three(): """Only a docstring."""
class Four:
    def four(self):
        "   Say four.   "
        pass
'''
        found = {line: source for source, line in library.documented(text)}
        assert list(found) == ["Say one.", "Say inner.", "Say four."]
        assert found["Say four."].split() == ["def", "four(self):", "pass"]
        assert found["Say inner."] == "def inner(): ; return 1"
        assert found["Say one."].startswith("def one(a):  # é\n")
        assert "At length" not in found["Say one."]
        assert found["Say one."].endswith("return a")
        assert list(library.documented("print 2")) == []

    def test_row_of_the_docstring_is_true(self, corpus, tokenizer):
        task = tasks.load("docstring")
        row, rows = shown(task), tasks.draw(task, corpus, "train", 16, 1, seed=0)
        target = rows["labels"][0][rows["labels"][0] >= 0]
        assert tokenizer.convert_ids_to_tokens(rows["input_ids"][0]) == row["input_ids"].split()
        assert tokenizer.convert_ids_to_tokens(target) == row["labels"].split()

    def test_rows_are_functions_of_files_of_their_split(self, corpus, tokenizer):
        """Against the sources themselves, read and parsed here."""
        rows = tasks.draw("docstring", corpus, "validation", 32, 40, seed=0)
        root = Path(sysconfig.get_path("stdlib"))
        files = [
            path for path, s in zip(corpus.path, corpus.split, strict=True) if s == "validation"
        ]
        pairs = [pair for path in files for pair in library.documented((root / path).read_text())]
        lines = {line for _, line in pairs}
        texts = tokenizer(list(lines), add_special_tokens=False)["input_ids"]
        known = {tuple([*ids, corpus.sep_id][:32]) for ids in texts}
        starts = tokenizer("def async def", add_special_tokens=False)["input_ids"][:2]
        for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True):
            assert ids[0] in starts
            target = labels[labels >= 0]
            assert tuple(target) in known
            assert (labels[len(target) :] == -100).all()

    def test_the_answer_is_not_in_the_question(self, corpus):
        functions = corpus.functions
        found = 0
        for n in range(len(functions.file)):
            source = functions.sources[slice(*functions.source_offsets[n : n + 2])]
            line = functions.summaries[slice(*functions.summary_offsets[n : n + 2])]
            found += len(line) > 4 and line.tobytes() in source.tobytes()
        assert found < 0.01 * len(functions.file)

    def test_floor_is_the_share_of_the_most_frequent_first_line(self, corpus):
        functions, split = corpus.functions, np.asarray(corpus.split)[corpus.functions.file]
        long = np.diff(functions.source_offsets) >= 16
        lines = {
            name: Counter(
                functions.summaries[slice(*functions.summary_offsets[n : n + 2])].tobytes()
                for n in np.flatnonzero(long & (split == name))
            )
            for name in ("train", "test")
        }
        guess, _ = lines["train"].most_common(1)[0]
        share = lines["test"][guess] / lines["test"].total()
        assert share == pytest.approx(tasks.load("docstring").FLOOR, abs=0.002)
