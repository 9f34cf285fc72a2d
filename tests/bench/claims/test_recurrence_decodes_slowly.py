"""Decoded tokens."""

import pandas as pd

from bench import claims
from bench.claims import recurrence_decodes_slowly as claim
from bench.page.judgement import REFUTED, SUPPORTED

from ...timed import directions, evidence


def test_it_is_of_decoding():
    frame = directions((64, 1.2, "longer"), phase="decode")
    (judgement,) = claim.judge({"directions": frame})
    assert judgement.state == SUPPORTED
    assert judgement.sentence.startswith("A decoded token takes an LSTM 1.20 [1.14, 1.26] times")
    assert claim.judge({"directions": directions((64, 1.2, "longer"))}) == []


def test_a_headline_is_of_one_way_of_decoding():
    """What a graph saves is no part of the range that generate has."""
    ways = {"decode_graph": (0.38, "shorter"), "decode": (1.2, "longer")}
    frame = pd.concat(
        directions((64, ratio, direction), phase=phase, arm=arm)
        for phase, (ratio, direction) in ways.items()
        for arm in ("lstm", "gru")
    )
    judgements = claim.judge({"directions": frame})
    assert {j.scope["phase"]: j.state for j in judgements} == {
        "decode": SUPPORTED, "decode_graph": REFUTED
    }  # fmt: skip
    headline = claim.headline(judgements)
    assert headline.startswith("A decoded token takes recurrent networks 1.20 [1.14, 1.26]")
    assert "0.38" not in headline
    headline = claim.headline([j for j in judgements if j.scope["phase"] == "decode_graph"])
    assert headline.startswith("A token decoded from a CUDA graph takes recurrent networks 0.38")


def test_real_records_say_that_an_lstm_is_faster():
    judged = claims.judge("recurrence_decodes_slowly", evidence())
    assert judged.state == REFUTED
    assert judged.headline == (
        "A decoded token takes an LSTM 0.77 [0.65, 0.91] times as long as a transformer at T=16, "
        "0.71 [0.57, 0.89] at T=48 (scratch, language, cpu, 1 thread)."
    )
    assert {e.launches for j in judged.judgements for e in j.effects} == {2}
