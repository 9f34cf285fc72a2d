"""Decoded tokens."""

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


def test_real_records_say_that_an_lstm_is_faster():
    judged = claims.judge("recurrence_decodes_slowly", evidence())
    assert judged.state == REFUTED
    assert judged.headline == (
        "A decoded token takes an LSTM 0.77 [0.65, 0.91] times as long as a transformer at T=16, "
        "0.71 [0.57, 0.89] at T=48 (scratch, language, cpu, 1 thread)."
    )
    assert {e.launches for j in judged.judgements for e in j.effects} == {2}
