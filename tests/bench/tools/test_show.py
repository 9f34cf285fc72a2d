"""Rows as a person reads them."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import cli, registry, tasks
from bench.tools import show

WIDTH = 72


@pytest.fixture(params=registry.tasks())
def name(request):
    return request.param


def opened(name, corpus):
    return corpus if tasks.needs(name) == "library" else tasks.open_data(name, "offline", "")


def printed(name, data, length=64, row=0, width=WIDTH):
    task = tasks.load(name)
    rows = tasks.draw(name, data, "train", length, row + 1, seed=0)
    return (
        task,
        {key: array[row] for key, array in rows.items()},
        list(show.lines(task, data, rows, row, width)),
    )


def test_every_task_fits_the_width_and_shows_all_of_its_input(name, corpus):
    data = opened(name, corpus)
    task, row, lines = printed(name, data)
    assert lines
    assert max(map(len, lines)) <= WIDTH
    text = " ".join(lines)
    if "features" in row:
        numbers = [float(found) for found in re.findall(r"(?<=\s)\d(?:\.\d+)?(?=\s|$)", text)]
        for value in row["features"][:, 0]:
            assert min(abs(number - value) for number in numbers) <= 0.0051
        return
    ids = row["input_ids"]
    if "attention_mask" in row:
        ids = ids[row["attention_mask"].astype(bool)]
    for symbol in show._symbols(task, data, ids):
        assert symbol in text


class TestColumns:
    def test_labels_stand_under_their_tokens(self):
        """At every position of a block, the label begins where its token begins."""
        task, row, lines = printed("mqar", None, width=40)
        seen, tokens = [], ""
        for line in lines[:-1]:
            if re.match(r"  (input_ids|\+\d+) ", line):
                tokens = line
            else:
                places = (found.start() for found in re.finditer(r"\S+", line))
                seen += [tokens[place:].split()[0] for place in places if place > 10]
        asked = np.flatnonzero(row["labels"] != -100)
        assert seen == [task.SYMBOLS[row["input_ids"][place]] for place in asked]

    def test_blocks_where_nothing_is_asked_have_no_line_for_it(self):
        _, row, lines = printed("mqar", None, width=40)
        asked = row["labels"] != -100
        assert not asked[:8].any()
        assert lines[0].startswith("  input_ids")
        assert lines[1] == ""
        assert "" not in [line.strip() for line in lines if line]

    def test_every_block_tells_where_it_begins(self):
        _, row, lines = printed("parity", None)
        begins = [0, *(int(found) for line in lines for found in re.findall(r"^  \+(\d+) ", line))]
        symbols = "".join(re.sub(r"^  (input_ids|\+\d+)", "", line) for line in lines[:-1]).split()
        assert symbols == [tasks.load("parity").SYMBOLS[n] for n in row["input_ids"]]
        counts = [len(re.sub(r"^  (input_ids|\+\d+)", "", line).split()) for line in lines[:-1]]
        assert begins == np.cumsum([0, *counts[:-1]]).tolist()

    def test_a_token_wider_than_the_terminal_has_a_line_of_its_own(self):
        lines = list(show._columns({"input_ids": ["a" * 30, "b"]}, 20))
        assert [line.split()[-1] for line in lines] == ["a" * 30, "b"]


class TestHeads:
    def test_a_class_is_named(self):
        task, row, lines = printed("parity", None)
        assert lines[-1] == f"  label: {task.LABELS[row['labels']]}"

    def test_an_answer_is_underlined_and_said(self, corpus):
        _, row, lines = printed("answers", corpus, width=10_000)
        start, stop = int(row["start_positions"]), int(row["end_positions"]) + 1
        symbols = corpus.symbols(row["input_ids"])
        tokens, marks, said = lines
        assert said == f"  answer: {' '.join(symbols[start:stop])}"
        first, last = marks.index("^"), marks.rindex("^") + 1
        assert tokens[first:last].split() == symbols[start:stop]

    def test_a_target_is_shown_without_what_the_loss_passes_over(self, corpus):
        _, row, lines = printed("docstring", corpus, width=10_000)
        labels = row["labels"][row["labels"] != -100]
        assert lines[1].split() == ["labels", *corpus.symbols(labels)]

    def test_a_language_model_is_told_that_labels_are_the_tokens(self, corpus):
        _, _, lines = printed("language", corpus)
        assert lines[-1] == "  labels: the same tokens, each from those before it"

    def test_a_query_is_shown_without_padding(self, corpus):
        _, row, lines = printed("search", corpus, width=10_000)
        query = row["query_ids"][row["query_mask"].astype(bool)]
        assert lines[0].split() == ["query_ids", *corpus.symbols(query)]
        assert lines[0].endswith("[SEP]")

    def test_an_image_is_drawn_in_characters(self):
        data = tasks.open_data("digits", "offline", "")
        for length, width, size in [(64, 80, (8, 16)), (4096, 80, (64, 64)), (4096, 50, (32, 32))]:
            _, row, lines = printed("digits", data, length, width=width)
            assert lines[0].split() == ["input_ids", *data.symbols(row["input_ids"][:6])]
            picture = [line[2:].ljust(size[1]) for line in lines[1:]]
            assert (len(picture), max(map(len, picture))) == size

    def test_ink_is_dark(self):
        data = tasks.open_data("digits", "offline", "")
        _, row, lines = printed("digits", data)
        shades = [[show._INK.index(char) for char in line[2:].ljust(16)[::2]] for line in lines[1:]]
        pixels = row["pixel_values"][0]
        assert np.corrcoef(np.ravel(shades), pixels.ravel())[0, 1] > 0.99


class TestCommand:
    def test_shows_as_many_rows_as_asked_of_the_split_and_seed(self, rvt):
        done = rvt("show", "reverse", "--length", "16", "--rows", "2", "--split", "test")
        assert done.code == 0, done.err
        assert done.out.splitlines()[0].startswith("reverse, test split, T=16, seed 0; AutoModel")
        assert [line for line in done.out.splitlines() if line.startswith("row ")] == [
            "row 0",
            "row 1",
        ]
        assert max(map(len, done.out.splitlines())) <= 120
        again = rvt("show", "reverse", "--length", "16", "--rows", "2", "--seed", "1")
        assert again.out != done.out

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["parit"], "Did you mean 'parity'"),
            (["parity", "--split", "tset"], "unknown split 'tset'"),
            (["parity", "--split", "dev"], "Choose from: test, train, validation"),
            (["parity", "--length", "1000000"], "expected a length from"),
            (["parity", "--length", "-1"], "Got -1"),
            (["parity", "--rows", "0"], "expected at least one row"),
            (["parity", "--seed", "-1"], "expected a seed of 0 or more"),
            (["digits", "--length", "100"], "64, 256, 1024, 4096"),
            (["parity", "--data", "nowhere"], "nowhere"),
            (["package", "--data", "imdb", "--length", "1000000"], "expected a length from"),
        ],
    )
    def test_wrong_requests_exit_2_and_name_the_choices(self, arguments, words):
        done = CliRunner().invoke(cli.app, ["show", *arguments])
        assert done.exit_code == 2, done
        assert words in done.stderr
        assert not done.stdout

    def test_mistakes_are_answered_without_torch(self, rvt, without_torch):
        done = rvt("show", "parit", env=without_torch)
        assert done.code == 2
        assert "Did you mean 'parity'" in done.err
        assert rvt("show", "parity", env=without_torch).code == 0
