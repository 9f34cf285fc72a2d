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
