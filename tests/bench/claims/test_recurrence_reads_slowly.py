"""Forward passes and prefills, and what real records say of them."""

import pandas as pd

from bench import claims
from bench.claims import recurrence_reads_slowly as claim
from bench.page.evidence import Evidence
from bench.page.judgement import REFUTED, SUPPORTED, UNDECIDED

from ...timed import directions, evidence, records


def test_each_phase_is_a_scope_with_words_of_its_own():
    frame = pd.concat(
        [
            directions((64, 1.2, "longer"), phase="forward"),
            directions((64, 0.8, "shorter"), phase="prefill"),
            directions((64, 0.8, "shorter")),
        ]
    )
    forward, prefill = claim.judge({"directions": frame})
    assert (forward.state, prefill.state) == (SUPPORTED, REFUTED)
    assert forward.sentence.startswith("A forward pass takes an LSTM 1.20")
    assert prefill.sentence.startswith("Reading a prompt takes an LSTM 0.80")
    assert claim.headline([forward, prefill]).startswith("Reading takes recurrent networks 0.80")


def test_of_records_that_are_undecided_what_is_certain_is_claimed():
    """Of these forward passes it is not known by how much an arm is faster."""
    frame = evidence()["speed"]
    forward = frame[(frame["phase"] == "forward") & frame["reference"].notna()]
    assert "undecided" in set(forward["status"])
    judged = claims.judge("recurrence_reads_slowly", evidence())
    assert {j.state for j in judged.judgements} == {REFUTED}
    assert "0.35 [0.21, 0.57] (Elman RNN, T=16)" in judged.headline
    assert "; without subnormals 0.45 [0.33, 0.62] (T=16) to 0.64" in judged.headline


def test_nothing_is_said_where_controls_differ():
    """The A/A controls of real records, made to take three times as long."""
    found = records()
    for record in found:
        if "canary_seconds" in record["samples"]:
            again = record["samples"]["canary_seconds"]
            record["samples"]["canary_seconds"] = [3 * seconds for seconds in again]
    judged = claims.judge("recurrence_reads_slowly", Evidence(found))
    assert judged.state == UNDECIDED
    assert judged.undecided == ("Undecided in 4 of 4 scopes: A/A controls differ as well (4).")
