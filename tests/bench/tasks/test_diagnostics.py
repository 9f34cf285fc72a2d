"""The diagnostics: labels against slow references, floors against guessing, and the contract."""

import ast
import statistics
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from bench import registry, tasks
from bench.data import metrics
from bench.tasks import IGNORED, LengthError

NAMES = [name for name, entry in registry.tasks().items() if entry.literals["KIND"] != "real"]


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def drawn(name, length, count=200, split="train", seed=0):
    return tasks.draw(name, None, split, length, count, seed)


def symbols(name, ids):
    return [tasks.load(name).SYMBOLS[n] for n in ids]


def pairs(name, length, count=200):
    """Rows as symbols with their labels."""
    rows = drawn(name, length, count)
    for ids, label in zip(rows["input_ids"], rows["labels"], strict=True):
        yield symbols(name, ids), label


def answers(name, length, count=200):
    """Rows as symbols, with their labels at the positions that have one, also as symbols."""
    task = tasks.load(name)
    for row, labels in pairs(name, length, count):
        kept = labels[labels != IGNORED]
        yield row, [(task.LABELS or task.SYMBOLS)[n] for n in kept], np.flatnonzero(labels >= 0)


class TestContract:
    def test_names_its_symbols(self, name):
        literals = registry.tasks()[name].literals
        if "FEATURES" not in literals:
            assert len(literals["SYMBOLS"]) == literals["VOCABULARY"]
            assert literals["SYMBOLS"][0] == "·"
            assert len(set(literals["SYMBOLS"])) == literals["VOCABULARY"]

    def test_solved_lies_beyond_the_floor(self, name):
        task = tasks.load(name)
        better = metrics.METRICS[task.METRIC].higher_is_better
        floor = tasks.floor(task, 64)
        assert (task.SOLVED - floor) * (1 if better else -1) > 0

    @pytest.mark.parametrize("length", [32, 33, 48, 250])
    def test_rows_are_what_the_head_takes(self, name, length):
        task, rows = tasks.load(name), drawn(name, length, 20)
        if "features" in rows:
            assert rows["features"].shape == (20, length, task.FEATURES)
            assert rows["features"].dtype == rows["labels"].dtype == np.float32
            assert rows["labels"].shape == (20,)
            return
        one = task.HEAD == "AutoModelForSequenceClassification"
        assert rows["input_ids"].shape == (20, length)
        assert rows["labels"].shape == ((20,) if one else (20, length))
        assert rows["input_ids"].dtype == rows["labels"].dtype == np.int64
        assert 0 <= rows["input_ids"].min() <= rows["input_ids"].max() < task.VOCABULARY
        classes = len(task.LABELS) or task.VOCABULARY
        assert set(np.unique(rows["labels"])) <= {IGNORED, *range(classes)}
        mask = rows.get("attention_mask", np.ones_like(rows["input_ids"]))
        assert np.array_equal(rows["input_ids"] != 0, mask == 1)
        assert (rows["labels"] != IGNORED).reshape(20, -1).any(axis=1).all()

    def test_first_rows_do_not_depend_on_the_count(self, name):
        task = tasks.load(name)
        few, many = (
            task.rows(None, "train", 40, count, np.random.default_rng(3)) for count in (1, 700)
        )
        assert few.keys() == many.keys()
        for array in few:
            assert np.array_equal(few[array], many[array][:1])

    def test_rows_differ_by_split_seed_and_row(self, name):
        rows = drawn(name, 40, 8)
        array = "features" if "features" in rows else "input_ids"
        base = rows[array]
        assert not np.array_equal(base, drawn(name, 40, 8, seed=1)[array])
        assert not np.array_equal(base, drawn(name, 40, 8, split="test")[array])
        assert len(np.unique(base.reshape(8, -1), axis=0)) == 8

    def test_lengths_end_where_they_say(self, name):
        least, most = tasks.load(name).LENGTHS
        for length in (least, most):
            assert tasks.size(drawn(name, length, 3)) == 3
        for length in (least - 1, most + 1, 100_000):
            with pytest.raises(LengthError, match=f"its longest is {most}"):
                drawn(name, length, 3)

    def test_row_of_the_docstring_is_true(self, name):
        task = tasks.load(name)
        document = ast.get_docstring(ast.parse(Path(task.__file__).read_text(encoding="utf-8")))
        length = int(document.partition("One row at T=")[2].split(",")[0].split(":")[0].split()[0])
        lines = [line.split() for line in document.splitlines() if line.startswith("    ")]
        said = {column: cells for column, *cells in lines}
        row = {array: values[0] for array, values in drawn(name, length, 1).items()}
        if "features" in row:
            numbers = [f"{number:.2f}{'*' * int(mark)}" for number, mark in row["features"]]
            assert said == {"features": numbers, "labels": [f"{row['labels']:.2f}"]}
            return
        names = task.LABELS or task.SYMBOLS
        labels = ["·" if n == IGNORED else names[n] for n in np.atleast_1d(row["labels"])]
        assert said == {"input_ids": symbols(name, row["input_ids"]), "labels": labels}


