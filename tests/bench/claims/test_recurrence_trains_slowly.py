"""Training steps: directions at each length, taken together, and a sentence to be quoted."""

import math

import pandas as pd
import pytest

from bench import claims
from bench.claims import recurrence_trains_slowly as claim
from bench.page.judgement import DEPENDS, MOST_WORDS, REFUTED, SUPPORTED, UNDECIDED
from bench.statistics.directions import DELTA

from ...timed import directions, evidence

PLACE = "(scratch, package, cpu, 1 thread)"


def judged(*found, **others):
    return claim.judge({"directions": directions(*found, **others)})


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([(64, 1.2, "longer"), (512, 1.77, "longer")], SUPPORTED),
        ([(64, 1.02, "undecided"), (512, 1.77, "longer")], SUPPORTED),
        ([(64, 0.6, "shorter"), (512, 0.7, "shorter")], REFUTED),
        ([(64, 1.0, "same")], REFUTED),
        ([(64, 1.0, "same"), (512, 0.7, "shorter")], REFUTED),
        ([(64, 1.4, "longer"), (512, 0.7, "shorter")], DEPENDS),
        ([(64, 1.0, "same"), (512, 1.4, "longer")], DEPENDS),
        ([(64, 1.02, "undecided")], UNDECIDED),
        ([(64, math.nan, "undecided")], UNDECIDED),
    ],
)
def test_states(found, state):
    (judgement,) = judged(*found)
    assert judgement.state == state
    assert bool(judgement.why) is (state == UNDECIDED)
    decided = [length for length, _, direction in found if direction != "undecided"]
    assert judgement.scope["lengths"] == (decided or [length for length, *_ in found])
    assert len(judgement.effects) == len(found)
    assert judgement.figure == "time_ratio"


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            [(64, 1.2, "longer"), (128, 1.02, "undecided"), (512, 1.77, "longer")],
            "A training step takes an LSTM 1.20 [1.14, 1.26] times as long as a transformer at "
            f"T=64, 1.77 [1.69, 1.86] at T=512; undecided at T=128 {PLACE}.",
        ),
        (
            [(64, 1.0, "same")],
            "A training step takes an LSTM 1.00 [0.95, 1.05] times as long as a transformer at "
            f"T=64, the same within 3% {PLACE}.",
        ),
        (
            [(64, 1.4, "longer"), (128, 1.2, "longer"), (256, 0.9, "shorter"),
             (512, 0.7, "shorter")],
            "A training step takes an LSTM longer than a transformer up to T=128, 1.40 "
            "[1.33, 1.47] times at T=64; no longer from T=256 on, 0.70 [0.67, 0.74] at T=512 "
            f"{PLACE}.",
        ),
        (
            [(64, 0.9, "shorter"), (128, 1.2, "longer"), (256, 0.9, "shorter")],
            f"A training step takes an LSTM longer than a transformer at T=128 only {PLACE}.",
        ),
    ],
    ids=["ends", "same", "crossover", "several turns"],
)  # fmt: skip
def test_sentences(found, sentence):
    (judgement,) = judged(*found)
    assert judgement.sentence == sentence


def test_a_sentence_that_would_be_too_long_says_less():
    (judgement,) = judged(
        (64, 1.2, "longer"), (128, 1.0, "undecided"), (512, 1.7, "longer"),
        comparison="one layer, matched by parameters and by state", denormals="flush",
        dtype="bfloat16",
    )  # fmt: skip
    assert len(judgement.sentence.split()) <= MOST_WORDS
    assert "1.70 [1.62, 1.79] times as long as a transformer at T=512" in judgement.sentence


def test_numbers_come_with_level_rounds_launches_and_control():
    (judgement,) = judged((64, 1.2, "longer"))
    (effect,) = judgement.effects
    assert (effect.value, effect.low, effect.high) == (1.2, 1.2 / 1.05, 1.2 * 1.05)
    assert (effect.n, effect.launches, effect.level) == (20, 4, 0.9895)
    assert effect.control == (0.98, 1.03)
    assert effect.where == {"length": 64}
    assert effect.records == judgement.records == ["one-64", "other-64"]


