"""A training against a loop of bare PyTorch."""

import pytest
import torch

from bench import study
from bench.execute import sizing
from bench.measure.scoring import evaluate
from bench.measure.subject import Subject
from bench.outcome import Diverged
from bench.probes.learning.measure import Measurement, Trainer

from ....conftest import TINY


def subjects(corpus, **changes):
    """The tiny study's trainings, by arm."""
    found = {}
    for cell in study.load(str(TINY)).cells:
        changed = cell.model_copy(update=changes)
        if cell.probe == "learning" and cell.seed == 0 and changed.arm not in found:
            decided = sizing.sized(changed, corpus)
            found[changed.arm] = Subject(changed, decided["config"], corpus)
    return found


@pytest.fixture(params=["lstm", "transformer"])
def arm(request):
    return request.param


def test_same_rows_for_every_arm(corpus):
    lstm, transformer = subjects(corpus).values()
    for one, other in zip(lstm.batches(3, 4), transformer.batches(3, 4), strict=True):
        assert torch.equal(one["input_ids"], other["input_ids"])
        assert torch.equal(one["labels"], other["labels"])


class TestTraining:
    def test_equals_a_loop_written_bare(self, corpus, arm):
        """Same losses, same norms before clipping, and bitwise the same weights."""
        subject = subjects(corpus)[arm]
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
        subject = subjects(corpus)[arm]
        batches = subject.batches(10, 2)
        trainer = Trainer(subject.build(), subject.head, 1e-3, 1.0)
        trainer.run(batches[:6])
        with torch.no_grad():
            next(trainer.model.classifier.parameters()).fill_(float("nan"))
        with pytest.raises(Diverged, match="not finite at step 7") as error:
            trainer.run(batches[6:])
        assert error.value.details == {"step": 7}

    def test_learns_a_batch_by_heart(self, corpus, arm):
        subject = subjects(corpus)[arm]
        batch = subject.rows("train", 8, seed=0)
        trainer = Trainer(subject.build(), subject.head, 3e-3, 1.0)
        before = evaluate(subject, trainer.model, batch, 4)
        trainer.run([batch] * 40)
        after = evaluate(subject, trainer.model, batch, 4)
        assert after.loss < 0.1 < before.loss
        assert after.metric == 1.0

    def test_evaluation_counts_a_short_last_batch_by_its_rows(self, corpus):
        subject = subjects(corpus)["lstm"]
        rows, model = subject.rows("test", 7, seed=0), subject.build()
        three, seven = (evaluate(subject, model, rows, size) for size in (3, 7))
        assert three.metric == pytest.approx(seven.metric)
        assert three.loss == pytest.approx(seven.loss)

    def test_learning_rate_with_the_best_trial_is_kept(self, corpus):
        cell = subjects(corpus)["transformer"].cell
        protocol = cell.protocol | {"learning_rates": [1e-30, 1e-2], "trial_steps": 3}
        subject = subjects(corpus, protocol=protocol)["transformer"]
        measurement = Measurement(subject, lambda share: None)
        measurement.round()
        result = measurement.result()
        losses = dict(result.samples["trials"])
        assert result.metrics["learning_rate"] == min(losses, key=losses.get)
        assert result.metrics["learning_rate_trials"] == 2
