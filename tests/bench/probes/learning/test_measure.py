"""Rows, scores and learning rates of a training."""

import pytest
import torch

from bench.measure.scoring import evaluate
from bench.outcome import Unsupported
from bench.probes.learning.measure import Measurement, refuse
from bench.statistics.trainings import of_end

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
    protocol = cell.protocol | {"learning_rates": [1e-3, 1e-2, 1e-1], "steps": 3}
    subject = subjects(corpus, "learning", protocol=protocol)["transformer"]
    subject.tried = [[1e-3, 2.0, False], [1e-2, 1.0, False], [1e-1, None, False]]
    measurement = Measurement(subject, lambda share: None)
    measurement.round()
    result = measurement.result()
    assert result.samples["trials"] == subject.tried
    assert result.metrics["learning_rate"] == measurement.trainer.learning_rate == 1e-2
    assert result.metrics["learning_rate_trials"] == 3


def trained(corpus, **protocol):
    """A training that may end before its steps, and its measurement."""
    cell = subjects(corpus, "learning")["transformer"].cell
    subject = subjects(corpus, "learning", protocol=cell.protocol | protocol)["transformer"]
    measurement = Measurement(subject, lambda share: None)
    measurement.round()
    return measurement, measurement.result()


def test_a_training_that_brings_nothing_ends_and_its_best_weights_are_tested(corpus):
    measurement, result = trained(
        corpus, steps=40, eval_every=2, patience=2, learning_rates=[3e-1], eval_rows=32
    )
    curve = result.samples["validation"]
    assert result.metrics["ended"] == "converged"
    assert curve[-1][0] == len(result.samples["loss"]) < 40
    best = min(curve, key=lambda point: point[1])
    assert result.metrics["best_step"] == best[0] < curve[-1][0]
    assert result.metrics["validation_metric"] == best[2]
    again = evaluate(measurement.subject, measurement.trainer.model, measurement.validation, 8)
    assert again.loss == pytest.approx(best[1])


def test_a_training_that_still_learns_is_cut_off_by_the_ceiling(corpus):
    _, result = trained(corpus, steps=20, eval_every=10, patience=2, learning_rates=[3e-3])
    assert result.metrics["ended"] == "ceiling"
    assert len(result.samples["loss"]) == 20


def test_without_patience_a_training_has_its_steps(corpus):
    _, result = trained(corpus, steps=4, eval_every=1, learning_rates=[1e-3])
    assert "ended" not in result.metrics
    assert len(result.samples["loss"]) == 4


@pytest.mark.parametrize(
    ("losses", "metrics", "ended", "best"),
    [
        ([5.0, 4.0, 3.0], [0.0, 0.0, 0.0], None, 20),
        ([5.0, 4.0, 3.0, 2.0, 1.0], [0.0, 0.5, 0.6, 0.7, 0.8], "ceiling", 40),
        ([5.0, 4.0, 3.0], [0.0, 0.99, 1.0], "solved", 20),
        ([5.0, 4.0, 3.0], [0.0, 0.9, 1.0], None, 20),  # once may be luck
        ([5.0, 4.0, 3.9999, 3.9998], [0.0, 0.5, 0.5, 0.5], "converged", 30),
        ([5.0, 4.0, 4.1, 3.9], [0.0, 0.5, 0.5, 0.5], None, 30),
    ],
)
def test_how_a_training_ends(losses, metrics, ended, best):
    curve = [(10 * n, *point) for n, point in enumerate(zip(losses, metrics, strict=True))]
    protocol = {"patience": 2, "steps": 40}
    found = of_end(curve, protocol, lambda score: score >= 0.99)
    assert found == {"ended": ended, "best_step": best}


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("constant", [0, 0.5, 1, 1, 1]), ("cosine", [0, 0.5, 1, 0.5, 0])],
)
def test_the_learning_rate_rises_and_falls_as_the_protocol_says(corpus, schedule, shares):
    cell = subjects(corpus, "learning")["lstm"].cell
    protocol = cell.protocol | {"schedule": schedule, "warmup_steps": 2}
    subject = subjects(corpus, "learning", protocol=protocol)["lstm"]
    measurement = Measurement(subject, lambda share: None)
    trainer = measurement._trainer(subject.build(), 1e-3, 4)
    found = [trainer.learning_rate]
    for batch in subject.batches(4, 2):
        trainer.run([batch])
        found.append(trainer.learning_rate)
    assert found == pytest.approx([1e-3 * share for share in shares])


@pytest.mark.parametrize(
    ("own", "losses", "ended"),
    [
        ({"warmup_steps": 20}, [5.0, 5.0, 5.0, 5.0], None),  # two of these at a rate still rising
        ({"warmup_steps": 20}, [5.0, 5.0, 5.0, 5.0, 5.0], "converged"),
        ({"schedule": "cosine"}, [5.0, 4.0, 4.0, 4.0], None),
        ({"schedule": "cosine"}, [5.0, 4.0, 4.0, 4.0, 4.0, 4.0], "ceiling"),
    ],
)
def test_what_the_schedule_has_done_is_no_convergence(own, losses, ended):
    curve = [(10 * n, loss, 0.5) for n, loss in enumerate(losses)]
    protocol = {"patience": 2, "steps": 50} | own
    assert of_end(curve, protocol, lambda score: False)["ended"] == ended


def test_what_a_half_type_s_training_changed_is_of_the_training(corpus):
    """And not of the weights that were put back."""
    cell = subjects(corpus, "learning")["transformer"].cell
    protocol = cell.protocol | {
        "patience": 1,
        "learning_rates": [3e-1],
        "steps": 4,
        "eval_every": 2,
    }
    subject = subjects(corpus, "learning", protocol=protocol, dtype="pure_bfloat16")["transformer"]
    measurement = Measurement(subject, lambda share: None)
    measurement.round()
    result = measurement.result()
    assert result.metrics["best_step"] == 0
    assert max(share for _, share in result.samples["changed_share"]) > 0.5


def test_trials_that_end_while_the_rate_rises_are_refused(corpus):
    cell = subjects(corpus, "learning")["lstm"].cell
    protocol = cell.protocol | {"learning_rates": [1e-3, 1e-2], "warmup_steps": 20}
    asked = cell.model_copy(update={"protocol": protocol | {"trial_steps": 20}})
    with pytest.raises(Unsupported, match="trial_steps above warmup_steps, 20"):
        refuse(asked, "AutoModel", None)
    refuse(cell.model_copy(update={"protocol": protocol | {"trial_steps": 21}}), "AutoModel", None)