class TestLabels:
    """Against a reference for each task that reads the symbols one by one."""

    @pytest.mark.parametrize("length", [2, 9, 64])
    def test_adding(self, length):
        rows = drawn("adding", length)
        for features, label in zip(rows["features"], rows["labels"], strict=True):
            marked = [float(number) for number, mark in features if mark]
            assert len(marked) == 2
            assert label == pytest.approx(sum(marked), abs=1e-6)
        assert 0 <= rows["features"].min() <= rows["features"].max() <= 1

    def test_marks_of_adding_stand_anywhere(self):
        marks = drawn("adding", 8, 4000)["features"][:, :, 1]
        places = {tuple(np.flatnonzero(row)) for row in marks}
        assert len(places) == 28  # every pair, also within one half
        assert marks.mean(axis=0) == pytest.approx(2 / 8, abs=0.04)

    @pytest.mark.parametrize("length", [21, 32, 100])
    def test_copy_memory(self, length):
        for row, label in pairs("copy_memory", length):
            said = [tasks.load("copy_memory").LABELS[n] for n in label]
            assert row == [*row[:10], *"_" * (length - 21), *">" * 11]
            assert set(row[:10]) <= set("12345678")
            assert said == ["_"] * (length - 10) + row[:10]

    @pytest.mark.parametrize(("length", "number"), [(16, 1), (64, 4), (128, 8), (256, 16), (83, 5)])
    def test_mqar(self, length, number):
        for row, said, places in answers("mqar", length):
            told = dict(zip(row[: 2 * number : 2], row[1 : 2 * number : 2], strict=True))
            rest = row[2 * number :]
            assert len(told) == len(set(told.values())) == number
            assert all(key[0] == "k" and value[0] == "v" for key, value in told.items())
            assert sorted(word for word in rest if len(word) > 1) == sorted(told)
            asked = [n for n in range(2 * number, length) if row[n] in told]
            assert [place - 1 for place in places] == asked
            assert said == [told[row[n]] for n in asked]
            assert all(len(row[place]) == 1 for place in places)  # the answer is not shown

    def test_queries_of_mqar_come_soon_rather_than_late(self):
        labels = drawn("mqar", 64, 2000)["labels"]
        asked = (labels != IGNORED).sum(axis=0)
        assert asked[9] == asked.max()
        assert asked[9] > 3 * asked[9 + 2 * 10] > 0
        assert not asked[:9].any()

    @pytest.mark.parametrize(("length", "number"), [(8, 2), (33, 8), (64, 16), (200, 16)])
    def test_selective_copy(self, length, number):
        for row, said, places in answers("selective_copy", length):
            assert said == [word for word in row if word not in "_>"]
            assert len(said) == number
            assert row[-number - 1 :] == [">"] * (number + 1)
            assert ">" not in row[: -number - 1]
            assert places.tolist() == list(range(length - number, length))

    @pytest.mark.parametrize("length", [8, 64, 200])
    def test_induction(self, length):
        for row, said, places in answers("induction", length):
            first = row.index("!")
            assert row.index("!", first + 1) == length - 2
            assert row.count("!") == 2
            assert said == [row[first + 1]] == [row[-1]]
            assert places.tolist() == [length - 1]

    @pytest.mark.parametrize("length", [2, 40, 500])
    def test_parity(self, length):
        for row, label in pairs("parity", length):
            odd = False
            for bit in row:
                odd ^= bit == "1"
            assert ("even", "odd")[odd] == tasks.load("parity").LABELS[label]

    @pytest.mark.parametrize("length", [2, 3, 4, 40, 41, 300])
    def test_modular_arithmetic(self, length):
        seen = set()
        for row, label in pairs("modular_arithmetic", length):
            text = "".join(row)
            seen |= set(text)
            assert text == text.rstrip("=") + "=" * (1 + length % 2)
            assert label == eval(text.rstrip("=")) % 5
        assert length < 40 or seen == set("01234+-*=")

    @pytest.mark.parametrize("length", [2, 3, 7, 64])
    def test_s5(self, length):
        assert list(tasks.load("s5").LABELS) == ["".join(p) for p in permutations("12345")]
        for row, label in pairs("s5", length):
            state = "12345"
            for factor in row:
                state = "".join(factor[int(place) - 1] for place in state)
            assert state == tasks.load("s5").LABELS[label]

    @pytest.mark.parametrize("length", [4, 5, 6, 32, 33, 64, 200])
    def test_dyck2(self, length):
        deepest = 0
        for row, label in pairs("dyck2", length, 600):
            stack, valid, depth = [], True, 0
            assert row.count("_") == row[:1].count("_") == length % 2
            for word in row[length % 2 :]:
                if word in "([":
                    stack.append(word)
                else:
                    valid &= bool(stack) and stack[-1] + word in ("()", "[]")
                    stack = stack[:-1]
                depth = max(depth, len(stack))
            assert ("invalid", "valid")[valid and not stack] == tasks.load("dyck2").LABELS[label]
            assert depth <= max(8, length // 8)
            deepest = max(deepest, depth)
            for opening, closing in ("()", "[]"):  # counting tells nothing
                assert row.count(opening) == row.count(closing) > 0
        assert deepest == min(max(8, length // 8), length // 2) or length == 200

    def test_shapes_of_dyck2_are_uniform(self):
        rows = drawn("dyck2", 8, 14_000)["input_ids"]
        _, counts = np.unique(rows <= 2, axis=0, return_counts=True)
        assert len(counts) == 14  # the fourth Catalan number
        assert counts == pytest.approx(1000, abs=5 * 1000**0.5)

    def test_neighbours_in_dyck2_tell_nothing(self):
        """An opening bracket right before a closing one of the other kind gives few rows away."""
        rows = drawn("dyck2", 64, 2000)
        ids = rows["input_ids"]
        clash = (ids[:, :-1] <= 2) & (ids[:, 1:] > 2) & (ids[:, 1:] - ids[:, :-1] != 2)
        assert not clash[rows["labels"] == 1].any()
        assert clash[rows["labels"] == 0].any(axis=1).mean() < 0.05

    def test_every_length_of_dyck2_works_from_the_least_on(self):
        """As a schedule of random lengths draws any of them."""
        for length in (*range(4, 40), 4095):
            assert drawn("dyck2", length, 2)["input_ids"].shape == (2, length)

    @pytest.mark.parametrize("length", [4, 16, 33, 200])
    def test_bucket_sort(self, length):
        for row, said, places in answers("bucket_sort", length):
            word = [n for n in row if n != "_"]
            assert row == ["_"] * (length % 2) + word + ["_"] * len(word)
            assert len(word) == length // 2
            assert said == [n for symbol in "01234" for n in word if n == symbol]
            assert places.tolist() == list(range(length - len(word), length))

    @pytest.mark.parametrize("length", [2, 16, 33, 200])
    def test_reverse(self, length):
        for row, said, places in answers("reverse", length):
            word = [n for n in row if n != "_"]
            assert row == ["_"] * (length % 2) + word + ["_"] * len(word)
            assert len(word) == length // 2
            assert "".join(said) == "".join(reversed(word))
            assert places.tolist() == list(range(length - len(word), length))

    @pytest.mark.parametrize("length", [3, 16, 17, 200])
    def test_duplicate(self, length):
        for row, said, places in answers("duplicate", length):
            word = [n for n in row if n != "_"]
            assert row == ["_"] * (length % 3) + word + ["_"] * (2 * len(word))
            assert len(word) == length // 3
            assert said == word + word
            assert places.tolist() == list(range(length - 2 * len(word), length))

    @pytest.mark.parametrize("length", [8, 31, 64, 500])
    def test_listops(self, length):
        for row, label in pairs("listops", length):
            text = [word for word in row if word != "·"]
            assert row == text + ["·"] * (length - len(text))
            assert length // 2 < len(text) <= length
            value, depth, end = listops(text, 0)
            assert (value, end) == (label, len(text))
            assert depth <= 10

    def test_shares_of_listops(self):
        rows = drawn("listops", 512, 500)
        ids = rows["input_ids"]
        operations = np.bincount(ids[(ids > 10) & (ids < 15)] - 11)
        assert operations / operations.sum() == pytest.approx(1 / 4, abs=0.01)
        digits = np.bincount(ids[(ids > 0) & (ids < 11)] - 1)
        assert digits / digits.sum() == pytest.approx(1 / 10, abs=0.01)


def listops(text, place):
    """Value, depth and end of the expression that begins here, by recursion."""
    if text[place].isdigit():
        return int(text[place]), 1, place + 1
    name, deepest, found = text[place], 0, []
    place += 1
    while text[place] != "]":
        value, depth, place = listops(text, place)
        found.append(value)
        deepest = max(deepest, depth)
    assert 2 <= len(found) <= 10
    apply = {
        "[MIN": min,
        "[MAX": max,
        "[MED": lambda values: int(statistics.median(values)),
        "[SM": lambda values: sum(values) % 10,
    }
    return apply[name](found), deepest + 1, place + 1


class TestFloor:
    """The best guess without looking, learned on one split and scored on another."""

    @pytest.mark.parametrize("name", [n for n in NAMES if tasks.load(n).METRIC == "accuracy"])
    def test_of_the_likeliest_answer(self, name):
        task, length, count = tasks.load(name), 64, 4000
        train, test = (
            drawn(name, length, count, split)["labels"].reshape(count, -1)
            for split in ("train", "test")
        )
        if task.HEAD == "AutoModelForCausalLM":  # the same guess wherever one is asked for
            guess = np.bincount(train[train != IGNORED]).argmax()
        else:
            guess = np.array([np.bincount(column.clip(0)).argmax() for column in train.T])
        asked = test != IGNORED
        scores = ((test == guess) & asked).sum(axis=1) / asked.sum(axis=1)
        error = scores.std() / count**0.5  # of rows: what one asks for may lie together
        assert scores.mean() == pytest.approx(tasks.floor(task, length), abs=4 * error + 0.002)

    def test_of_adding_is_the_variance_of_the_sum(self):
        labels = drawn("adding", 64, 20_000, "test")["labels"]
        assert ((labels - 1) ** 2).mean() == pytest.approx(tasks.load("adding").FLOOR, rel=0.03)
        assert labels.mean() == pytest.approx(1, abs=0.01)

    def test_of_copy_memory_is_the_published_one(self):
        floors = [tasks.floor(tasks.load("copy_memory"), gap + 20) for gap in (500, 1000, 2000)]
        assert [round(nats, 4) for nats in floors] == [0.04, 0.0204, 0.0103]

    def test_of_copy_memory_is_the_cross_entropy_of_frequencies(self):
        train, test = (
            drawn("copy_memory", 64, 4000, split)["labels"] for split in ("train", "test")
        )
        chances = (train[:, :, None] == np.arange(9)).mean(axis=0)
        given = np.take_along_axis(chances.T, test, axis=0)
        nats = -np.log(given).mean()
        assert nats == pytest.approx(tasks.floor(tasks.load("copy_memory"), 64), rel=0.01)

    @pytest.mark.parametrize("length", [2, 4, 6, 8, 12, 20])
    def test_of_modular_arithmetic_where_it_is_above_one_in_five(self, length):
        labels = drawn("modular_arithmetic", length, 20_000)["labels"]
        floor = tasks.floor(tasks.load("modular_arithmetic"), length)
        assert (labels == 0).mean() == pytest.approx(floor, abs=0.012)
        assert floor == pytest.approx({2: 0.2, 4: 0.2 + 4 / 75}.get(length, floor))

    @pytest.mark.parametrize("length", [4, 6, 10, 200])
    def test_of_bucket_sort(self, length):
        labels = drawn("bucket_sort", length, 4000)["labels"]
        sorted_ = labels[:, length - length // 2 :]
        most = [np.bincount(column).max() / 4000 for column in sorted_.T]
        floor = tasks.floor(tasks.load("bucket_sort"), length)
        assert np.mean(most) == pytest.approx(floor, abs=0.02)

    @pytest.mark.parametrize("length", [8, 96, 512, 2048])
    def test_of_listops(self, length):
        labels = drawn("listops", length, 4096)["labels"]
        shares = np.bincount(labels, minlength=10) / len(labels)
        floor = tasks.floor(tasks.load("listops"), length)
        assert shares[0] == pytest.approx(floor, abs=0.02)
        assert shares.max() == pytest.approx(floor, abs=0.025)
