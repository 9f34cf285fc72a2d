"""Training steps: directions at each length, taken together, and a sentence to be quoted."""

import math

import pandas as pd
import pytest

from bench import claims
from bench.claims import recurrence_trains_slowly as claim
from bench.page.judgement import DEPENDS, MOST_WORDS, REFUTED, SUPPORTED, UNDECIDED
from bench.statistics.directions import DELTA

from ...timed import directions, evidence, with_body

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


def beside(step, body, **others):
    """Judged with the layers' own ratios beside the steps'."""
    frame = with_body(directions(*step, **others), directions(*body))
    return claim.judge({"directions": frame})


@pytest.mark.parametrize(
    ("step", "body", "state", "sentence"),
    [
        (
            [(64, 1.2, "longer")],
            [(64, 1.77, "longer")],
            SUPPORTED,
            "A training step takes an LSTM 1.20 [1.14, 1.26] times as long as a transformer at "
            f"T=64; the body 1.77 [1.69, 1.86] {PLACE}.",
        ),
        (
            [(64, 1.2, "longer"), (512, 2.0, "longer")],
            [(64, 1.77, "longer"), (512, 2.9, "longer")],
            SUPPORTED,
            "A training step takes an LSTM 1.20 [1.14, 1.26] times as long as a transformer at "
            "T=64, 2.00 [1.90, 2.10] at T=512; the body 1.77 [1.69, 1.86], 2.90 [2.76, 3.05] "
            f"{PLACE}.",
        ),
        (
            [(64, 1.2, "longer")],
            [(64, 0.76, "shorter")],
            SUPPORTED,
            "A training step takes an LSTM 1.20 [1.14, 1.26] times as long as a transformer at "
            "T=64; the body 0.76 [0.72, 0.80]: the step is slower, the body faster "
            f"{PLACE}.",
        ),
        (
            [(64, 0.9, "shorter"), (512, 0.7, "shorter")],
            [(64, 1.4, "longer"), (512, 0.6, "shorter")],
            REFUTED,
            "A training step takes an LSTM 0.90 [0.86, 0.95] times as long as a transformer at "
            "T=64; the body 1.40 [1.33, 1.47]: the step is faster, the body slower "
            f"{PLACE}.",
        ),
        (
            [(64, 1.02, "undecided")],
            [(64, 1.77, "longer")],
            UNDECIDED,
            "A training step takes an LSTM 1.02 [0.97, 1.07] times as long as a transformer at "
            f"T=64; the body 1.77 [1.69, 1.86] {PLACE}: the step is undecided, no difference "
            "beyond noise.",
        ),
        (
            [(64, 0.9, "shorter"), (512, 1.4, "longer")],
            [(64, 1.2, "longer"), (512, 2.9, "longer")],
            DEPENDS,
            "A training step takes an LSTM no longer than a transformer up to T=64, 0.90 "
            "[0.86, 0.95] times; longer from T=512 on, 1.40 [1.33, 1.47]; the body "
            "2.90 [2.76, 3.05] (cpu, 1 thread).",
        ),
    ],
    ids=["one length", "both ends", "other way", "other way at one", "undecided", "crossover"],
)
def test_the_body_stands_beside_the_step(step, body, state, sentence):
    (judgement,) = beside(step, body)
    assert judgement.state == state, "the step decides"
    assert judgement.sentence == sentence
    assert len(sentence.split()) <= MOST_WORDS
    bodies = [e for e in judgement.effects if e.quantity == "time ratio of the body"]
    assert [(e.where["length"], e.value) for e in bodies] == [(n, ratio) for n, ratio, _ in body]
    assert bodies[0].control == (0.98, 1.03)


def test_a_recurrence_that_is_the_reference_has_its_body_turned_too():
    (judgement,) = beside(
        [(64, 0.5, "shorter")], [(64, 4.0, "longer")],
        arm="transformer", kernel="sdpa", reference="lstm", reference_kernel="fused",
    )  # fmt: skip
    assert "LSTM 2.00 " in judgement.sentence
    assert "the body 0.25 [0.24, 0.26]: the step is slower, the body faster" in judgement.sentence


def test_a_sentence_without_room_for_the_body_is_of_the_step():
    (judgement,) = beside(
        [(64, 1.0, "undecided")], [(64, 1.77, "longer")],
        comparison="one layer, matched by parameters and by state, in both directions",
        denormals="flush", dtype="bfloat16", why="fewer than three relaunches of all processes",
    )  # fmt: skip
    assert len(judgement.sentence.split()) <= MOST_WORDS
    assert "the body" not in judgement.sentence
    assert "undecided, fewer than" in judgement.sentence


