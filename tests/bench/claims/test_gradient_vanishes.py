"""The first claim: of reaches with a known answer, and of the published records."""

import pytest

from bench import claims
from bench.claims import gradient_vanishes as claim
from bench.page.judgement import DEPENDS, MOST_WORDS, REFUTED, SUPPORTED, UNDECIDED, overall


def at(length, tokens, seeds=6, **more):
    return {"length": length, "reaches": [tokens] * seeds} | more


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([at(64, 12), at(256, 12)], SUPPORTED),
        ([at(64, 12), at(256, 14)], SUPPORTED),
        ([at(64, 12), at(256, 40)], DEPENDS),
        ([at(64, 50, fate="lasts"), at(256, 55)], DEPENDS),
        ([at(64, 63), at(256, 255)], REFUTED),
        ([at(256, 255)], UNDECIDED),
        ([at(128, 127), at(256, 255)], UNDECIDED),
        ([at(256, 12)], UNDECIDED),
        ([at(64, 12), at(128, 12)], UNDECIDED),
        ([at(64, 12), at(256, 12, seeds=5)], UNDECIDED),
        ([at(64, 12, fate="not finite"), at(256, 12, fate="not finite")], UNDECIDED),
    ],
)
def test_states(gradient, rows, state):
    (judgement,) = claim.judge(gradient(*rows))
    assert judgement.state == state
    assert bool(judgement.why) is (state == UNDECIDED)
    assert len(judgement.records) == sum(len(row["reaches"]) for row in rows)
    assert judgement.scope["arm"] == "lstm"
    assert judgement.scope["lengths"] == [row["length"] for row in rows]


def test_one_window_however_far_it_is_reached_says_nothing_of_longer_ones(gradient):
    (judgement,) = claim.judge(gradient(at(256, 255, initialization="chrono, to 256")))
    assert judgement.why == "no window 4 times as long"
    (judgement,) = claim.judge(gradient(at(64, 63), at(256, 255, seeds=5)))
    assert "seeds" in judgement.why


def test_lengths_with_too_few_seeds_are_left_out(gradient):
    """Whatever they are, between the others or beyond, and not said to hold."""
    few = [at(length, length - 1, seeds=5) for length in (32, 128, 1024)]
    rows = at(64, 12), at(256, 12)
    (judgement,) = claim.judge(gradient(*few, *rows))
    assert judgement.state == SUPPORTED
    assert judgement.scope["lengths"] == [64, 256]
    assert [effect.where["length"] for effect in judgement.effects] == [64, 256]
    assert len(judgement.records) == 12


def test_a_gradient_that_is_zero_far_away_has_vanished(gradient):
    """In all seeds or in some: nothing over nothing is no growth."""
    rows = [at(64, None), at(256, None)]
    (nothing,) = claim.judge(gradient(*rows))
    assert nothing.state == SUPPORTED
    assert "0 of 63 tokens" in nothing.sentence
    mixed = {"length": 256, "reaches": [12] * 5 + [None]}
    (judgement,) = claim.judge(gradient(at(64, 12), mixed))
    assert judgement.state == SUPPORTED


def test_from_a_length_on_is_said_only_where_it_holds_at_every_longer_one(gradient):
    lasting = {"fate": "lasts"}
    (judgement,) = claim.judge(gradient(at(64, 50, **lasting), at(256, 55), at(512, 55)))
    assert "it vanishes from T=256 on" in judgement.sentence
    rows = at(64, 50, **lasting), at(256, 55), at(512, 90, **lasting), at(1024, 55)
    (judgement,) = claim.judge(gradient(*rows))
    assert "it vanishes at some lengths only" in judgement.sentence
    (judgement,) = claim.judge(gradient(at(64, 12), at(256, 200, **lasting)))
    assert "it vanishes up to T=64" in judgement.sentence


