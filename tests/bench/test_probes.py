"""What the probes measure, against bare PyTorch; the gradient has a file of its own."""

import pytest
import torch

from bench import registry, study
from bench.execute import sizing
from bench.measure import contract, devices, objective
from bench.measure.scoring import evaluate
from bench.measure.subject import Subject
from bench.outcome import Diverged, Unsupported
from bench.probes.learning.measure import Trainer
from bench.probes.speed import measure as speed

from ..conftest import TINY


def subjects(corpus, probe, **changes):
    """The tiny study's subjects of a probe, by arm."""
    cells = [c for c in study.load(str(TINY)).cells if c.probe == probe and c.seed == 0]
    found = {}
    for cell in cells:
        changed = cell.model_copy(update=changes)
        if changed.arm not in found:
            decided = sizing.sized(changed, corpus)
            found[changed.arm] = Subject(changed, decided["config"], corpus)
    return found


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


class TestSpeed:
    @pytest.mark.parametrize("phase", ["training", "forward"])
    def test_a_sample_a_round(self, corpus, arm, phase):
        subject = subjects(corpus, "speed", axes={"phase": phase})[arm]
        measurement = contract.load("speed").Measurement(subject, lambda share: None)
        for _ in range(4):
            measurement.round()
        result = measurement.result()
        seconds = result.samples["seconds"]
        assert len(seconds) == 4
        assert min(seconds) > 0
        protocol = subject.cell.protocol
        assert result.metrics["tokens_per_step"] == protocol["batch_size"] * subject.cell.length
        assert len(result.samples["warmup_seconds"]) >= 2
        assert result.metrics["first_step_s"] == result.samples["warmup_seconds"][0]
        assert result.metrics["compile_s"] is None, "nothing was compiled"

    def test_a_prefill_is_a_language_models(self, corpus, arm):
        subject = subjects(corpus, "speed", axes={"phase": "prefill"})[arm]
        with pytest.raises(Unsupported, match=r"prefill is a language model's; .*Classification"):
            speed.refuse(subject.cell, subject.task.HEAD, None)

    def test_a_prefill_keeps_what_decoding_goes_on_from(self, corpus, arm):
        subject = subjects(corpus, "speed", axes={"phase": "prefill"}, task="language")[arm]
        model, batch = subject.build().eval(), subject.batches(1, 2)[0]
        outputs = objective.prefill(model, subject.task.HEAD)(batch)
        assert outputs.logits.shape[:2] == (2, 1), "of the last position only"
        assert outputs.past_key_values.get_seq_length() == subject.cell.length
        speed.refuse(subject.cell, subject.task.HEAD, None)
        measurement = speed.Measurement(subject, lambda share: None)
        measurement.round()
        assert measurement.result().samples["seconds"]

    def test_a_slow_first_step_is_followed_by_another(self, corpus, monkeypatch):
        """A minute of compiling ends the warm-up, but not before there is a step to go by."""
        monkeypatch.setattr(speed, "_MOST_WARMUP_S", 1e-9)
        measurement = speed.Measurement(subjects(corpus, "speed")["lstm"], lambda share: None)
        assert len(measurement.warmup) == 2

    @pytest.mark.parametrize(
        ("seconds", "settled"),
        [
            ([], True),
            ([1.0], True),
            ([1.0, 1.05], True),
            ([1.0, 0.8], False),
            ([9.0] * 5 + [1.0] * 5, False),
            ([9.0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], True),
            ([1.0, 1, 1, 1, 1, 1, 1, 5, 1, 1], True),
        ],
    )
    def test_warm_up_ends_when_two_medians_agree(self, seconds, settled):
        assert speed._settled(seconds) is settled

    def test_short_steps_are_timed_many_at_once(self, corpus):
        cell = next(c for c in study.load(str(TINY)).cells if c.probe == "speed")
        protocol = cell.protocol | {"block_ms": 1e9}
        subject = subjects(corpus, "speed", protocol=protocol)["lstm"]
        measurement = contract.load("speed").Measurement(subject, lambda share: None)
        assert measurement.block_steps > 1000, "a thousand seconds to a step"


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
    measurement.round() if probe == "speed" else None
    assert measurement.result().metrics
