"""The hub's data sets: real Parquet of their schemas, the real client, a hub on loopback."""

import hashlib
import io
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pyarrow.parquet
import pytest
import torch
from huggingface_hub import constants

from bench import outcome, study, tasks
from bench.data import hub as data_hub
from bench.data.hub import CATALOGUE, DataUnavailable, HubTask, catalogue, find
from bench.execute import prepare
from bench.measure import metrics
from bench.tasks import LengthError
from models.checkpoints import MINILM
from models.checkpoints import client as hub_client

from ..conftest import TINY
from ..hub import Hub
from . import hub_sets
from .hub_sets import SETS, parquet

TOKEN = "hf_canaryCANARYcanaryCANARYcanary"
LENGTHS = {"flickr8k": 256, "cifar10": 256}  # pixels of a square; 32 tokens elsewhere
FOUND = ("stsb", "code_search_net", "flickr8k")  # each row is to be found among the others


def point(patch, server, home):
    """Let the client of this process speak to a hub, with empty caches of its own."""
    patch.setattr(constants, "ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    patch.delenv("HF_TOKEN", raising=False)


def serve(server, name, files=None):
    """Serve a tiny data set in the place of the real one; its name at that commit."""
    repo = f"datasets/{CATALOGUE[name].repo}"
    return f"{name}@{server.add(repo, files or SETS[name]())}"


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """name -> (its task, what its rows are cut from), all of them."""
    with Hub() as server, pytest.MonkeyPatch.context() as patch:
        point(patch, server, tmp_path_factory.mktemp("home"))
        found = {}
        for name in SETS:
            task = HubTask(find(serve(server, name)))
            found[name] = task, task.open(MINILM.path())
        yield found
        huggingface_hub.close_session()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with Hub() as server:
        point(monkeypatch, server, tmp_path)
        yield server
        huggingface_hub.close_session()


def draw(opened, name, split, length, count, seed=0):
    task, table = opened[name]
    return tasks.draw(task, table, split, length, count, seed)


def most(opened, name, split, count):
    """So many rows, or what a split has of rows that are to be told apart."""
    return min(count, len(opened[name][1].splits[split])) if name in FOUND else count


def lines(opened, name, split, length, column="input_ids"):
    """The rows of a small split as the tokenizer prints them, padding left out; each once."""
    _, table = opened[name]
    ids = draw(opened, name, split, length, len(table.splits[split]))[column]
    return sorted(" ".join(table.symbols(row[row != table.pad_id])) for row in ids)


def open_set(name):
    return HubTask(find(name)).open(MINILM.path())


def refusal(name):
    """The message of the refusal, and the seconds it took."""
    start = time.monotonic()
    with pytest.raises(DataUnavailable) as refused:
        open_set(name)
    message = str(refused.value)
    assert message.startswith(f"data '{name}': ")
    assert str(Path.home()) not in message
    return message, time.monotonic() - start


class TestCatalogue:
    def test_every_data_set_of_the_list_stands_beside_its_task(self):
        assert set(SETS) == set(catalogue.names())
        assert data_hub.names("package") == ("imdb", "sst2")
        assert data_hub.names("docstring") == ("opus_books", "wmt16", "cnn_dailymail")
        assert data_hub.names("search") == ("stsb", "code_search_net")
        assert data_hub.names("parity") == ()

    @pytest.mark.parametrize("name", SETS)
    def test_says_what_a_task_file_says(self, name):
        task = data_hub.task(name)
        assert task.KIND == "real"
        assert catalogue.CATALOGUE[name].head == task.HEAD
        assert task.LENGTHS[0] < task.LENGTHS[1]
        assert task.EXPECTED.split(":")[0].split()[0] in ("either", "transformer", "recurrence")
        assert task.__name__ == name
        assert len(task.entry.revision) == 40
        assert (task.TARGET_LENGTH is not None) == (task.HEAD == "AutoModelForSeq2SeqLM")
        assert task.entry.about.endswith(".")

    def test_the_same_object_each_time(self):
        assert data_hub.task("imdb") is data_hub.task("imdb")

    def test_unknown_names_list_the_nearest(self):
        with pytest.raises(ValueError, match=r"unknown data 'sst3'\. Did you mean 'sst2'") as error:
            find("sst3")
        assert "wikitext2" in str(error.value)

    def test_of_another_task(self):
        assert find("imdb", "package") is CATALOGUE["imdb"]
        with pytest.raises(ValueError, match=r"'package'\. Choose from: offline, conll2003"):
            find("imdb", "roles")

    @pytest.mark.parametrize("revision", ["main", "e628166", "E" * 40, ""])
    def test_a_moving_revision_is_refused(self, revision):
        commit = CATALOGUE["imdb"].revision
        with pytest.raises(ValueError, match=f"Expected 40 hex digits: imdb@{commit}"):
            find(f"imdb@{revision}")

    def test_another_commit_keeps_the_schema_and_loses_the_hashes(self):
        entry = find("imdb@" + "a" * 40)
        assert entry.columns == CATALOGUE["imdb"].columns
        assert (entry.revision, entry.sha256) == ("a" * 40, {})

    def test_names_are_cheap(self):
        code = (
            "import sys; from bench.data import hub; hub.task('imdb').LENGTHS; heavy = "
            "{'torch', 'datasets', 'transformers', 'pyarrow', 'PIL'} & set(sys.modules); "
            "assert not heavy, heavy; print(*hub.names())"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.split() == list(CATALOGUE), done.stderr


class TestEverySet:
    """What holds of the rows of any task."""

    @pytest.fixture(params=SETS)
    def name(self, request):
        return request.param

    def test_first_rows_do_not_depend_on_the_count(self, name, opened):
        length = LENGTHS.get(name, 32)
        few, many = (draw(opened, name, "train", length, count) for count in (3, 90))
        for column, array in few.items():
            assert np.array_equal(array, many[column][:3]), column

    def test_seeds_differ(self, name, opened):
        """A set of a handful of rows has a handful of orders; one of many seeds has another."""
        length = LENGTHS.get(name, 32)
        base, *others = (draw(opened, name, "train", length, 40, seed) for seed in range(8))
        assert any(not np.array_equal(base[c], other[c]) for other in others for c in base)

    def test_no_row_is_in_two_splits(self, name, opened):
        column = "pixel_values" if name in LENGTHS else "input_ids"
        length = LENGTHS.get(name, 32)
        train, validation, test = (
            {
                row.tobytes()
                for row in draw(opened, name, split, length, most(opened, name, split, 40))[column]
            }
            for split in tasks.SPLITS
        )
        assert not train & validation
        assert not train & test
        assert not validation & test

    def test_shapes_types_and_padding(self, name, opened):
        task, table = opened[name]
        length = LENGTHS.get(name, 32)
        count = most(opened, name, "test", 5)
        rows = draw(opened, name, "test", length, count)
        expected = {
            "AutoModelForSequenceClassification": {"labels": (count,)},
            "AutoModelForTokenClassification": {"labels": (count, length)},
            "AutoModelForQuestionAnswering": {
                "start_positions": (count,),
                "end_positions": (count,),
            },
            "AutoModelForSeq2SeqLM": {"labels": (count, task.TARGET_LENGTH)},
            "AutoModelForCausalLM": {"labels": (count, length)},
            "AutoModel": {
                "query_ids": (count, task.QUERY_LENGTH),
                "query_mask": (count, task.QUERY_LENGTH),
            },
            "AutoProcessor": {"pixel_values": (count, 3, 16, 16)},
        }[task.HEAD]
        window = task.QUERY_LENGTH if task.HEAD == "AutoProcessor" else length
        expected["input_ids"] = (count, window)
        if task.HEAD != "AutoModelForCausalLM":
            expected["attention_mask"] = (count, window)
        assert {key: array.shape for key, array in rows.items()} == expected
        for key, array in rows.items():
            assert array.dtype == (np.float32 if key == "pixel_values" else np.int64), key
        for ids, mask in (("input_ids", "attention_mask"), ("query_ids", "query_mask")):
            if mask in rows:
                assert np.array_equal(rows[ids] != table.pad_id, rows[mask] == 1)
        assert 0 <= rows["input_ids"].min() <= rows["input_ids"].max() < table.vocab_size
        assert tasks.vocabulary(task, table).eos == table.sep_id

    def test_lengths_that_it_has_not_are_named(self, name, opened):
        task, _ = opened[name]
        for length in (task.LENGTHS[0] - 1, task.LENGTHS[1] + 1):
            with pytest.raises(LengthError, match="its longest is"):
                draw(opened, name, "test", length, 2)

    def test_floor_is_measured(self, name, opened):
        task, _ = opened[name]
        assert isinstance(task.FLOOR, str)
        floor = tasks.floor(task, LENGTHS.get(name, 32))
        assert 0 <= floor < 10


class TestRows:
    """Against what is computed here by hand."""

    def test_imdb(self, opened):
        assert lines(opened, "imdb", "test", 16) == [
            "[CLS] a dull film . [SEP]",
            "[CLS] a superb film . [SEP]",
            "[CLS] an unusually superb film , truly superb [SEP]",
            "[CLS] the soldier and the river are dull [SEP]",
        ]
        rows = draw(opened, "imdb", "test", 16, 4)
        _, table = opened["imdb"]
        superb = table.encode("superb")[0]
        assert np.array_equal(rows["labels"], (rows["input_ids"] == superb).any(axis=1))

    def test_a_long_text_loses_its_end(self, opened):
        assert "[CLS] it is a charming journey . [SEP]" in lines(opened, "sst2", "test", 8)
        # 8 is the least length; a review of nine words at a window of 16 keeps them all
        assert all(len(line.split()) <= 16 for line in lines(opened, "imdb", "train", 16))

    def test_a_tenth_of_train_by_hash_is_validation(self, opened):
        """And what the test split has is in neither."""
        _, table = opened["imdb"]
        texts, _ = hub_sets.reviews(("dull", "superb"))
        tenth = [t for t in texts[1:] if int.from_bytes(_hash(t)[:8], "big") % 10 == 0]
        assert 3 < len(tenth) < 20
        validation = lines(opened, "imdb", "validation", 16)
        assert validation == sorted(f"[CLS] {text} [SEP]" for text in tenth)
        assert len(table.splits["train"]) == len(texts) - 1 - len(tenth)
        assert table.left_out["in another split"] == 1

    def test_sst2(self, opened):
        rows = draw(opened, "sst2", "test", 8, 3)
        _, table = opened["sst2"]
        found = {
            " ".join(table.symbols(ids)): label
            for ids, label in zip(rows["input_ids"], rows["labels"], strict=True)
        }
        assert found == {
            "[CLS] it is a charming journey . [SEP]": 1,
            "[CLS] slow and silly [SEP] [PAD] [PAD] [PAD]": 0,
            "[CLS] warm and funny [SEP] [PAD] [PAD] [PAD]": 1,
        }

    def test_conll2003(self, opened):
        """The label of a word is at its first sub-word; the marks between documents are no rows."""
        rows = draw(opened, "conll2003", "test", 16, 2)
        _, table = opened["conll2003"]
        found = {
            " ".join(table.symbols(ids[ids != 0])): labels[: (ids != 0).sum()].tolist()
            for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True)
        }
        assert found == {
            "[CLS] nad ##im lad ##ki in japan [SEP]": [-100, 1, -100, 2, -100, 0, 5, -100],
            "[CLS] soccer results [SEP]": [-100, 0, 0, -100],
        }
        assert (rows["labels"][rows["attention_mask"] == 0] == -100).all()
        assert table.left_out == {"empty, or no row of this task": 3, "in another split": 1}

    def test_squad(self, opened):
        """The span is the answer's tokens, in a window that holds it."""
        _, table = opened["squad"]
        assert len(table.splits["test"]) == 2  # the third's answer is not in its context
        for length, most in ((32, 31), (128, 127)):
            answers = set()
            for seed in range(20):
                rows = draw(opened, "squad", "test", length, 2, seed)
                spans = zip(rows["start_positions"], rows["end_positions"], strict=True)
                for ids, (start, end) in zip(rows["input_ids"], spans, strict=True):
                    assert 0 < start <= end < most
                    tokens = table.symbols(ids[ids != 0])
                    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")
                    assert tokens.count("[SEP]") == 2
                    answers.add(
                        (" ".join(tokens[1:4]), " ".join(table.symbols(ids[start : end + 1])))
                    )
            assert answers == {("where was it", "ghent"), ("how high is", "91 metres")}

    def test_squad_short_context_is_whole(self, opened):
        treaty = "the treaty was signed in ghent in december 1814 ."
        whole = f"[CLS] where was it signed ? [SEP] {treaty} [SEP]"
        assert whole in lines(opened, "squad", "test", 32)

    def test_squad_windows_move(self, opened):
        """Where the answer stands in a window says nothing of where it stands in the text."""
        _, table = opened["squad"]
        places = set()
        for seed in range(60):
            rows = draw(opened, "squad", "test", 32, 2, seed)
            asked = [table.symbols(ids)[1] == "how" for ids in rows["input_ids"]]
            places.add(int(rows["start_positions"][asked][0]))
        # [CLS] how high is it ? [SEP], and 24 tokens of context, of which the answer is two
        assert min(places) == 7
        assert max(places) == 29
        assert len(places) > 15

    def test_squad_articles_stay_together(self, opened):
        _, table = opened["squad"]
        titles = [f"{a} {b}" for a, b in itertools.product(hub_sets.PEOPLE, hub_sets.PLACES)]
        tenth = [t for t in titles if int.from_bytes(_hash(t)[:8], "big") % 10 == 0]
        assert len(table.splits["validation"]) == len(tenth) > 0

    def test_opus_books(self, opened):
        _, table = opened["opus_books"]
        sizes = {split: len(table.splits[split]) for split in tasks.SPLITS}
        pairs = [
            f"The {a} saw the {b}." for a, b in itertools.product(hub_sets.PEOPLE, hub_sets.PLACES)
        ]
        tenths = [int.from_bytes(_hash(text)[:8], "big") % 10 for text in pairs]
        assert sizes == {
            "train": sum(t > 1 for t in tenths),
            "validation": tenths.count(0),
            "test": tenths.count(1),
        }
        rows = draw(opened, "opus_books", "train", 16, 5)
        for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True):
            source = table.symbols(ids[ids != 0])
            assert (source[0], source[2], source[-2:]) == ("the", "saw", [".", "[SEP]"])
            target = labels[labels != -100]
            assert target[-1] == table.sep_id
            assert table.decode(target[:-1]) == f"le {source[1]} vit le {source[4]}, dit - on."

    def test_wmt16(self, opened):
        """English to Romanian, found by name though the file has Romanian first."""
        assert lines(opened, "wmt16", "test", 16) == ["one . [SEP]", "the water is cold . [SEP]"]
        rows = draw(opened, "wmt16", "test", 16, 2)
        _, table = opened["wmt16"]
        targets = {table.decode(ids[ids != -100][:-1]) for ids in rows["labels"]}
        assert targets == {"apa este rece.", "unu."}

    def test_cnn_dailymail(self, opened):
        rows = draw(opened, "cnn_dailymail", "test", 32, 1)
        _, table = opened["cnn_dailymail"]
        assert table.symbols(rows["input_ids"][0][:10]) == (
            ["rain", "fell", "on", "the", "city", "for", "a", "week", "[SEP]", "[PAD]"]
        )
        assert table.symbols(rows["labels"][0][:5]) == ["week", "of", "rain", ".", "[SEP]"]
        assert (rows["labels"][0][5:] == -100).all()

    def test_wikitext2(self, opened):
        """Windows over the lines one after the other; the labels are the same tokens."""
        stream = "".join(hub_sets.LINES["test"]).lower().split()
        rows = draw(opened, "wikitext2", "test", 32, 60)
        assert np.array_equal(rows["input_ids"], rows["labels"])
        _, table = opened["wikitext2"]
        found = {tuple(table.symbols(ids)) for ids in rows["input_ids"]}
        assert found == {tuple(stream[n : n + 32]) for n in range(len(stream) - 31)}

    def test_stsb(self, opened):
        """Pairs scored 4 or more, no sentence twice."""
        assert lines(opened, "stsb", "test", 16, "query_ids") == [
            "[CLS] a girl sings [SEP]",
            "[CLS] a man is eating food . [SEP]",
        ]
        assert lines(opened, "stsb", "test", 16) == [
            "[CLS] a girl is singing [SEP]",
            "[CLS] a man is eating . [SEP]",
        ]
        _, table = opened["stsb"]
        assert table.left_out["twice"] == 1
        assert table.left_out["empty, or no row of this task"] == 2
        rows = draw(opened, "stsb", "train", 16, 5)
        for query, found in zip(rows["query_ids"], rows["input_ids"], strict=True):
            query, found = table.symbols(query), table.symbols(found)
            assert (query[2], query[5]) == (found[7], found[2])

    def test_code_search_net(self, opened):
        """The documentation's first paragraph, and the function without the documentation."""
        assert lines(opened, "code_search_net", "train", 32, "query_ids") == [
            "[CLS] return four . [SEP]",
            "[CLS] return one . [SEP]",  # the test split has the third
        ]
        assert lines(opened, "code_search_net", "test", 32, "query_ids") == [
            "[CLS] return six . [SEP]",
            "[CLS] return two . [SEP]",
        ]
        (_, two) = lines(opened, "code_search_net", "test", 32)
        quotes = " ".join('"' * 6)
        assert two == f"[CLS] def two ( a ) : {quotes} return two ##1 ( a ) [SEP]"

    def test_flickr8k(self, opened):
        """The middle square from -1 to 1, and one of five captions."""
        _, table = opened["flickr8k"]
        captions = set()
        for seed in range(30):
            rows = draw(opened, "flickr8k", "test", 256, 2, seed)
            for pixels, ids in zip(rows["pixel_values"], rows["input_ids"], strict=True):
                caption = " ".join(table.symbols(ids[ids != 0])[1:-1])
                captions.add(caption)
                assert (pixels == (1 if caption.startswith("bright") else -1)).all()
        assert captions == {f"{what} {n}" for what in ("bright", "dark") for n in range(5)}

    def test_flickr8k_channels_come_first(self, opened):
        pixels = draw(opened, "flickr8k", "validation", 256, 1)["pixel_values"][0]
        assert [channel.tolist() for channel in np.unique(pixels.reshape(3, -1), axis=1)] == [
            [-1], [1], [-1]
        ]  # fmt: skip

    def test_cifar10(self, opened):
        """A class is a caption; the shade of red says which image it is."""
        assert data_hub.task("cifar10").floor(256) == 0.1
        rows, (_, table) = draw(opened, "cifar10", "test", 256, 3), opened["cifar10"]
        found = {
            round((float(pixels[0, 0, 0]) + 1) / 2 * 255): " ".join(table.symbols(ids[ids != 0]))
            for pixels, ids in zip(rows["pixel_values"], rows["input_ids"], strict=True)
        }
        assert found == {
            251: "[CLS] a photo of a automobile [SEP]",
            253: "[CLS] a photo of a cat [SEP]",
            255: "[CLS] a photo of a dog [SEP]",
        }

    def test_flickr8k_sides(self, opened):
        assert draw(opened, "flickr8k", "train", 32 * 32, 2)["pixel_values"].shape == (2, 3, 32, 32)
        with pytest.raises(LengthError, match=r"its lengths are 256, 1024, 4096, 16384, 50176"):
            draw(opened, "flickr8k", "train", 1000, 2)

    @pytest.mark.parametrize("name", FOUND)
    def test_what_is_to_be_found_is_there_once(self, name, opened):
        """Copies of the right answer would be as right: a perfect model could not tell."""
        _, table = opened[name]
        length, column = (256, "pixel_values") if name in LENGTHS else (16, "input_ids")
        for split in ("validation", "test"):
            size = len(table.splits[split])
            rows = draw(opened, name, split, length, size)[column]
            assert len({row.tobytes() for row in rows}) == size
            with pytest.raises(LengthError, match=f"has {size} rows, .* draw at most {size}"):
                draw(opened, name, split, length, size + 1)

    @pytest.mark.parametrize("name", FOUND)
    def test_training_rows_come_again_as_late_as_they_can(self, name, opened):
        _, table = opened[name]
        length, column = (256, "pixel_values") if name in LENGTHS else (16, "input_ids")
        size = len(table.splits["train"])
        rows = [row.tobytes() for row in draw(opened, name, "train", length, 3 * size)[column]]
        assert all(len(set(rows[n : n + size])) == size for n in range(2 * size + 1))

    def test_no_row_twice_before_all_came(self, opened):
        _, table = opened["imdb"]
        size = len(table.splits["train"])
        ids = draw(opened, "imdb", "train", 16, 2 * size)["input_ids"]
        first, second = ({row.tobytes() for row in half} for half in (ids[:size], ids[size:]))
        assert len(first) == size
        assert first == second


