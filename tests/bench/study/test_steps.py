"""How many rows a step has: rows, or tokens that are the same at every length."""

import pytest

from bench import study
from bench.study import StudyError, steps

from ...conftest import TINY
from .files import written

ROWS = 'length = [16, 32, 64]\narm = ["lstm", "transformer"]\nbatch_size = 2\n'


def grid(*settings):
    return TINY.read_text().replace(ROWS, ROWS.replace("batch_size = 2\n", "".join(settings)))


def speed(tmp_path, *settings):
    planned = study.load(written(tmp_path, grid(*settings)))
    return {c.length: c.protocol for c in planned.cells if c.probe == "speed"}


def test_tokens_are_the_same_at_every_length(tmp_path):
    found = speed(tmp_path, "tokens_per_step = 128\n")
    assert {length: p["batch_size"] for length, p in found.items()} == {16: 8, 32: 4, 64: 2}
    assert {p["tokens_per_step"] for p in found.values()} == {128}


def test_what_does_not_divide_is_rounded_to_whole_rows(tmp_path):
    assert speed(tmp_path, "tokens_per_step = 100\n")[64]["batch_size"] == 1


def test_rows_are_what_is_held_otherwise(tmp_path):
    for settings, rows in ((("batch_size = 3\n",), 3), ((), 8)):
        found = speed(tmp_path, *settings)
        assert {(p["batch_size"], p["tokens_per_step"]) for p in found.values()} == {(rows, 0)}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("tokens_per_step = 63\n",), "at least the longest window, 64 tokens, .* Got 63"),
        (("tokens_per_step = 0\n",), "at least the longest window, 64 tokens, .* Got 0"),
        (("tokens_per_step = 640\n", "batch_size = 2\n"), "Got both: leave one out"),
        (("tokens_per_step = -1\n",), "expected at least 0. Got -1"),
        (("tokens_per_step = 64.0\n",), "expected a whole number. Got 64.0"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, settings, said):
    text = grid(*settings)
    with pytest.raises(StudyError, match=said) as error:
        study.load(written(tmp_path, text))
    line = int(str(error.value).split(":")[1])
    assert "tokens_per_step" in text.splitlines()[line - 1]


def test_a_probe_of_rows_has_no_such_setting(tmp_path):
    text = TINY.read_text().replace("new_tokens = 3", "new_tokens = 3\ntokens_per_step = 64")
    with pytest.raises(StudyError, match="unknown field 'tokens_per_step'"):
        study.load(written(tmp_path, text))
    assert steps.at({"batch_size": 4}, 64) == {"batch_size": 4}
