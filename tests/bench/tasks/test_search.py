"""Retrieval: which functions are searched, and that every query has one right answer."""

import re

import numpy as np
import pytest

from bench import tasks
from bench.tasks import LengthError, search


def drawn(corpus, split="train", length=64, count=100, seed=0, first=0):
    return tasks.draw("search", corpus, split, length, count, seed, first)


def lines(rows):
    return [ids[mask.astype(bool)] for ids, mask in
            zip(rows["query_ids"], rows["query_mask"], strict=True)]  # fmt: skip


@pytest.mark.parametrize("split", tasks.SPLITS)
@pytest.mark.parametrize("length", [16, 64, 1024])
def test_a_block_holds_every_line_and_every_window_once(length, split, corpus):
    rows = drawn(corpus, split, length=length, count=tasks.BLOCK)
    for name in ("query_ids", "input_ids"):
        assert len(np.unique(rows[name], axis=0)) == tasks.BLOCK >= 1000


def test_windows_and_queries_are_framed_and_padded(corpus):
    rows = drawn(corpus)
    assert rows["input_ids"].shape == (100, 64)
    assert rows["query_ids"].shape == rows["query_mask"].shape == (100, search.QUERY_LENGTH)
    assert all(array.dtype == np.int64 for array in rows.values())
    assert corpus.pad_id not in rows["input_ids"]
    for row in (*rows["input_ids"], *lines(rows)):
        assert (row[0], row[-1]) == (corpus.cls_id, corpus.sep_id)
        assert corpus.pad_id not in row
    rest = rows["query_ids"][rows["query_mask"] == 0]
    assert set(rest.tolist()) == {corpus.pad_id}


@pytest.mark.parametrize("length", [16, 256])
def test_a_query_is_the_line_of_the_function_that_its_window_begins_with(length, corpus):
    functions, rows = corpus.functions, drawn(corpus, "validation", length)
    here = np.asarray(corpus.split)[functions.file] == "validation"
    known = {}
    for n in np.flatnonzero(here):
        line = functions.summaries[slice(*functions.summary_offsets[n : n + 2])]
        known.setdefault(line[: search.QUERY_LENGTH - 2].tobytes(), []).append(n)
    shorter = 0
    for query, window in zip(lines(rows), rows["input_ids"], strict=True):
        window = window[1:-1].astype(np.int32)
        matches = []
        for n in known[query[1:-1].astype(np.int32).tobytes()]:
            matches.append(np.array_equal(window, corpus.code[functions.start[n] :][: len(window)]))
            shorter += functions.stop[n] - functions.start[n] < len(window)
        assert any(matches)
    assert shorter > 0 or length == 16


@pytest.mark.parametrize("length", [64, 256])
@pytest.mark.parametrize("split", tasks.SPLITS[1:])
def test_hardly_a_query_stands_in_the_window_of_another(split, length, corpus):
    """Word for word; 0.7% at most over CPython 3.11, comments and messages."""
    rows = drawn(corpus, split, length, tasks.BLOCK)
    width, told = 4, 0
    text = rows["input_ids"].astype(np.int32).tobytes()  # no query has a mark, so none crosses one
    for n, line in enumerate(lines(rows)):
        query, place = line[1:-1].astype(np.int32).tobytes(), -1
        while (place := text.find(query, place + 1)) >= 0:
            if place % width == 0 and place // width // length != n:
                told += 1
                break
    assert told < 0.015 * tasks.BLOCK


def test_rows_do_not_depend_on_what_is_drawn_beside_them(corpus):
    many = drawn(corpus, count=50)
    for count, first in ((1, 0), (9, 0), (20, 30)):
        some = drawn(corpus, count=count, first=first)
        for name in many:
            assert np.array_equal(some[name], many[name][first : first + count])
    assert not np.array_equal(drawn(corpus, seed=1, count=50)["input_ids"], many["input_ids"])


def test_more_rows_than_functions_are_refused_with_their_number(corpus):
    def at_once(count):
        return search.rows(corpus, "test", 64, count, np.random.default_rng(0))

    with pytest.raises(LengthError, match=r"the test split has (\d+) functions") as caught:
        at_once(10_000)
    number = int(re.search(r"has (\d+) functions", str(caught.value))[1])
    assert tasks.size(at_once(number)) == number
    with pytest.raises(LengthError):
        at_once(number + 1)


def test_a_window_longer_than_the_split_is_refused(corpus):
    for split in tasks.SPLITS:
        assert tasks.size(drawn(corpus, split, search.LENGTHS[1], 8)) == 8
    with pytest.raises(LengthError, match="its longest is"):
        drawn(corpus, "test", 10_000_000, 1)


def test_floor_is_a_random_order_of_a_thousand():
    assert search.chance(1000) == pytest.approx(search.FLOOR, abs=5e-5)
    generator = np.random.default_rng(0)
    ranks = generator.integers(1, 1001, 200_000)
    assert (1 / ranks).mean() == pytest.approx(search.chance(1000), rel=0.05)