def test_rows_without_a_body_speak_of_the_step_alone():
    """Where some were measured before bodies were, their columns are there and empty."""
    frame = with_body(directions((64, 1.2, "longer")), directions((64, math.nan, "")))
    frame = frame.assign(body_direction="")
    (judgement,) = claim.judge({"directions": frame})
    (plain,) = judged((64, 1.2, "longer"))
    assert judgement == plain


def test_a_headline_has_the_bodies():
    frames = [
        with_body(directions((64, 1.2, "longer")), directions((64, 1.77, "longer"))),
        with_body(directions((64, 0.8, "shorter"), arm="gru"), directions((64, 0.76, "shorter"))),
    ]
    headline = claim.headline(claim.judge({"directions": pd.concat(frames)}))
    assert headline == (
        "A training step takes recurrent networks 0.80 [0.76, 0.84] (GRU, T=64) to 1.20 "
        "[1.14, 1.26] (LSTM, T=64) times as long as transformers; the body 0.76 [0.72, 0.80] to "
        "1.77 [1.69, 1.86], cpu."
    )
    assert len(headline.split()) <= MOST_WORDS


def test_a_headline_says_what_is_left_without_subnormals():
    """They may be all of it, so that who reads one number reads both."""
    frames = [
        directions((256, 12.7, "longer"), (512, 5.7, "longer")),
        *(
            directions((512, ratio, "shorter"), (64, 1.2, "longer"), arm=arm, denormals="flush")
            for arm, ratio in (("rnn", 0.6), ("lstm", 0.67))
        ),
    ]
    headline = claim.headline(claim.judge({"directions": pd.concat(frames)}))
    assert headline == (
        "A training step takes recurrent networks 5.70 [5.43, 5.99] (LSTM, T=512) to 12.70 "
        "[12.10, 13.34] (LSTM, T=256) times as long as transformers; without subnormals 0.60 "
        "[0.57, 0.63] (T=512) to 1.20 [1.14, 1.26] (T=64), cpu."
    )
    assert len(headline.split()) <= MOST_WORDS


def test_a_headline_of_flushed_ones_alone_says_so_and_a_long_one_drops_names():
    flushed = directions((64, 1.2, "longer"), (512, 0.6, "shorter"), arm="rnn", denormals="flush")
    more = directions((64, 1.1, "longer"), (512, 0.7, "shorter"), denormals="flush")
    told = claim.headline(claim.judge({"directions": pd.concat([flushed, more])}))
    assert "times as long as transformers with subnormals flushed" in told
    kept = directions((256, 9.0, "longer"), (512, 12.7, "longer"), arm="rnn")
    assert claim.headline(claim.judge({"directions": pd.concat([kept, flushed, more])})) == (
        "A training step takes recurrent networks 9.00 [8.57, 9.45] to 12.70 [12.10, 13.34] times "
        "as long as transformers; without subnormals 0.60 [0.57, 0.63] (T=512) to 1.20 "
        "[1.14, 1.26] (T=64), cpu."
    )
    one = pd.concat([directions((256, 9.0, "longer")), flushed])
    assert "9.00" in claim.headline(claim.judge({"directions": one}))


def test_what_is_undecided_at_the_shortest_window_is_not_said_of_it():
    (judgement,) = judged(
        (64, 1.0, "undecided"), (256, 9.0, "longer"), (1024, 2.4, "longer"), (4096, 0.6, "shorter")
    )
    assert "longer than a transformer from T=256 to T=1024, 9.00" in judgement.sentence
    assert "no longer from T=4096 on, 0.60" in judgement.sentence


def test_why_a_length_is_undecided_is_its_own_reason():
    rows = directions((64, 1.0, "undecided"), (512, 6.0, "undecided"))
    rows["why"] = ["no difference beyond noise", "fewer than 6 rounds"]
    rows = rows.assign(comparison="a comparison of many words that leaves no room for two numbers")
    (judgement,) = claim.judge({"directions": rows})
    assert "T=64" not in judgement.sentence
    assert judgement.sentence.endswith("undecided, fewer than 6 rounds.")


def test_a_place_says_whose_token_ids_and_how_many_in_a_step():
    asked = {"tokenizer": "corpus", "batch_size": "1024 tokens"}
    (judgement,) = judged((64, 1.0, "same"), **asked)
    assert judgement.sentence.endswith(
        "(scratch, package, corpus tokenizer, 1024-token steps, cpu, 1 thread)."
    )
    (judgement,) = judged((64, 1.4, "longer"), (512, 0.7, "shorter"), **asked)
    assert len(judgement.sentence.split()) <= MOST_WORDS
