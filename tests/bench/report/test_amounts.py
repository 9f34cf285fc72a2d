"""Numbers and scopes in words."""

import pytest

from bench.page.judgement import Effect
from bench.report import amounts


def effect(unit, value, low=None, high=None, **more):
    return Effect("reach", unit, value, low, high, 6, ["a"], **more)


@pytest.mark.parametrize(("made", "amount", "told"), [
    (effect("tokens", 12.0, 12.0, 13.0), "12 [12, 13] tokens",
     "12 tokens (95% interval 12 to 13, n = 6)"),
    (effect("times", 1.714, 1.66, 1.77, launches=3, control=(0.99, 1.01)), "1.71× [1.66, 1.77]",
     "1.71× (95% interval 1.66 to 1.77, n = 6, 3 launches, A/A control 0.99 to 1.01)"),
    (effect("bytes", 3e6), "3 MB", "3 MB (no interval, n = 6)"),
    (effect("exponent", 1.5, 1.4, 1.6, level=0.9), "T^1.50 [1.40, 1.60]",
     "T^1.50 (90% interval 1.40 to 1.60, n = 6)"),
    (effect("nats a token", 0.25, 0.2, 0.3), "0.25 [0.2, 0.3] nats a token",
     "0.25 nats a token (95% interval 0.2 to 0.3, n = 6)"),
    (effect("tokens", None), "not finite tokens", "not finite tokens (no interval, n = 6)"),
])  # fmt: skip
def test_a_number_has_its_interval_and_what_it_rests_on(made, amount, told):
    assert amounts.amount(made) == amount
    assert amounts.told(made) == told


def test_a_scope_is_said_in_words():
    scope = {
        "device": "cpu", "task": "package", "data": "sst2", "arm": "lstm", "layers": 1,
        "lengths": [64, 8192], "denormals": "keep", "threads": "all", "clip_norm": None,
        "own_axis": 3, "reference": "transformer", "reference_kernel": "sdpa", "when": "init",
    }  # fmt: skip
    assert amounts.held(scope) == (
        "LSTM, task package on sst2, windows of 64 to 8,192 tokens, 1 layer, at initialisation, "
        "on CPU, all threads, beside transformer (sdpa kernel), own axis 3"
    )
    assert amounts.called(effect("tokens", 1.0, where={"length": 64})) == (
        "reach, window of 64 tokens"
    )
    grown = effect("powers of T", 1.0, where={"shortest": 16, "longest": 64, "of": "an LSTM"})
    assert amounts.called(grown) == "reach, windows of 16 to 64 tokens, of an LSTM"
    outside = Effect("settings outside reach that solve their task", "share", 0.357, 0.16, 0.61, 14,
                     [], {"needed": "outside"})  # fmt: skip
    assert amounts.called(outside) == "share of settings outside reach that solve their task"
    assert amounts.held({"when": "100%"}) == "after training"


def test_a_number_is_spoken_whole():
    assert amounts.spoken("1.71× [1.66, 1.77]", "It is 1.71 [1.66, 1.77] times as fast")
    assert amounts.spoken("12", "It reaches 12, not 13.")
    for sentence in ("reaches 112", "reaches 12.5", "12,000", "1.12", "T^12"):
        assert not amounts.spoken("12", sentence)
