"""The first claim: of curves with a known answer, and of the published records."""

import gzip
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from bench import claims
from bench.claims import gradient_vanishes as claim
from bench.page.evidence import Evidence
from bench.page.judgement import DEPENDS, MOST_WORDS, REFUTED, SUPPORTED, UNDECIDED, overall

PUBLISHED = Path(__file__).parents[3] / "reports" / "published" / "gradients"


def reach(*rows, arm="lstm"):
    """The table ``reach`` of one arm: (length, reach, fate, seeds) of each measurement."""
    frame = pd.DataFrame(
        {
            "comparison": "scratch", "task": "package", "data": "offline", "arm": arm,
            "kernel": "fused", "device": "cpu", "dtype": "float32", "denormals": "keep",
            "threads": 1, "layers": 2, "initialization": "default", "clip_norm": 1.0, "steps": 0,
            "length": length, "farthest": length - 1, "fate": fate, "seeds": seeds,
            "reach_tokens": float(reached), "reach_tokens_low": math.nan,
            "reach_tokens_high": math.nan, "reach_least": float(reached),
            "reach_most": float(reached), "whole_window": reached == length - 1,
            "record": f"{arm}-{length}-{seeds}",
        }
        for length, reached, fate, seeds in rows
    )  # fmt: skip
    return {"reach": frame}


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([(64, 12, "vanishes", 6), (256, 12, "vanishes", 6)], SUPPORTED),
        ([(64, 12, "vanishes", 6), (256, 14, "vanishes", 6)], SUPPORTED),
        ([(64, 12, "vanishes", 6), (256, 40, "vanishes", 6)], DEPENDS),
        ([(64, 50, "lasts", 6), (256, 55, "vanishes", 6)], DEPENDS),
        ([(64, 63, "lasts", 6), (256, 255, "lasts", 6)], REFUTED),
        ([(256, 255, "lasts", 6)], REFUTED),
        ([(256, 12, "vanishes", 6)], UNDECIDED),
        ([(64, 12, "vanishes", 6), (128, 12, "vanishes", 6)], UNDECIDED),
        ([(64, 12, "vanishes", 6), (256, 12, "vanishes", 5)], UNDECIDED),
        ([(64, 12, "not finite", 6), (256, 12, "not finite", 6)], UNDECIDED),
    ],
)
def test_states(rows, state):
    (judgement,) = claim.judge(reach(*rows))
    assert judgement.state == state
    assert bool(judgement.why) is (state == UNDECIDED)
    assert judgement.records == [f"lstm-{length}-{seeds}" for length, *_, seeds in rows]
    assert judgement.scope["arm"] == "lstm"
    assert judgement.scope["lengths"] == [length for length, *_ in rows]


def test_where_it_begins_is_said():
    (judgement,) = claim.judge(reach((64, 50, "lasts", 6), (256, 55, "vanishes", 6)))
    assert "it vanishes from T=256 on" in judgement.sentence


def test_a_sentence_holds_what_it_is_about():
    (judgement,) = claim.judge(reach((64, 12, "vanishes", 6), (8192, 12, "vanishes", 6)))
    assert judgement.sentence == (
        "LSTM (scratch, package, at initialisation, cpu): the gradient reaches 12 of 63 tokens, "
        "12 of 8,191; it vanishes, however long the window."
    )


def test_of_a_length_that_is_there_twice_that_of_most_seeds_counts():
    rows = (64, 12, "vanishes", 6), (256, 90, "vanishes", 1), (256, 12, "vanishes", 6)
    (judgement,) = claim.judge(reach(*rows))
    assert judgement.state == SUPPORTED


def test_it_is_of_recurrent_networks_and_each_is_a_scope():
    frames = [
        reach((64, 12, "vanishes", 6), (256, 12, "vanishes", 6), arm="lstm"),
        reach((64, 63, "lasts", 6), (256, 255, "lasts", 6), arm="gru"),
        reach((64, 63, "lasts", 6), (256, 255, "lasts", 6), arm="transformer"),
    ]
    found = claim.judge({"reach": pd.concat(frame["reach"] for frame in frames)})
    assert [(j.scope["arm"], j.state) for j in found] == [("lstm", SUPPORTED), ("gru", REFUTED)]
    assert overall(found) == DEPENDS
    assert claim.judge(frames[-1]) == []


def test_numbers_stand_beside_the_sentence():
    (judgement,) = claim.judge(reach((64, 12, "vanishes", 6), (256, 13, "vanishes", 6)))
    numbers = [(e.where["length"], e.value, e.low, e.n, e.unit) for e in judgement.effects]
    assert numbers == [(64, 12.0, None, 6, "tokens"), (256, 13.0, None, 6, "tokens")]


def test_the_published_records_say_it_of_every_recurrence():
    with gzip.open(PUBLISHED / "records.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    judged = claims.judge("gradient_vanishes", Evidence(records))
    said = {
        j.scope["arm"]: j
        for j in judged.judgements
        if (j.scope["comparison"], j.scope["task"]) == ("scratch", "package")
    }
    assert {arm: j.state for arm, j in said.items()} == {
        "rnn": SUPPORTED, "lstm": SUPPORTED, "gru": SUPPORTED,
    }  # fmt: skip
    assert "12 [12, 13] of 8,191" in said["lstm"].sentence
    assert all(len(j.sentence.split()) <= MOST_WORDS for j in judged.judgements)
    known = {record["key"] for record in records}
    assert all(known.issuperset(j.records) and j.records for j in judged.judgements)
    assert f"of {len(judged.judgements)} scopes" in judged.undecided
