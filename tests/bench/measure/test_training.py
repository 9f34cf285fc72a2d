"""A training against a loop of bare PyTorch."""

import pytest
import torch

from bench.measure.scoring import evaluate
from bench.measure.training import Trainer
from bench.outcome import Diverged

from ..probes.subjects import subjects


@pytest.fixture(params=["lstm", "transformer"])
def arm(request):
    return request.param


def test_equals_a_loop_written_bare(corpus, arm):
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


def test_nan_at_step_7_is_diverged_at_step_7(corpus, arm):
    subject = subjects(corpus, "learning")[arm]
    batches = subject.batches(10, 2)
    trainer = Trainer(subject.build(), subject.head, 1e-3, 1.0)
    trainer.run(batches[:6])
    with torch.no_grad():
        next(trainer.model.classifier.parameters()).fill_(float("nan"))
    with pytest.raises(Diverged, match="not finite at step 7") as error:
        trainer.run(batches[6:])
    assert error.value.details == {"step": 7}


def test_learns_a_batch_by_heart(corpus, arm):
    subject = subjects(corpus, "learning")[arm]
    batch = subject.rows("train", 8, seed=0)
    trainer = Trainer(subject.build(), subject.head, 3e-3, 1.0)
    before = evaluate(subject, trainer.model, batch, 4)
    trainer.run([batch] * 40)
    after = evaluate(subject, trainer.model, batch, 4)
    assert after.loss < 0.1 < before.loss
    assert after.metric == 1.0


def test_a_trainer_that_goes_on_scales_the_loss_as_the_one_before(corpus):
    subject = subjects(corpus, "learning", dtype="float16")["lstm"]

    def trainer():
        return Trainer(subject.build(), subject.head, 1e-3, 1.0, subject.precision)

    before, after = trainer(), trainer()
    before.run(subject.batches(2, 2))
    before._step.scaler.update(1024.0)
    after.restore(before.state())
    assert after._step.scaler.state_dict() == before._step.scaler.state_dict()
    assert after._step.scaler.get_scale() == 1024.0
    assert after.skipped() == before.skipped()
