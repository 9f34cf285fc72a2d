"""Exponents of time: how far apart two are, from ratios at three lengths or more."""

import math

import pandas as pd
import pytest

from bench import claims
from bench.claims import attention_time_grows_faster as claim
from bench.page.evidence import Evidence
from bench.page.judgement import DEPENDS, MOST_WORDS, REFUTED, SUPPORTED, UNDECIDED
from bench.page.words import GROUP

from ...timed import directions, evidence, records, with_body


def told(*frames, growth=None):
    return {"directions": pd.concat(frames), "growth": pd.DataFrame(growth or [])}


def power(exponent, lengths=(64, 128, 256), **others):
    """An LSTM's time over a transformer's, whose exponent is larger by so much."""
    return directions(*((n, (n / 64) ** -exponent, "same") for n in lengths), **others)


@pytest.mark.parametrize(
    ("frame", "state"),
    [
        (power(0.3), SUPPORTED),
        (power(-0.3), REFUTED),
        (power(0.0), REFUTED),  # within 0.1
        (power(0.03), REFUTED),
        (power(0.05, log_se=0.015), REFUTED),  # above 0, and within 0.1 of it
        (power(-0.03), REFUTED),
        (power(0.0, log_se=0.1), UNDECIDED),
        (power(0.3, log_se=0.5), UNDECIDED),
        (power(0.3, lengths=(64, 512)), UNDECIDED),
        (power(0.3, aa_silent=False, why="its A/A control differs as well"), UNDECIDED),
        (power(0.3, log_se=math.nan, why="fewer than 6 rounds"), UNDECIDED),
    ],
)
def test_states(frame, state):
    (judgement,) = claim.judge(told(frame))
    assert judgement.state == state
    assert bool(judgement.why) is (state == UNDECIDED)


def curve(*ratios, **others):
    """A transformer's time over an LSTM's at T=64, 128, 256 and so on."""
    return directions(*((64 * 2**n, 1 / r, "same") for n, r in enumerate(ratios)), **others)


@pytest.mark.parametrize(
    ("frame", "state", "said"),
    [
        (curve(0.6, 0.62, 0.7, 1.6), SUPPORTED, "faster with a transformer than with an LSTM"),
        (curve(1.0, 0.8, 1.2, 1.6), DEPENDS, "apart, but more slowly at T=64–128 ("),
        (curve(1.6, 1.2, 1.6, 0.8), DEPENDS, "apart, but faster at T=128–256 ("),
        (curve(1.0, 1.5, 1.0), DEPENDS, "but faster at T=64–128, more slowly at T=128–256."),
        (curve(1.0, 1.5, 0.95, log_se=0.08), UNDECIDED, "faster over some lengths, more slowly"),
    ],
    ids=["late", "down first", "up between", "there and back", "no whole"],
)
def test_growth_that_no_one_power_describes(frame, state, said):
    """The mean over all lengths decides, and a step that goes another way is said."""
    (judgement,) = claim.judge(told(frame))
    assert judgement.state == state
    assert said in judgement.sentence
    assert claim.headline([judgement]) if state != UNDECIDED else judgement.why


def test_a_headline_of_what_depends_on_the_length():
    """What most say is said."""
    bent, straight = curve(1.0, 0.8, 1.2, 1.6), power(0.3, arm="gru")
    text = claim.headline(claim.judge(told(straight, power(0.3, arm="rnn"), bent)))
    assert text.endswith("exponents 0.30 [0.25, 0.35] apart, cpu; faster in 2 of 3, partly in 1.")
    most = claim.headline(claim.judge(told(bent, bent.assign(arm="rnn"), straight)))
    assert "but more slowly at T=64–128" in most


def test_what_is_another_model_at_every_length_grows_with_none():
    """Matched by FLOPs at each length, arms have other widths in longer windows."""
    assert claim.judge(told(power(0.0, match="flops"))) == []
    assert len(claim.judge(told(power(0.3, match="params")))) == 1
    assert set(evidence()["directions"]["match"]) == {"params"}


def test_a_difference_that_does_not_count_is_said_to_be_none():
    for exponent, sign in ((0.05, ""), (-0.05, "-")):
        (judgement,) = claim.judge(told(power(exponent, log_se=0.015)))
        assert "grows the same with a transformer and an LSTM, exponents " in judgement.sentence
        assert f"exponents {sign}0.05 [" in judgement.sentence


def test_reasons():
    few, control, rounds = (
        claim.judge(told(frame))[0].why
        for frame in (
            power(0.3, lengths=(64, 512)),
            power(0.3, aa_silent=False, why="its A/A control differs as well"),
            power(0.3, log_se=math.nan, why="fewer than 6 rounds"),
        )
    )
    assert few == "fewer than three lengths"
    assert control == "its A/A control differs as well"
    assert rounds == "fewer than 6 rounds"


