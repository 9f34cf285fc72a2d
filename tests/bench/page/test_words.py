"""Words that sentences share."""

import pytest

from bench.page import words


@pytest.mark.parametrize(
    ("arm", "said"),
    [("lstm", "an LSTM"), ("gru", "a GRU"), ("rnn", "an Elman RNN"),
     ("transformer", "a transformer"), ("somebody_elses", "a somebody_elses"), ("own", "an own")],
)  # fmt: skip
def test_an_article_is_that_of_the_name_as_it_is_said(arm, said):
    assert words.an(arm) == said


def test_a_place_says_whose_token_ids_where_a_record_does():
    row = {"comparison": "scratch", "task": "package", "data": "offline", "device": "cpu",
           "batch_size": "1024 tokens"}  # fmt: skip
    assert words.where(row) == "scratch, task package, cpu, batch 1024 tokens"
    said = words.where(row | {"tokenizer": "corpus"})
    assert said == "scratch, task package, cpu, batch 1024 tokens, corpus tokenizer"
    assert words.tokenizer(row) == words.tokenizer(row | {"tokenizer": float("nan")}) == []
