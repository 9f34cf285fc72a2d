"""Rows of one figure, and its name."""

import re

import pandas as pd
import pytest

from bench.page.facets import FACET, facets, same, stem, usual

ROW = {
    "comparison": "scratch", "task": "parity", "data": "offline", "device": "cpu",
    "dtype": "float32", "denormals": "keep", "threads": "all",
    "phase": "training", "batch_size": 8, "seed": 0,
}  # fmt: skip


def frame(*changes):
    return pd.DataFrame(
        [ROW | {"phase": "training", "batch_size": 8, "seed": 0} | c for c in changes]
    )


def split(rows, **by):
    return {name: part.index.tolist() for name, part in facets(rows, **by)}


def test_no_rows_are_no_figure():
    assert facets(pd.DataFrame()) == []


def test_a_name_says_what_is_not_the_default():
    assert set(FACET) < set(ROW)
    rows = frame({}, {"threads": 1}, {"data": "sst2"}, {"denormals": "flush"}, {})
    assert split(rows) == {
        "scratch, parity, cpu, float32": [0, 4],
        "scratch, parity, cpu, float32, threads 1": [1],
        "scratch, parity, sst2, cpu, float32": [2],
        "scratch, parity, cpu, float32, flush": [3],
    }
    assert split(rows, by=["task"]) == {"parity": [0, 1, 2, 3, 4]}


def test_clipping_is_named_where_it_is_not_the_usual():
    rows = frame({"clip_norm": 1.0}, {"clip_norm": 0.5})
    by = ["task", "clip_norm"]
    assert split(rows, by=by) == {"parity": [0], "parity, clipped at 0.5": [1]}


def test_batch_sizes_share_a_figure_where_each_phase_has_one():
    apart = frame({}, {"phase": "forward", "batch_size": 64})
    assert split(apart, by=["task"]) == {"parity": [0, 1]}
    mixed = frame({}, {"batch_size": 64})
    assert split(mixed, by=["task"]) == {"parity, batch 8": [0], "parity, batch 64": [1]}


def test_files_are_called_as_the_facet_is():
    assert stem("reach_by_length", "scratch, copy_memory, cpu, float32, threads 1") == (
        "reach_by_length-scratch-copy_memory-cpu-float32-threads-1"
    )
    assert stem("norms", "") == "norms"


@pytest.mark.parametrize(
    ("one", "other"),
    [("A", "a"), ("x+", "x-"), ("小", "大"), ("a-b", "a b"), ("a_b", "a-b"), ("$x$", "x"),
     ("a" * 300, "a" * 301), ("..", "."), ("[/x]", "x")],
)  # fmt: skip
def test_names_that_differ_are_files_that_differ_whatever_the_file_system(one, other):
    stems = [stem("reach", f"{name}, parity, cpu, float32") for name in (one, other)]
    assert stems[0].lower() != stems[1].lower()
    for text in stems:
        assert re.fullmatch(r"[a-z0-9_-]{1,120}", text)


def test_the_usual_setting_is_what_most_rows_of_a_task_have():
    rows = frame({"threads": 1}, {"threads": 1}, {}, {"task": "s5"})
    assert usual(rows, ["threads"]).index.tolist() == [0, 1, 3]


def test_rows_of_another_table_of_the_same_facet():
    rows = frame({}, {"seed": 1}, {"task": "s5"})
    assert same(rows, rows.iloc[:1]).index.tolist() == [0]
    assert same(pd.DataFrame(), rows).empty
