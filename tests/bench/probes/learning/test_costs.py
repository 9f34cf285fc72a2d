"""What a training took to the threshold: steps, tokens and seconds, by hand."""

import math

import pytest

from bench.frames.scores import Scores
from bench.probes.learning import costs

from .trainings import ADDING, LANGUAGE, PARITY


def told(trained, says, validation, status="done"):
    """A training of four steps of 1, 2, 3 and 4 seconds, and of 40 tokens."""
    metrics = {**says, "test_metric": validation[-1][2], "tokens": 40}
    samples = {"loss": [1.0] * 4, "seconds": [1.0, 2.0, 3.0, 4.0], "validation": validation}
    record = trained[0] | {"samples": samples, "metrics": metrics, "status": status}
    return Scores(record)


def test_the_first_validation_at_the_threshold_counts(trained):
    curve = [[0, 0.7, 0.5], [1, 0.6, 0.6], [3, 0.2, 0.95], [4, 0.3, 0.9]]
    assert costs.to_target(told(trained, PARITY, curve)) == costs.Target(3, 30, 6)


def test_where_lower_is_better_it_is_the_first_below(trained):
    curve = [[0, 0.7, 1.2], [2, 0.6, 0.009], [4, 0.2, 0.001]]
    assert costs.to_target(told(trained, ADDING, curve)) == costs.Target(2, 20, 3)


def test_one_that_starts_there_has_needed_nothing(trained):
    assert costs.to_target(told(trained, PARITY, [[0, 0.1, 0.97]])) == costs.Target(0, 0, 0)


def test_a_miss_is_infinite_and_without_a_threshold_there_is_none(trained):
    curve = [[0, 0.7, 0.5], [4, 0.6, None]]
    assert costs.to_target(told(trained, PARITY, curve)) == costs.MISSED
    assert costs.to_target(told(trained, LANGUAGE, curve)) is None
    assert all(map(math.isinf, (costs.MISSED.steps, costs.MISSED.tokens, costs.MISSED.seconds)))


def test_beyond_its_own_steps_a_training_goes_on_as_it_did_on_average(trained):
    scores = told(trained, PARITY, [[0, 0.7, 0.5]])
    assert list(costs.seconds(scores, [0, 4, 6])) == [0, 10, 15]
    assert list(costs.tokens(scores, [0, 4, 6])) == [0, 40, 60]


def test_one_that_diverged_saw_what_its_windows_hold(trained):
    """Four rows of 16 tokens, or of 8 to 16, a step."""
    scores = told(trained, PARITY, [[0, 0.7, 0.5]], "diverged")
    del scores.record["metrics"]["tokens"]
    assert scores.cell["protocol"]["batch_size"] == 4
    assert costs.tokens(scores, [3])[0] == 3 * 4 * 16
    scores.cell["protocol"]["shortest"] = 8
    assert costs.tokens(scores, [3])[0] == pytest.approx(3 * 4 * 12)
