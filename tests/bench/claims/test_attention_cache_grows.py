"""What a row keeps: a cache that grows, a state that does not, and recurrences with attention."""

import pandas as pd
import pytest

from bench import claims
from bench.claims import attention_cache_grows as claim
from bench.page.judgement import REFUTED, SUPPORTED, UNDECIDED

from ...timed import evidence


def state(arm, *sizes, measured=True, **others):
    return pd.DataFrame(
        {
            "comparison": "scratch", "task": "language", "data": "offline", "dtype": "float32",
            "arm": arm, "length": length, "kernel": "", "seed": 0, "record": f"{arm}-{length}",
            "state_bytes": size, "measured_bytes": size if measured else None,
            **others,
        }
        for length, size in sizes
    )  # fmt: skip


CACHE = state("transformer", (16, 4096), (32, 8192), (64, 16384))
LEVEL = state("lstm", (16, 312), (32, 312), (64, 312))


def judge(*frames):
    return claim.judge({"state": pd.concat(frames)})


@pytest.mark.parametrize(
    ("frames", "verdict"),
    [
        ((CACHE, LEVEL), SUPPORTED),
        ((CACHE, CACHE.assign(arm="lstm")), REFUTED),
        ((LEVEL.assign(arm="transformer"), LEVEL), REFUTED),
        ((CACHE[:2], LEVEL), UNDECIDED),
        ((CACHE, state("lstm", (16, 1), (32, 40), (64, 2))), UNDECIDED),
    ],
    ids=["as said", "a recurrence with attention", "no cache", "two lengths", "no power"],
)
def test_states(frames, verdict):
    (judgement,) = judge(*frames)
    assert judgement.state == verdict
    assert bool(judgement.why) is (verdict == UNDECIDED)


def test_a_sentence_says_bytes_and_whether_they_were_measured():
    (measured,) = judge(CACHE, LEVEL)
    assert measured.sentence == (
        "From T=16 to 64 a transformer keeps 4.1 kB to 16.4 kB a row, an LSTM 312 B at every "
        "length (scratch, language, measured)."
    )
    frames = (frame.assign(measured_bytes=None) for frame in (CACHE, LEVEL))
    (counted,) = judge(*frames)
    assert "counted" in counted.sentence
    assert [e.value for e in counted.effects] == pytest.approx([1.0, 0.0])


def test_no_common_length_is_said():
    (judgement,) = judge(CACHE, state("lstm", (128, 312)))
    assert judgement.sentence == (
        "What a transformer and an LSTM keep was measured at no common length: undecided, fewer "
        "than three lengths."
    )


def test_real_records():
    judged = claims.judge("attention_cache_grows", evidence())
    assert judged.state == SUPPORTED
    assert judged.headline == (
        "From T=16 to 48 a transformer keeps 4.1 kB to 12.3 kB a row, an LSTM 312 B at every "
        "length (scratch, language, measured); so in 2 of 2 comparisons."
    )