class TestFloor:
    def test_of_classes(self, opened):
        """imdb's train is balanced but for one text; its test is half and half."""
        assert opened["imdb"][0].floor(16) == 0.5

    def test_of_targets_that_all_differ(self):
        """The one that the others are most like, not the first of the alphabet."""
        texts = ["a b c", "xyz there is", "xyz there was", "xyz there are"]
        assert data_hub._likest(metrics.METRICS["chrF"], texts) != "a b c"
        assert data_hub._likest(metrics.METRICS["chrF"], [*texts, "a b c"] * 20) in texts[1:]

    def test_of_the_next_token(self, opened):
        """Frequencies of train plus one, over the bytes of the test split."""
        task, table = opened["wikitext2"]
        train, test = ("".join(hub_sets.LINES[split]) for split in ("train", "test"))
        tokens, known = test.lower().split(), train.lower().split()
        total = len(known) + table.vocab_size
        bits = -sum(np.log2((known.count(token) + 1) / total) for token in tokens)
        assert task.floor(16) == pytest.approx(bits / len(test))
        assert table.tokens_per_byte == pytest.approx(len(tokens) / len(test))

    def test_of_a_random_order(self):
        assert data_hub.task("stsb").floor(32) == pytest.approx(0.00749, abs=1e-5)

    def test_needs_the_data(self):
        with pytest.raises(RuntimeError, match="Open it first"):
            HubTask(find("sst2")).floor(16)