def test_the_difference_has_its_interval_and_the_powers_are_cited_beside_it():
    first = power(0).iloc[0]
    own = {name: first[name] for name in (*GROUP, "phase")} | {
        "quantity": "step_s", "exponent_low": 1.2, "exponent_high": 1.4
    }  # fmt: skip
    growth = [
        own | {"arm": "lstm", "kernel": "fused", "exponent": 1.0},
        own | {"arm": "transformer", "kernel": "sdpa", "exponent": 1.3},
    ]
    (judgement,) = claim.judge(told(power(0.3), growth=growth))
    assert judgement.sentence == (
        "From T=64 to 256 the time of a training step grows faster with a transformer than with "
        "an LSTM, exponents 0.30 [0.25, 0.35] apart (scratch, package, cpu, 1 thread)."
    )
    difference, attention, recurrence = judgement.effects
    assert difference.value == pytest.approx(0.3)
    assert (difference.n, difference.launches, difference.level) == (60, 12, 0.9895)
    assert (attention.value, attention.where["of"]) == (1.3, "a transformer")
    assert (recurrence.value, recurrence.where["of"]) == (1.0, "an LSTM")


def test_the_body_s_difference_stands_beside_the_step_s():
    first = power(0).iloc[0]
    own = {name: first[name] for name in (*GROUP, "phase")} | {
        "quantity": "body_s", "exponent_low": 0.8, "exponent_high": 1.2
    }  # fmt: skip
    growth = [
        own | {"arm": "lstm", "kernel": "fused", "exponent": 0.9},
        own | {"arm": "transformer", "kernel": "sdpa", "exponent": 1.1},
    ]
    frame = with_body(power(0.3), power(0.5))
    (judgement,) = claim.judge(told(frame, growth=growth))
    assert judgement.sentence == (
        "From T=64 to 256 the time of a training step grows faster with a transformer than with "
        "an LSTM, exponents 0.30 [0.25, 0.35] apart; the body 0.50 [0.45, 0.55] "
        "(scratch, package, cpu, 1 thread)."
    )
    assert len(judgement.sentence.split()) <= MOST_WORDS
    of = {(e.quantity, e.where.get("of")): e for e in judgement.effects}
    body = of["difference of exponents of the body", None]
    assert body.value == pytest.approx(0.5)
    assert body.low < body.value < body.high
    assert of["exponent of the body", "a transformer"].value == 1.1
    assert of["exponent of the body", "an LSTM"].low == 0.8
    (plain,) = claim.judge(told(power(0.3)))
    assert judgement.state == plain.state, "the step decides"
    assert "body" not in plain.sentence


def test_of_many_cells_a_chance_finding_is_none():
    """Each alone would be claimed; among twenty, none."""
    chance = [power(0.1, seed=n, log_se=0.03, freedom=30) for n in range(20)]
    alone, *_ = claim.judge(told(chance[0]))
    assert alone.state == SUPPORTED
    assert {j.why for j in claim.judge(told(*chance))} == {"not certain among so many comparisons"}


def test_one_length_is_no_span():
    (judgement,) = claim.judge(told(power(0.3, lengths=(512,))))
    assert judgement.sentence.startswith("At T=512 the time of a training step was measured with ")


def test_a_length_without_an_interval_is_not_in_its_scope():
    frame = pd.concat([power(0.3), power(0.3, lengths=(512,), log_se=math.nan, why="")])
    (judgement,) = claim.judge(told(frame))
    assert (judgement.state, judgement.scope["lengths"]) == (SUPPORTED, [64, 128, 256])


def test_a_headline_has_the_clearest_and_counts():
    frames = power(0.3), power(0.5, arm="gru"), power(-0.3, arm="rnn")
    text = claim.headline(claim.judge(told(*frames)))
    assert "with a GRU, exponents 0.50 [0.45, 0.55] apart" in text
    assert text.endswith("; faster in 2 of 3 comparisons.")


def test_real_records_of_short_windows_decide_nothing():
    judged = claims.judge("attention_time_grows_faster", evidence())
    assert judged.state == UNDECIDED
    assert "fewer than three lengths (2)" in judged.undecided


def test_real_records_told_to_grow_do():
    """A transformer's steps made to take as many times as long as the window is longer."""
    found = records()
    for record in found:
        if record["cell"]["arm"] == "transformer":
            for name in {"seconds", "canary_seconds"} & record["samples"].keys():
                factor = record["cell"]["length"] / 16
                record["samples"][name] = [s * factor for s in record["samples"][name]]
    judged = claims.judge("attention_time_grows_faster", Evidence(found))
    assert judged.state == SUPPORTED
    assert len(judged.decided) == 9
    apart = [j.effects[0].value for j in judged.decided if j.scope["phase"] == "training"]
    assert all(0.8 < value < 1.2 for value in apart)
