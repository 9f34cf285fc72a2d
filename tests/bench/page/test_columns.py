"""What columns are called where people read."""

import pytest

from bench.page import columns


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("tokens_per_s", "tokens per second"),
        ("peak_tensor_bytes", "peak tensor"),
        ("loss_nats", "loss (nats)"),
        ("zero_share", "zero, share"),
        ("arm", "model"),
        ("anything_of_mine", "anything of mine"),
        ("compile_s", "compile"),
    ],
)
def test_headings_are_words(column, words):
    assert columns.words(column) == words
