"""What half types do to a training, and what is recorded of it."""

from functools import partial

import pytest
import torch
from torch.amp import GradScaler

from bench.measure import contract, subject
from bench.measure.training import Trainer, nonfinite_share
from bench.outcome import Diverged, Invalid
from models.precision import PRECISIONS

from ..probes.subjects import ARMS, subjects

HALF = [name for name, precision in PRECISIONS.items() if precision.half]
MIXED = [name for name, precision in PRECISIONS.items() if precision.mixed]


def trainer(of, rate=1e-3, clip=1.0):
    return Trainer(of.build(), of.head, rate, clip, of.precision)


def measured(corpus, probe, arm, rounds=1, **changes):
    measurement = contract.load(probe).Measurement(
        subjects(corpus, probe, **changes)[arm], lambda share: None
    )
    for _ in range(rounds):
        measurement.round()
    return measurement.result()


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("dtype", MIXED)
def test_autocast_trains_float32_weights(corpus, dtype, arm):
    """As in float32 to the half type's digits: loss, norm before clipping, and what is learned."""
    found = {}
    for name in (dtype, "float32"):
        of = subjects(corpus, "learning", dtype=name)[arm]
        found[name] = trainer(of)
        found[name].run(of.batches(4, 4))
    ours, usual = (found[name].training() for name in (dtype, "float32"))
    assert {weight.dtype for weight in found[dtype].model.parameters()} == {torch.float32}
    assert ours.losses == pytest.approx(usual.losses, rel=0.02)
    assert ours.losses != usual.losses, "nothing was rounded"
    assert ours.norms == pytest.approx(usual.norms, rel=0.1)
    assert found[dtype].skipped() == 0
    assert ours.changed == {}


def test_a_step_whose_gradients_overflow_is_skipped_and_counted(corpus, monkeypatch):
    monkeypatch.setattr(subject, "GradScaler", partial(GradScaler, init_scale=2.0**32))
    of = subjects(corpus, "learning", dtype="float16")[ARMS[0]]
    training = trainer(of)
    training.run(of.batches(24, 2))
    wrong = sum(not norm < float("inf") for norm in training.training().norms)
    assert training.skipped() == wrong
    assert 0 < wrong < 24
    assert nonfinite_share(training.model) == 0


@pytest.mark.parametrize("arm", ARMS)
def test_pure_float16_is_invalid_not_diverged(corpus, arm):
    """AdamW's 1e-8 is zero in float16, so its first step divides by zero."""
    of = subjects(corpus, "learning", dtype="pure_float16")[arm]
    training = trainer(of)
    with pytest.raises(Invalid, match=r"at step 1, and \d+\.\d% of the weights, float16 with") as e:
        training.run(of.batches(1, 2))
    assert e.value.details["step"] == 1
    assert e.value.details["nonfinite_weights_share"] > 0.1


def test_float32_that_overflows_has_diverged(corpus):
    of = subjects(corpus, "learning")[ARMS[0]]
    training = trainer(of, rate=1e30)
    with pytest.raises(Diverged):
        training.run(of.batches(4, 2))


@pytest.mark.parametrize("probe", ["learning", "speed", "gradient", "memory"])
def test_no_probe_measures_weights_that_are_no_numbers(corpus, probe):
    with pytest.raises(Invalid, match=r"not finite at step \d+, and .*% of the weights"):
        measured(corpus, probe, ARMS[0], dtype="pure_float16")


@pytest.mark.parametrize("arm", ARMS)
def test_without_a_float32_copy_many_entries_stay_where_they_are(corpus, arm):
    of = subjects(corpus, "learning", dtype="pure_bfloat16")[arm]
    training = trainer(of, rate=1e-5)
    training.run(of.batches(3, 2))
    changed = training.training().changed
    assert 0 < changed["embeddings"] < 0.9
    before, after = (model.get_input_embeddings().weight for model in (of.build(), training.model))
    if arm == "lstm":  # where they are the group's only table
        assert changed["embeddings"] == float((before != after).double().mean())
    samples = training.training().samples()["changed_share"]
    assert [group for group, _ in samples] == list(changed)


def test_speed_tells_what_its_steps_did(corpus):
    found = measured(corpus, "speed", "lstm", rounds=3, dtype="pure_bfloat16").metrics
    assert found["measured_steps"] >= 3
    assert found["skipped_steps"] == 0
    assert 0 < dict(found["changed_share"])["embeddings"] < 1
    assert measured(corpus, "speed", "lstm").metrics["changed_share"] is None
