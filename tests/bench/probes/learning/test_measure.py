"""Rows, scores and learning rates of a training."""

import pytest
import torch

from bench.measure.scoring import evaluate
from bench.probes.learning.measure import Measurement

from ..subjects import subjects


def test_same_rows_for_every_arm(corpus):
    lstm, transformer = subjects(corpus, "learning").values()
    for one, other in zip(lstm.batches(3, 4), transformer.batches(3, 4), strict=True):
        assert torch.equal(one["input_ids"], other["input_ids"])
        assert torch.equal(one["labels"], other["labels"])


def test_evaluation_counts_a_short_last_batch_by_its_rows(corpus):
    subject = subjects(corpus, "learning")["lstm"]
    rows, model = subject.rows("test", 7, seed=0), subject.build()
    three, seven = (evaluate(subject, model, rows, size) for size in (3, 7))
    assert three.metric == pytest.approx(seven.metric)
    assert three.loss == pytest.approx(seven.loss)


def test_learning_rate_with_the_best_trial_is_kept(corpus):
    cell = subjects(corpus, "learning")["transformer"].cell
    protocol = cell.protocol | {"learning_rates": [1e-30, 1e-2], "trial_steps": 3}
    subject = subjects(corpus, "learning", protocol=protocol)["transformer"]
    measurement = Measurement(subject, lambda share: None)
    measurement.round()
    result = measurement.result()
    losses = dict(result.samples["trials"])
    assert result.metrics["learning_rate"] == min(losses, key=losses.get)
    assert result.metrics["learning_rate_trials"] == 2
