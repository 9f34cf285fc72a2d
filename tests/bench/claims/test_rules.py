"""What several claims share; and what holds for every registered claim on published records."""

import pytest

from bench import claims, registry
from bench.claims.rules import said
from bench.claims.rules.lengths import FEW_SEEDS, Decided, quoted, together, where
from bench.page import words
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.judgement import DEPENDS, REFUTED, STATES, SUPPORTED, UNDECIDED, Judgement

from ..report.runs import retold


@pytest.mark.parametrize(
    ("holds", "text"),
    [
        ([False, True, True], "from T=256 on"),
        ([True, False, False], "up to T=64"),
        ([True, True, False], "up to T=256"),
        ([True, False, True], "at some lengths only"),
        ([False, True, False], "at some lengths only"),
    ],
)
def test_where_it_turns(holds, text):
    assert where([64, 256, 1024], holds) == text


@pytest.mark.parametrize(
    ("states", "found", "length"),
    [
        ([SUPPORTED, UNDECIDED, SUPPORTED], Decided(SUPPORTED), 1024),
        ([REFUTED, UNDECIDED, UNDECIDED], Decided(REFUTED), 64),
        ([SUPPORTED, REFUTED, UNDECIDED], Decided(DEPENDS, "up to T=64"), 64),
        ([UNDECIDED] * 3, Decided(UNDECIDED, "too few"), 1024),
    ],
)
def test_lengths_together(states, found, length):
    at = {
        n: Decided(state, "too few" if state == UNDECIDED else "")
        for n, state in zip((64, 256, 1024), states, strict=True)
    }
    assert together(at) == found
    assert quoted(at, found, dict.fromkeys(at, 6)) == length


def test_a_length_with_seeds_enough_is_quoted_before_a_longer_one():
    at = dict.fromkeys((64, 256, 1024), Decided(UNDECIDED, "straddles"))
    assert quoted(at, together(at), {64: 6, 256: 6, 1024: 3}) == 256


def test_arms_have_their_article():
    assert [words.an(arm) for arm in ("lstm", "gru", "rnn", "transformer")] == [
        "an LSTM", "a GRU", "an Elman RNN", "a transformer",
    ]  # fmt: skip


def test_a_sentence_begins_with_an_article_or_a_name():
    assert [said.begins(arm) for arm in ("transformer", "lstm", "rnn")] == [
        "A transformer", "LSTM", "Elman RNN",
    ]  # fmt: skip


def test_few_seeds_are_as_few_as_everywhere():
    assert (EXPLORATORY, FEW_SEEDS) == (6, "fewer than six seeds")


def test_no_more_is_said_than_fits():
    assert said.fitting("one " * 33 + "two", " three four", " five") == "one " * 33 + "two."
    assert said.fitting("one", "", "; two") == "one; two."


def test_exceptions_name_the_coordinate_that_tells():
    def judged(state, **scope):
        return Judgement(scope, state, "So it is.")

    held = judged(SUPPORTED, arm="lstm", layers=1)
    assert said.exceptions([held, judged(REFUTED, arm="lstm", layers=2)]) == "; not with 2 layers"
    assert said.exceptions([held, judged(REFUTED, arm="rnn", layers=1)]) == "; not in an Elman RNN"
    assert said.exceptions([held, judged(REFUTED, arm="lstm", layers=1)]) == ""
    assert said.exceptions([held]) == ""


@pytest.mark.parametrize(
    ("states", "text"),
    [
        ([SUPPORTED], "supported in 1 of 1 scope"),
        ([SUPPORTED] * 2 + [UNDECIDED] * 14, "supported in 2 of 16 scopes, 14 undecided"),
        (
            [SUPPORTED] * 3 + [REFUTED] * 2 + [UNDECIDED] * 33,
            "supported in 3 of 38 scopes, refuted in 2, 33 undecided",
        ),
        ([SUPPORTED, DEPENDS], "supported in 1 of 2 scopes, it depends in 1"),
    ],
)
def test_all_scopes_are_counted(states, text):
    found = [Judgement({}, state, "So it is.") for state in states]
    assert said.counted(found) == text


def test_the_commonest_is_not_told_as_if_it_were_of_all():
    found = [Judgement({}, state, "So it is.") for state in (REFUTED, UNDECIDED)]
    assert said.commonest(found[:1]) == "So it is."
    assert said.commonest(found) == (
        "So it is; supported in 0 of 2 scopes, refuted in 1, 1 undecided."
    )


@pytest.mark.parametrize("name", registry.claims())
def test_every_claim_says_whether_many_scopes_are_corrected_for(name):
    looks = registry.claims()[name].literals["LOOKS"]
    assert any(words in looks for words in ("Holm", "no correction", "counted"))


@pytest.mark.parametrize("name", registry.claims())
def test_every_judgement_of_published_records_can_be_followed_up(published, name):
    """It names a registered picture, its records and its scope; its numbers lie in intervals."""
    pictures = {
        picture.name
        for probe in registry.probes()
        for section in registry.part(probe, "section").SECTIONS
        for picture in section.pictures
    }
    for evidence in published.values():
        judged = claims.judge(name, evidence)
        assert judged.headline or not judged.decided
        for each in judged.judgements:
            assert each.figure in pictures, f"{name}: no picture is called {each.figure!r}"
            assert each.records
            assert evidence.by_key.keys() >= set(each.records)
            assert set(judged.literals["SCOPE"]) <= each.scope.keys()
            assert each.state in STATES
            assert bool(each.why) is (each.state == UNDECIDED)
            for effect in each.effects:
                assert evidence.by_key.keys() >= set(effect.records)
                assert effect.low is None or effect.low <= effect.value <= effect.high


def test_a_scope_has_what_its_records_have_in_common(published):
    """Whose token ids, and the tokens of a step where they are held; of before neither is said."""
    before = published["gradients"].records

    def asked(record):
        record["model"]["tokenizer"] = {"name": "corpus", "vocab_size": 4096}
        record["cell"]["model"]["tokenizer"] = "corpus"
        record["cell"]["protocol"]["tokens_per_step"] = 1024

    for records, expected in (
        (before, set()),
        (retold(before, asked), {("corpus", "1024 tokens")}),
    ):
        judged = claims.judge("recurrence_trains_slowly", Evidence(records))
        found = {(j.scope.get("tokenizer"), j.scope.get("step")) for j in judged.judgements}
        assert found - {(None, None)} == expected
        assert found
