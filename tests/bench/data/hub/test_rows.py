"""The hub's data sets as rows: real Parquet of their schemas, against what is computed by hand."""

import hashlib
import itertools

import numpy as np
import pytest

from bench import tasks
from bench.data import metrics
from bench.data.hub import task as data_hub
from bench.data.hub.catalogue import find
from bench.data.hub.task import HubTask
from bench.tasks import IGNORED, LengthError

from . import sets
from .served import FOUND, LENGTHS, draw, lines, most
from .sets import SETS


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
        texts, _ = sets.reviews(("dull", "superb"))
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
            " ".join(table.symbols(ids[ids != 0])): [
                None if label == IGNORED else label for label in labels[: (ids != 0).sum()]
            ]
            for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True)
        }
        assert found == {
            "[CLS] nad ##im lad ##ki in japan [SEP]": [None, 1, None, 2, None, 0, 5, None],
            "[CLS] soccer results [SEP]": [None, 0, 0, None],
        }
        assert (rows["labels"][rows["attention_mask"] == 0] == IGNORED).all()
        assert table.left_out == {"empty, or no row of this task": 3, "in another split": 1}

    def test_squad(self, opened):
        """The span is the answer's tokens, in a window that holds it."""
        _, table = opened["squad"]
        assert len(table.splits["test"]) == 2  # the third's answer is not in its context
        for length, last in ((32, 31), (128, 127)):
            answers = set()
            for seed in range(20):
                rows = draw(opened, "squad", "test", length, 2, seed)
                spans = zip(rows["start_positions"], rows["end_positions"], strict=True)
                for ids, (start, end) in zip(rows["input_ids"], spans, strict=True):
                    assert 0 < start <= end < last
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
        titles = [f"{a} {b}" for a, b in itertools.product(sets.PEOPLE, sets.PLACES)]
        tenth = [t for t in titles if int.from_bytes(_hash(t)[:8], "big") % 10 == 0]
        assert len(table.splits["validation"]) == len(tenth) > 0

    def test_opus_books(self, opened):
        _, table = opened["opus_books"]
        sizes = {split: len(table.splits[split]) for split in tasks.SPLITS}
        pairs = [f"The {a} saw the {b}." for a, b in itertools.product(sets.PEOPLE, sets.PLACES)]
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
            target = labels[labels != IGNORED]
            assert target[-1] == table.sep_id
            assert table.decode(target[:-1]) == f"le {source[1]} vit le {source[4]}, dit - on."

    def test_wmt16(self, opened):
        """English to Romanian, found by name though the file has Romanian first."""
        assert lines(opened, "wmt16", "test", 16) == ["one . [SEP]", "the water is cold . [SEP]"]
        rows = draw(opened, "wmt16", "test", 16, 2)
        _, table = opened["wmt16"]
        targets = {table.decode(ids[ids != IGNORED][:-1]) for ids in rows["labels"]}
        assert targets == {"apa este rece.", "unu."}

    def test_cnn_dailymail(self, opened):
        rows = draw(opened, "cnn_dailymail", "test", 32, 1)
        _, table = opened["cnn_dailymail"]
        assert table.symbols(rows["input_ids"][0][:10]) == (
            ["rain", "fell", "on", "the", "city", "for", "a", "week", "[SEP]", "[PAD]"]
        )
        assert table.symbols(rows["labels"][0][:5]) == ["week", "of", "rain", ".", "[SEP]"]
        assert (rows["labels"][0][5:] == IGNORED).all()

    def test_wikitext2(self, opened):
        """Windows over the lines one after the other; the labels are the same tokens."""
        stream = "".join(sets.LINES["test"]).lower().split()
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
        train, test = ("".join(sets.LINES[split]) for split in ("train", "test"))
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


def _hash(text):
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