def test_a_sentence_holds_what_it_is_about(gradient):
    (judgement,) = claim.judge(gradient(at(64, 12), at(8192, 12)))
    assert judgement.sentence == (
        "LSTM (scratch, package, at initialisation, cpu): the gradient reaches 12 of 63 tokens, "
        "12 of 8,191; it vanishes, however long the window."
    )


def test_of_a_length_that_is_there_twice_that_of_most_seeds_counts(gradient):
    rows = at(64, 12), at(256, 90, seeds=1, clip_norm=0.05), at(256, 12)
    (judgement,) = claim.judge(gradient(*rows))
    assert judgement.state == SUPPORTED


def test_what_nobody_asks_makes_no_scope_of_its_own(gradient):
    rows = [at(64, 12, threads=threads) for threads in (1, 2)]
    (judgement,) = claim.judge(gradient(*rows, at(256, 12), at(256, 12, kernel="loop")))
    assert judgement.state == SUPPORTED


def test_it_is_of_recurrent_networks_before_training_and_each_is_a_scope(gradient):
    rows = [at(64, 12), at(256, 12), at(256, 255, when="100%")]
    rows += [at(length, length - 1, arm=arm) for arm in ("gru", "transformer") for length in
             (64, 256)]  # fmt: skip
    found = claim.judge(gradient(*rows))
    assert [(j.scope["arm"], j.state) for j in found] == [("lstm", SUPPORTED), ("gru", REFUTED)]
    assert overall(found) == DEPENDS


def test_numbers_stand_beside_the_sentence(gradient):
    (judgement,) = claim.judge(gradient(at(64, 12), {"length": 256, "reaches": range(8, 14)}))
    numbers = [(e.where["length"], e.value, e.n, e.unit) for e in judgement.effects]
    assert numbers == [(64, 12.0, 6, "tokens"), (256, pytest.approx(10.5, rel=0.01), 6, "tokens")]
    assert (judgement.effects[1].low, judgement.effects[1].high) == pytest.approx(
        (8.34, 12.63), rel=0.01
    )


def test_its_headline_says_how_far_each_reaches_and_where_not(gradient):
    rows = [at(length, tokens, arm=arm) for arm, tokens in (("rnn", 9), ("lstm", 12), ("gru", 11))
            for length in (64, 8192)]  # fmt: skip
    chrono = {"comparison": "chrono", "initialization": "chrono, to 256"}
    rows += [at(length, length - 1, **chrono) for length in (64, 256)]
    found = claim.judge(gradient(*rows))
    assert claim.headline(found) == (
        "Of 8,192 tokens the gradient reaches 9 in an Elman RNN, 12 in an LSTM and 11 in a GRU; "
        "supported in 3 of 4 scopes, refuted in 1; not with chrono initialisation."
    )
    assert claim.headline(found[-1:]) == found[-1].sentence


def test_the_published_records_say_it_of_every_recurrence(published):
    evidence = published["gradients"]
    judged = claims.judge("gradient_vanishes", evidence)
    said = {
        j.scope["arm"]: j
        for j in judged.judgements
        if (j.scope["comparison"], j.scope["task"]) == ("scratch", "package")
    }
    assert {arm: j.state for arm, j in said.items()} == {
        "rnn": SUPPORTED, "lstm": SUPPORTED, "gru": SUPPORTED,
    }  # fmt: skip
    assert "12 [12, 13] of 8,191" in said["lstm"].sentence
    assert "12 [12, 13] in an LSTM" in judged.headline
    assert "supported in 3 of 38 scopes, 35 undecided" in judged.headline
    assert len(judged.headline.split()) <= MOST_WORDS
    assert all(evidence.by_key.keys() >= set(j.records) and j.records for j in judged.judgements)
    assert f"of {len(judged.judgements)} scopes" in judged.undecided
    reach = evidence["reach"]
    row = reach[(reach["arm"] == "lstm") & (reach["length"] == 8192)].iloc[0]
    effect = said["lstm"].effects[-1]
    assert (effect.value, effect.low, effect.high) == (
        row["reach_tokens"], row["reach_tokens_low"], row["reach_tokens_high"],
    )  # fmt: skip
