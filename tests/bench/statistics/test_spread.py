"""Spread and dependence of samples against the textbook."""

import numpy as np
import pytest

from bench.statistics.spread import describe

from .simulation import autoregression


def test_description_of_known_samples():
    known = describe([1.0, 3.0, 2.0, 4.0, 5.0], per_round=1)
    assert (known["median"], known["p5"], known["p95"]) == (3.0, 1.2, 4.8)
    assert (known["iqr"], known["n"]) == (2.0, 5)
    # centred: -2 0 -1 1 2; lag 1: 0 + 0 - 1 + 2 = 1; sum of squares 10
    assert known["lag1"] == pytest.approx(0.1)


def test_effective_n_of_an_autoregression_is_the_textbooks():
    """AR(1): n (1 - r) / (1 + r)."""
    noise = autoregression(np.random.default_rng(0), (40, 1000), 0.45)
    described = [describe(list(10 + trace)) for trace in noise]
    assert np.mean([d["lag1"] for d in described]) == pytest.approx(0.45, abs=0.02)
    assert np.mean([d["effective_n"] for d in described]) == pytest.approx(
        1000 * 0.55 / 1.45, rel=0.1
    )


def test_description_of_little():
    assert describe([2.0] * 4, 2) | {"n": None} == {
        "median": 2.0, "p5": 2.0, "p95": 2.0, "iqr": 0.0, "n": None, "effective_n": 4.0,
        "lag1": None,
    }  # fmt: skip
    assert describe([1.0])["effective_n"] == 1
    assert set(describe([]).values()) == {None, 0}
