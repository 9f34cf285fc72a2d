"""What the probes measure, against bare PyTorch; the gradient has a file of its own."""

import pytest
import torch

from bench import registry, study
from bench.measure import contract, devices
from bench.measure.scoring import evaluate
from bench.outcome import Diverged, Unsupported
from bench.probes.learning.measure import Trainer

from ..conftest import TINY
from .probes.subjects import subjects


@pytest.fixture(params=["lstm", "transformer"])
def arm(request):
    return request.param


@pytest.mark.parametrize("name", registry.probes())
def test_contract(name):
    module, literals = contract.load(name), registry.probes()[name].literals
    assert registry.probes()[name].summary
    assert {"HEADS", "AXES", "PROTOCOL", "TIMED", "INTERLEAVED"} <= set(literals)
    defaults = {key: field["default"] for key, field in literals["PROTOCOL"].items()}
    axes = {key: axis["default"][0] for key, axis in literals["AXES"].items()}
    if not literals["INTERLEAVED"]:
        assert sum(module.work(defaults, axes)) > 0
        return
    quick, slow = (module.pace(defaults, axes, lambda _, s=s: s) for s in (0.01, 10.0))
    assert 0 < quick[0] < slow[0]
    assert 0 < quick[1] < slow[1]
    assert slow[1] >= 10.0


def test_same_rows_for_every_arm(corpus):
    lstm, transformer = subjects(corpus, "learning").values()
    for one, other in zip(lstm.batches(3, 4), transformer.batches(3, 4), strict=True):
        assert torch.equal(one["input_ids"], other["input_ids"])
        assert torch.equal(one["labels"], other["labels"])


class TestTraining:
    def test_equals_a_loop_written_bare(self, corpus, arm):
        """Same losses, same norms before clipping, and bitwise the same weights."""
        subject = subjects(corpus, "learning")[arm]
        batches = subject.batches(4, 4)
        trainer = Trainer(subject.build(), subject.head, 1e-3, 0.5)
        trainer.run(batches)
        bare = subject.build().train()
        optimizer = torch.optim.AdamW(bare.parameters(), lr=1e-3)
        losses, norms = [], []
        for batch in batches:
            optimizer.zero_grad()
            loss = bare(input_ids=batch["input_ids"], labels=batch["labels"]).loss
            loss.backward()
            squares = sum(p.grad.double().square().sum() for p in bare.parameters())
            norms.append(float(squares.sqrt()))
            torch.nn.utils.clip_grad_norm_(bare.parameters(), 0.5)
            optimizer.step()
            losses.append(loss.item())
        training = trainer.training()
        assert training.losses == losses
        assert training.norms == pytest.approx(norms, rel=1e-5)
        assert max(training.norms) > 0.5, "the clip must have had something to do"
        for ours, theirs in zip(trainer.model.parameters(), bare.parameters(), strict=True):
            assert torch.equal(ours, theirs)

    def test_nan_at_step_7_is_diverged_at_step_7(self, corpus, arm):
        subject = subjects(corpus, "learning")[arm]
        batches = subject.batches(10, 2)
        trainer = Trainer(subject.build(), subject.head, 1e-3, 1.0)
        trainer.run(batches[:6])
        with torch.no_grad():
            next(trainer.model.classifier.parameters()).fill_(float("nan"))
        with pytest.raises(Diverged, match="not finite at step 7") as error:
            trainer.run(batches[6:])
        assert error.value.details == {"step": 7}

    def test_learns_a_batch_by_heart(self, corpus, arm):
        subject = subjects(corpus, "learning")[arm]
        batch = subject.rows("train", 8, seed=0)
        trainer = Trainer(subject.build(), subject.head, 3e-3, 1.0)
        before = evaluate(subject, trainer.model, batch, 4)
        trainer.run([batch] * 40)
        after = evaluate(subject, trainer.model, batch, 4)
        assert after.loss < 0.1 < before.loss
        assert after.metric == 1.0

    def test_evaluation_counts_a_short_last_batch_by_its_rows(self, corpus):
        subject = subjects(corpus, "learning")["lstm"]
        rows, model = subject.rows("test", 7, seed=0), subject.build()
        three, seven = (evaluate(subject, model, rows, size) for size in (3, 7))
        assert three.metric == pytest.approx(seven.metric)
        assert three.loss == pytest.approx(seven.loss)

    def test_learning_rate_with_the_best_trial_is_kept(self, corpus):
        cell = study.load(str(TINY)).cells[0]
        protocol = cell.protocol | {"learning_rates": [1e-30, 1e-2], "trial_steps": 3}
        subject = subjects(corpus, "learning", protocol=protocol)["transformer"]
        measurement = contract.load("learning").Measurement(subject, lambda share: None)
        measurement.round()
        result = measurement.result()
        losses = dict(result.samples["trials"])
        assert result.metrics["learning_rate"] == min(losses, key=losses.get)
        assert result.metrics["learning_rate_trials"] == 2


def test_an_absent_device_is_refused_not_replaced():
    absent = [d for d in study.DEVICES if d not in ("cpu", _accelerator())]
    for device in absent:
        with pytest.raises(Unsupported, match=f"no {device} device"):
            devices.check(device)


def _accelerator():
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found.type if found else "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(_accelerator() == "cpu", reason="no accelerator on this machine")
@pytest.mark.parametrize("probe", registry.probes())
def test_every_probe_on_the_accelerator(corpus, arm, probe):
    subject = subjects(corpus, probe, device=_accelerator())[arm]
    measurement = contract.load(probe).Measurement(subject, lambda share: None)
    measurement.round()
    if registry.probes()[probe].literals["INTERLEAVED"]:
        measurement.round()
    assert measurement.result().metrics
