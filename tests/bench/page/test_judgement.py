"""States, sentences of at most 35 words, and what several scopes say together."""

import pytest

from bench.page.judgement import (
    DEPENDS,
    MOST_WORDS,
    REFUTED,
    STATES,
    SUPPORTED,
    UNDECIDED,
    Judgement,
    overall,
)


def of(*states):
    return [Judgement({}, state, "It is so.") for state in states]


def test_a_state_is_one_of_four():
    assert [judgement.state for judgement in of(*STATES)] == list(STATES)
    with pytest.raises(ValueError, match=r"state must be one of supported, .*Got 'maybe'"):
        of("maybe")


def test_a_sentence_has_at_most_35_words():
    assert MOST_WORDS == 35
    Judgement({}, SUPPORTED, " ".join(["word"] * 35))
    for words in (0, 36):
        with pytest.raises(ValueError, match=f"at most 35 words. Got {words}: "):
            Judgement({}, SUPPORTED, " ".join(["word"] * words))


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ([], UNDECIDED),
        ([UNDECIDED, UNDECIDED], UNDECIDED),
        ([SUPPORTED, UNDECIDED], SUPPORTED),
        ([REFUTED, REFUTED], REFUTED),
        ([SUPPORTED, REFUTED], DEPENDS),
        ([SUPPORTED, DEPENDS], DEPENDS),
        ([DEPENDS], DEPENDS),
    ],
)
def test_what_cannot_be_decided_is_silent_where_others_can(states, together):
    assert overall(of(*states)) == together
