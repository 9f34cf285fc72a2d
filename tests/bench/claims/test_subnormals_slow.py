"""Subnormal floats kept and flushed, and processors that do not mind them."""

import pandas as pd
import pytest

from bench import claims
from bench.claims import subnormals_slow as claim
from bench.page.evidence import Evidence
from bench.page.judgement import DEPENDS, REFUTED, SUPPORTED, UNDECIDED

from ...timed import directions, evidence, records


class Told(dict):
    """Tables, and what the processor does."""

    def __init__(self, frame, ratios=None):
        super().__init__(directions=frame)
        self.ceilings = {"cpu": {"1": {"subnormal_ratios": ratios}}} if ratios else {}


def flushed(*found, **others):
    """Rows of flushed over kept."""
    return directions(
        *found, contrast="denormals", denormals="flush", reference=others.get("arm", "lstm"),
        reference_kernel="fused", **others,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([(64, 1.0, "same"), (256, 0.1, "shorter")], DEPENDS),
        ([(256, 0.1, "shorter")], SUPPORTED),
        ([(64, 1.0, "same"), (256, 1.0, "same")], REFUTED),
        ([(64, 1.0, "undecided")], UNDECIDED),
    ],
)
def test_states(found, state):
    (judgement,) = claim.judge(Told(flushed(*found)))
    assert judgement.state == state
    assert judgement.figure == "setting"


def test_the_ratio_is_of_kept_over_flushed():
    (judgement,) = claim.judge(Told(flushed((256, 0.08, "shorter"))))
    assert judgement.sentence == (
        "With subnormal floats kept, a training step takes an LSTM 12.50 [11.90, 13.13] times as "
        "long as with them flushed at T=256 (scratch, package, cpu, 1 thread)."
    )
    assert judgement.effects[0].value == pytest.approx(12.5)


def test_a_processor_without_the_effect_refutes_it():
    told = Told(flushed((64, 1.0, "undecided")), {"product": 1.0, "elementwise": 1.04})
    processor, pair = claim.judge(told)
    assert (processor.state, pair.state) == (REFUTED, UNDECIDED)
    assert processor.sentence == (
        "Arithmetic on subnormal numbers takes this processor at most 1.04 times as long as on "
        "normal ones (cpu, 1 thread)."
    )
    assert processor.records == processor.effects[0].records == pair.records != []
    assert claim.headline([processor, pair]) == processor.sentence
    alike, _ = claim.judge(Told(told["directions"], {"product": 1.0}))
    assert "takes this processor as long as on normal ones (cpu" in alike.sentence
    assert len(claim.judge(Told(told["directions"], {"product": 201.0, "sigmoid": 1.0}))) == 1


def test_a_headline_has_the_largest():
    frame = pd.concat(
        [
            flushed((256, 0.08, "shorter")),
            flushed((256, 0.5, "shorter"), arm="rnn"),
            flushed((256, 1.0, "same"), arm="transformer"),
        ]
    )
    text = claim.headline(claim.judge(Told(frame)))
    assert "an LSTM 12.50 [11.90, 13.13] times" in text
    assert text.endswith("slower in 2 of 3 comparisons.")


def test_slower_at_some_lengths_is_not_slower():
    frame = pd.concat(
        [
            flushed((256, 0.08, "shorter")),
            flushed((64, 1.0, "same"), (256, 0.5, "shorter"), arm="rnn"),
            flushed((256, 1.0, "undecided"), arm="gru"),
        ]
    )
    headline = claim.headline(claim.judge(Told(frame)))
    assert headline.endswith("; slower in 1 of 3 comparisons.")


def test_it_is_of_pairs_of_settings():
    assert claim.judge(Told(directions((64, 1.2, "longer")))) == []
    assert claim.judge(Told(pd.DataFrame())) == []


def test_real_records_of_tiny_models_decide_nothing():
    judged = claims.judge("subnormals_slow", evidence())
    assert (judged.state, len(judged.judgements)) == (UNDECIDED, 6)


def test_real_records_told_to_be_slow_decide_it():
    found = records()
    for record in found:
        cell = record["cell"]
        if (cell["arm"], cell["denormals"], cell["length"]) == ("lstm", "keep", 64):
            seconds = record["samples"].get("seconds", [])
            record["samples"]["seconds"] = [5 * second for second in seconds]
    judged = claims.judge("subnormals_slow", Evidence(found))
    said = {(j.scope["arm"], j.scope["phase"]): j.state for j in judged.judgements}
    assert said["lstm", "training"] == said["lstm", "forward"] == SUPPORTED
    assert said["transformer", "training"] == UNDECIDED
    assert "at T=64" in judged.headline