class TestFaults:
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

    def test_a_cache_of_another_commit_is_not_taken_for_it(self, hub):
        open_set(serve(hub, "imdb"))
        hub.stop()
        message, seconds = refusal("imdb@" + "a" * 40)
        assert "does not give" in message
        assert seconds < 5

    def test_another_commit_is_other_data(self, hub):
        old, new = serve(hub, "sst2"), SETS["sst2"]()
        open_set(old)
        features = {
            "sentence": hub_sets.TEXT,
            "label": hub_sets.ClassLabel(names=["negative", "positive"]),
        }
        new["data/validation-00000-of-00001.parquet"] = parquet(
            features, {"sentence": ["newer"], "label": [1]}
        )
        table = open_set(serve(hub, "sst2", new))
        assert len(table.splits["test"]) == 1

    def test_the_hub_answers_for_another_commit(self, hub):
        name = serve(hub, "imdb")
        hub.lie = "f" * 40
        message, _ = refusal(name)
        assert f"expected commit {name.partition('@')[2]}" in message
        assert f"Got {'f' * 40}" in message

    def test_no_commit_is_known(self):
        entry = replace(CATALOGUE["wmt16"], revision=None)
        with pytest.raises(DataUnavailable, match="no confirmed commit of wmt/wmt16 is known; give "
                           "one: wmt16@<40 hex digits>"):  # fmt: skip
            HubTask(entry).open(MINILM.path())

    def test_down(self, hub):
        name = serve(hub, "imdb")
        hub.stop()
        message, seconds = refusal(name)
        assert seconds < 5
        assert "stanfordnlp/imdb is not here (whole)" in message
        assert "or use the offline data" in message

    def test_offline_without_a_cache(self, hub, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        message, seconds = refusal(serve(hub, "imdb"))
        assert seconds < 5
        assert "HF_HUB_OFFLINE is set" in message
        assert not hub.requests

    @pytest.mark.parametrize("status", [401, 403])
    def test_gated(self, status, hub):
        name = serve(hub, "imdb")
        hub.gated = status
        message, _ = refusal(name)
        assert f"HTTP {status}" in message
        assert "HF_TOKEN" in message
        assert "choose other data" in message
        assert len(hub.asked("/resolve/")) == 1

    def test_missing(self, hub):
        name = serve(hub, "imdb")
        hub.repos["datasets/stanfordnlp/imdb"] = {"0" * 40: {}}
        message, _ = refusal(name)
        assert "has no stanfordnlp/imdb at commit" in message
        assert len(hub.requests) == 1

    def test_no_such_repository(self, hub):
        message, _ = refusal("imdb@" + "a" * 40)
        assert "does not exist" in message

    def test_a_split_is_missing(self, hub):
        files = SETS["imdb"]()
        del files["plain_text/test-00000-of-00001.parquet"]
        message, _ = refusal(serve(hub, "imdb", files))
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
        message, _ = refusal(name)
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
        message, _ = refusal(name)
        assert "test-00000-of-00001.parquet is not the file of commit" in message
        open_set(name)

    def test_a_hash_known_beforehand_outweighs_the_hub(self, hub):
        """The catalogue's commit, served with other bytes by a hub that lists them as its own."""
        entry = CATALOGUE["sst2"]
        hub.add(f"datasets/{entry.repo}", SETS["sst2"](), entry.revision)
        message, _ = refusal("sst2")
        assert f"Expected SHA-256 {entry.sha256['data/train-00000-of-00001.parquet']}" in message

    @pytest.mark.parametrize(
        ("features", "got"),
        [
            (
                {"review": hub_sets.TEXT, "label": hub_sets.NUMBER},
                "review (string), label (integer)",
            ),
            ({"text": hub_sets.TEXT, "label": hub_sets.TEXT}, "label (string)"),
            ({"text": hub_sets.List(hub_sets.TEXT), "label": hub_sets.NUMBER}, "text (strings)"),
        ],
    )
    def test_columns_changed(self, features, got, hub):
        files = SETS["imdb"]()
        value = {"text": "a", "strings": ["a"]}
        columns = {
            name: [value["strings"] if isinstance(kind, hub_sets.List) else
                   "a" if kind is hub_sets.TEXT else 1]
            for name, kind in features.items()
        }  # fmt: skip
        files["plain_text/test-00000-of-00001.parquet"] = parquet(features, columns)
        message, _ = refusal(serve(hub, "imdb", files))
        assert "test-00000-of-00001.parquet of stanfordnlp/imdb at commit" in message
        assert got in message
        assert "give a commit that has them: imdb@<40 hex digits>" in message

    def test_classes_changed_places(self, hub):
        files = SETS["imdb"]()
        features = {"text": hub_sets.TEXT, "label": hub_sets.ClassLabel(names=["pos", "neg"])}
        files["plain_text/test-00000-of-00001.parquet"] = parquet(
            features, {"text": ["a"], "label": [1]}
        )
        message, _ = refusal(serve(hub, "imdb", files))
        assert "expected classes neg, pos in column label. Got pos, neg" in message

    @pytest.mark.parametrize("name", ["imdb", "conll2003", "opus_books", "flickr8k", "squad"])
    def test_files_without_what_datasets_adds(self, name, hub, monkeypatch, opened):
        """Older files carry no classes; types and ranges are all there is to check."""
        with monkeypatch.context() as patch:
            patch.setattr(hub_sets, "parquet", lambda *args: parquet(*args, metadata=False))
            files = SETS[name]()
        table = open_set(serve(hub, name, files))
        _, expected = opened[name]
        for split in tasks.SPLITS:
            for column, values in expected.splits[split].columns.items():
                found = table.splits[split][column]
                if hasattr(values, "flat") and hasattr(values, "sizes"):
                    assert np.array_equal(found.flat, values.flat)

    def test_files_that_say_more_than_is_understood(self, hub, monkeypatch):
        """What a later `datasets` adds to the schema is no reason to refuse the rows."""
        features = {"text": hub_sets.TEXT, "label": hub_sets.NUMBER}
        table = hub_sets.Dataset.from_dict(
            {"text": ["a", "b"], "label": [0, 1]}, features=hub_sets.Features(features)
        ).data.table
        said = {"huggingface": json.dumps({"info": {"features": {"text": {"_type": "Unheard"}}}})}
        file = io.BytesIO()
        pyarrow.parquet.write_table(table.replace_schema_metadata(said), file)
        files = SETS["imdb"]() | {"plain_text/test-00000-of-00001.parquet": file.getvalue()}
        assert len(open_set(serve(hub, "imdb", files)).splits["test"]) == 2

    def test_classes_out_of_range(self, hub):
        files = SETS["imdb"]()
        files["plain_text/test-00000-of-00001.parquet"] = parquet(
            {"text": hub_sets.TEXT, "label": hub_sets.NUMBER}, {"text": ["a"], "label": [-1]}
        )
        message, _ = refusal(serve(hub, "imdb", files))
        assert "expected classes 0 to 1 in column label. Got -1" in message

    @pytest.mark.parametrize(
        ("name", "file", "spoil", "got"),
        [
            ("opus_books", "en-fr/train", {"translation": None}, "TypeError"),
            ("conll2003", "data/test", {"ner_tags": [0, None]}, "TypeError"),
            ("conll2003", "data/test", {"tokens": ["Nadim", None, "in", "Japan"]}, "TypeError"),
            ("conll2003", "data/test", {"ner_tags": [1, 2, 0]}, "4 words and 3 labels"),
            ("conll2003", "data/test", {"ner_tags": [1, 2, 0, 5, 0]}, "4 words and 5 labels"),
            ("flickr8k", "data/test", {"image": {"bytes": None, "path": "x"}}, "TypeError"),
            ("squad", "plain_text/validation",
             {"answers": {"text": ["Ghent"], "answer_start": []}}, "IndexError"),
            ("squad", "plain_text/validation",
             {"answers": {"text": [None], "answer_start": [0]}}, "TypeError"),
        ],
    )  # fmt: skip
    def test_nulls_and_short_lists_inside_a_row(self, name, file, spoil, got, hub):
        """Named by file and row; the same file with row 1 whole is read by the other tests."""
        files = SETS[name]()
        (path,) = (found for found in files if found.startswith(file))
        table = pyarrow.parquet.read_table(io.BytesIO(files[path]))
        rows = table.to_pylist()
        rows[1] |= spoil
        written = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=table.schema), written)
        message, _ = refusal(serve(hub, name, files | {path: written.getvalue()}))
        assert f"row 1 (the first is 0) of {path.rpartition('/')[2]}" in message
        assert got in message
        assert f"{name}@<40 hex digits>" in message

    def test_an_article_without_a_name_is_left_out(self, hub):
        files = SETS["squad"]()
        path = "plain_text/train-00000-of-00001.parquet"
        table = pyarrow.parquet.read_table(io.BytesIO(files[path]))
        rows = table.to_pylist()
        rows[0]["title"] = None
        written = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=table.schema), written)
        left_out = open_set(serve(hub, "squad", files | {path: written.getvalue()})).left_out
        assert left_out["empty, or no row of this task"] == 2  # and one of the test split

    def test_what_is_no_parquet(self, hub):
        files = SETS["imdb"]() | {"plain_text/test-00000-of-00001.parquet": b"PAR1 no more"}
        message, _ = refusal(serve(hub, "imdb", files))
        assert "cannot be read as Parquet" in message

    def test_an_empty_split(self, hub):
        files = SETS["wikitext2"]()
        files["wikitext-2-raw-v1/test-00000-of-00001.parquet"] = parquet(
            {"text": hub_sets.TEXT}, {"text": ["", ""]}
        )
        message, _ = refusal(serve(hub, "wikitext2", files))
        assert "Got none in test" in message

    def test_an_image_that_is_there_twice_is_left_out(self, hub):
        files = SETS["flickr8k"]()
        path = "data/test-00000-of-00001-42a2661d12c73e48.parquet"
        table = pyarrow.parquet.read_table(io.BytesIO(files[path]))
        written = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.concat_tables([table, table]), written)
        table = open_set(serve(hub, "flickr8k", files | {path: written.getvalue()}))
        assert len(table.splits["test"]) == 2
        assert table.left_out["twice"] == 2

    def test_an_image_that_is_none(self, hub):
        files = SETS["flickr8k"]()
        features = {"image": hub_sets.Image()} | {f"caption_{n}": hub_sets.TEXT for n in range(5)}
        columns = {"image": [{"bytes": b"no image", "path": None}]}
        columns |= {f"caption_{n}": ["a"] for n in range(5)}
        files["data/test-00000-of-00001-42a2661d12c73e48.parquet"] = parquet(features, columns)
        task = HubTask(find(serve(hub, "flickr8k", files)))
        table = task.open(MINILM.path())
        with pytest.raises(DataUnavailable, match="expected an image file in column image"):
            tasks.draw(task, table, "test", 256, 1, 0)

    def test_a_broken_image_costs_its_own_cells_alone(self, hub):
        """They are decoded at the first draw: what else is planned goes on."""
        files = SETS["flickr8k"]()
        features = {"image": hub_sets.Image()} | {f"caption_{n}": hub_sets.TEXT for n in range(5)}
        columns = {"image": [{"bytes": b"no image", "path": None}]}
        columns |= {f"caption_{n}": ["a"] for n in range(5)}
        files["data/test-00000-of-00001-42a2661d12c73e48.parquet"] = parquet(features, columns)
        first = next(c for c in study.load(str(TINY)).cells if c.arm == "transformer")
        healthy = first.model_copy(update={"task": "parity"})
        broken = healthy.model_copy(
            update={"task": "digits", "data": serve(hub, "flickr8k", files), "length": 256}
        )
        job = {
            "cells": [{"key": c.key, "cell": c.model_dump(mode="json")} for c in (broken, healthy)],
            "corpus": "",
            "threads": torch.get_num_threads(),
        }
        decided = prepare.run(job)["cells"]
        assert decided[broken.key]["failed"] == outcome.UNAVAILABLE
        assert "expected an image file in column image" in decided[broken.key]["reason"]
        assert decided[healthy.key]["estimate_s"] > 0

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
        message, _ = refusal(serve(hub, "imdb"))
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
            messages.append(refusal(name)[0])
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
        "import sys; from bench.data import hub; from models.checkpoints import MINILM\n"
        "try: print(len(hub.task(sys.argv[1]).open(MINILM.path()).splits['test']))\n"
        "except hub.DataUnavailable as error: print(error)\n"
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


def _hash(text):
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