def test_a_transformer_beside_a_recurrence_is_the_same_question_turned_round():
    found = (64, 0.5, "shorter"), (512, 2.0, "longer")
    (judgement,) = judged(*found, arm="transformer", kernel="sdpa", reference="lstm")
    assert judgement.state == DEPENDS
    assert judgement.effects[0].value == 2.0
    assert judgement.effects[0].control == (0.98, 1.03)
    assert judgement.scope["arm"] == "lstm"
    assert "LSTM longer than a transformer up to T=64" in judgement.sentence


def test_it_is_of_recurrences_beside_transformers_in_training():
    frame = pd.concat(
        [
            directions((64, 1.2, "longer")),
            directions((64, 1.2, "longer"), phase="forward"),
            directions((64, 1.2, "longer"), contrast="denormals", reference="lstm"),
            directions((64, 1.2, "longer"), arm="rnn", reference="lstm"),
            directions((64, 1.2, "longer"), arm="pretrained"),
        ]
    )
    assert len(claim.judge({"directions": frame})) == 1
    assert claim.judge({"directions": pd.DataFrame()}) == []


def test_kernels_are_scopes_and_named_where_there_are_several():
    frame = pd.concat(
        [directions((64, 1.2, "longer")), directions((64, 4.0, "longer"), kernel="loop")]
    )
    fused, loop = claim.judge({"directions": frame})
    assert "an LSTM (fused) 1.20" in fused.sentence
    assert "an LSTM (loop) 4.00" in loop.sentence


def test_a_batch_that_goes_with_the_length_is_no_scope_but_several_at_one_length_are():
    constant = [
        directions((64, 1.2, "longer"), batch_size=8),
        directions((512, 1.4, "longer"), batch_size=1),
    ]
    (one,) = claim.judge({"directions": pd.concat(constant)})
    assert one.scope["lengths"] == [64, 512]
    several = pd.concat([*constant, directions((64, 1.0, "same"), batch_size=1)])
    found = claim.judge({"directions": several})
    assert [judgement.scope["lengths"] for judgement in found] == [[64], [64, 512]]


def test_a_headline_has_both_ends_with_their_intervals():
    frame = pd.concat(
        [
            directions((64, 1.2, "longer"), (512, 1.77, "longer")),
            directions((64, 1.0, "undecided"), arm="gru"),
            directions((64, 0.8, "shorter"), arm="rnn"),
        ]
    )
    assert claim.headline(claim.judge({"directions": frame})) == (
        "A training step takes recurrent networks 0.80 [0.76, 0.84] (Elman RNN, T=64) to 1.77 "
        "[1.69, 1.86] (LSTM, T=512) times as long as transformers; longer in 1, not longer in 1 "
        "of 3 comparisons, cpu."
    )
    (one, *_) = claim.judge({"directions": frame})
    assert claim.headline([one]) == one.sentence


def test_a_headline_has_nothing_that_is_not_decided():
    """An interval without 1 is not enough, where there are many comparisons."""
    frame = pd.concat(
        [
            directions((64, 9.0, "undecided"), (128, 1.2, "longer"), (256, 1.4, "longer")),
            directions((64, 0.1, "undecided"), arm="gru"),
        ]
    )
    headline = claim.headline(claim.judge({"directions": frame}))
    assert "1.20 [1.14, 1.26] (LSTM, T=128) to 1.40 [1.33, 1.47] (LSTM, T=256)" in headline
    assert "longer in 1 of 2 comparisons" in headline


def test_delta_is_that_of_the_decisions():
    assert claim.DELTA == DELTA


def test_of_tiny_models_on_a_busy_machine_nothing_is_certain():
    judged = claims.judge("recurrence_trains_slowly", evidence())
    assert judged.state == UNDECIDED
    assert len(judged.judgements) == 6
    assert "fewer than 6 rounds (2)" in judged.undecided
    assert judged.headline == ""


def test_a_place_says_whose_token_ids_and_how_many_in_a_step():
    asked = {"tokenizer": "corpus", "batch_size": "1024 tokens"}
    (judgement,) = judged((64, 1.0, "same"), **asked)
    assert judgement.sentence.endswith(
        "(scratch, package, corpus tokenizer, 1024-token steps, cpu, 1 thread)."
    )
    (judgement,) = judged((64, 1.4, "longer"), (512, 0.7, "shorter"), **asked)
    assert len(judgement.sentence.split()) <= MOST_WORDS
